"""Entry point of the `chatapp` script and of `python -m chatapp`."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """Run the command line of this process and exit with its code.

    While Python imports and when it exits, nothing catches a KeyboardInterrupt; Ctrl-C ends the
    process at once there, as it ends programs that know nothing of it, instead of a traceback.
    """
    python = signal.getsignal(signal.SIGINT)
    if python is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Read when torch is loaded: threads that wait busily slow down a shared machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from chatapp.cli.main import main as run

    signal.signal(signal.SIGINT, python)
    code = run()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # the chat leaves it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)


if __name__ == "__main__":
    main()
