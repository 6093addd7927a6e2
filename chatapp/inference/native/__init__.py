"""The compiled int8 runtime for CPUs; `native_decoder` is the way in.

It is built with the system's C++ compiler at first use. Where there is none, or the model is of a
shape that it does not run, `NativeUnavailable` says why and PyTorch serves.
"""

from chatapp.inference.native.build import NativeUnavailable
from chatapp.inference.native.factory import native_decoder

__all__ = ["NativeUnavailable", "native_decoder"]
