"""Build the compiled runtime ahead of its first use: `python -m chatapp.inference.native`.

Without it the app works as well, so a failure is a line on stderr and no error.
"""

import sys

from chatapp.inference.native.build import NativeUnavailable
from chatapp.inference.native.library import variants

try:
    print(f"compiled runtime: {', '.join(variants())}")
except NativeUnavailable as reason:
    print(f"no compiled runtime, PyTorch will serve: {reason}", file=sys.stderr)
    if reason.fix:
        print(f"  fix: {reason.fix}", file=sys.stderr)
