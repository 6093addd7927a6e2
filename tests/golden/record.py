"""Writes the golden transcripts anew: `python -m tests.golden.record [NAME …]`.

Look at what changed before you commit it: the difference is a change of behaviour.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

from tests.golden import session


def main(names: list[str]) -> None:
    """Run the named scripts, or all, and keep what they print."""
    with tempfile.TemporaryDirectory() as home:
        session.prepare(Path(home), setattr, os.environ.__setitem__)
        for script in session.SCRIPTS:
            if names and script.stem not in names:
                continue
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                code = session.run(session.command(script))
            wanted = int(session.header(script, "exit") or 0)
            mark = "" if code == wanted else f"  EXPECTED {wanted}"
            print(f"{code:>3}  {script.stem}{mark}")
            session.transcript_of(script).write_text(
                session.portable(said.getvalue()), encoding="utf-8"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
