"""Build the compiled runtime ahead of its first use: `python -m chatapp.inference.native`.

Without it the app works as well, so a failure is a line on stderr and no error. With `--background`
it gives way to all other work, and leaves the build to another such process that is at it already.
"""

import fcntl
import os
import sys

from chatapp.inference.native.build import NativeUnavailable, library_path, planned_path
from chatapp.inference.native.library import variants

try:
    if "--background" in sys.argv:
        os.nice(19)
        target = planned_path()
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = target.with_suffix(".lock").open("a")  # held until this process ends
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        library_path()
    else:
        print(f"compiled runtime: {', '.join(variants())}")
except OSError as error:
    print(f"the runtime is not compiled by this process: {error}", file=sys.stderr)
except NativeUnavailable as reason:
    print(f"no compiled runtime, PyTorch will serve: {reason}", file=sys.stderr)
    if reason.fix:
        print(f"  fix: {reason.fix}", file=sys.stderr)
