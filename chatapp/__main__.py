"""Entry point of the `chatapp` script and of `python -m chatapp`."""

from __future__ import annotations

import sys

from chatapp.cli.main import main as _run


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(_run())


if __name__ == "__main__":
    main()
