"""The compiled runtime's C interface, as Python functions with types."""

from __future__ import annotations

import ctypes
import functools
from ctypes import c_char_p, c_float, c_int, c_int32, c_int64, c_void_p
from typing import ClassVar

from chatapp.inference.native.build import NativeUnavailable, library_path


class Shape(ctypes.Structure):
    """`struct Shape` of runtime.h."""

    _fields_: ClassVar = [
        (name, c_int32)
        for name in (
            *("vocab", "layers", "d_model", "heads", "kv_heads", "head_dim", "d_ff", "context"),
            *("layer_norm", "embedding_norm", "head_norm", "gated", "ring_slack"),
        )
    ]


_FUNCTIONS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "native_variants": (c_char_p, ()),
    "native_new": (c_void_p, (c_void_p, c_void_p, c_char_p, c_int)),
    "native_free": (None, (c_void_p,)),
    "native_slot_bytes": (c_int64, (c_void_p,)),
    "native_ring_kind": (c_int32, (c_void_p,)),
    "native_max_rows": (c_int32, (c_void_p,)),
    "native_set_linear": (
        c_int,
        (c_void_p, c_int, c_int, c_void_p, c_void_p, c_void_p, c_int, c_int),
    ),
    "native_set_norm": (None, (c_void_p, c_int, c_int, c_void_p, c_void_p, c_float)),
    "native_set_tables": (None, (c_void_p,) * 6),
    "native_allocate": (c_int, (c_void_p, c_int)),
    "native_run": (None, (c_void_p, c_int, *(c_void_p,) * 4, c_int, c_void_p)),
    "native_copy": (None, (c_void_p, c_int, c_int)),
    "native_refill": (None, (c_void_p, c_int, c_int)),
}


@functools.cache
def load_library() -> ctypes.CDLL:
    """Return the runtime, built first where that has not been done yet.

    Raises:
        NativeUnavailable: it cannot be built or loaded.
    """
    path = library_path()
    try:
        library = ctypes.CDLL(str(path))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        path.unlink(missing_ok=True)  # so that the next start builds it anew
        raise NativeUnavailable(
            f"the compiled runtime does not load and was removed: {error}",
            fix="start again; it is built anew.",
        ) from error
    return library


def variants() -> tuple[str, ...]:
    """Return the instruction sets that this CPU and build have in common, best first.

    Raises:
        NativeUnavailable: see `load_library`.
    """
    return tuple(load_library().native_variants().decode().split())
