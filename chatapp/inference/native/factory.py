"""Making a native decoder from a loaded model or a directory."""

from __future__ import annotations

from pathlib import Path

from chatapp.inference.native.build import NativeUnavailable
from chatapp.inference.native.decoder import NativeDecoder
from chatapp.model.checkpoint import load_model
from chatapp.model.gpt import GPT
from chatapp.settings import load_settings


def native_decoder(
    model: GPT | Path, *, slots: int = 1, context: int | None = None, threads: int = 1
) -> NativeDecoder:
    """Return a decoder that runs the model in 8 bits on the compiled runtime.

    Args:
        model: a loaded model, whose weights may be of any dtype and may be int8 already, or its
            directory. It is not changed and not kept.
        slots: sequences held at once.
        context: longest sequence of a slot; default and limit: what the model was trained to read.
        threads: CPU threads, the calling one among them.

    Raises:
        NativeUnavailable: there is no compiler, the model's shape is not one the runtime has, or it
            was turned off by the setting `native`.
        ModelUnavailable: the directory holds no model that can be loaded.
    """
    check_wanted()
    if isinstance(model, Path):
        model, _ = load_model(model)
    longest = model.config.context_length
    return NativeDecoder(
        model, slots=slots, context=min(context or longest, longest), threads=max(1, threads)
    )


def check_wanted() -> None:
    """Raise `NativeUnavailable` where the setting `native` turns the runtime off."""
    try:
        wanted = load_settings().settings.native
    except ImportError:  # a bare training machine lacks what finds the settings files
        return
    if not wanted:
        raise NativeUnavailable(
            "it is turned off by the setting `native`",
            fix="take `native` out of your settings file, or unset CHATAPP_NATIVE.",
            by_choice=True,
        )
