"""What may go wrong in a turn, as the code, message and hint of an `error` event."""

from __future__ import annotations

import logging
from typing import NoReturn

from chatapp.assistant.events import Error, Warning
from chatapp.assistant.prompt import LONGEST_PROMPT
from chatapp.conversations import NotFound, StorageError
from chatapp.inference.generator import ContextOverflow

# Without a handler Python prints tracebacks to stderr, over the terminal UI.
log = logging.getLogger("chatapp")
log.addHandler(logging.NullHandler())

_SHORTEN = (
    "Shorten it, or save it as a file, run `chatapp index add FILE` and ask about its content."
)


class TurnFailed(Exception):
    """A turn cannot go on; `error` is what the person is told."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message)
        self.error = error


EMPTY = Error("empty_question", "The question is empty.", "Write one.")


def too_long(text: str) -> Error:
    """Return the answer to a prompt that is longer than LONGEST_PROMPT."""
    return Error(
        "prompt_too_long",
        f"This prompt has {len(text):,} characters; the limit is {LONGEST_PROMPT:,}. "
        "It was saved, but not answered.",
        _SHORTEN,
    )


_NO_MODEL = {"ModelUnavailable", "RemoteError"}


def explain(error: Exception) -> Error:
    """Return the error event for an exception; one that nobody expected is logged."""
    match error:
        case TurnFailed():
            return error.error
        case StorageError():
            return Error("storage", error.message, error.hint)
        case NotFound():
            return Error("not_found", str(error.args[0]), "`chatapp conversations list` shows all.")
        case ContextOverflow():
            return Error("context_overflow", str(error), _SHORTEN)
    # By name, because importing the module that defines it would import torch.
    if any(kind.__name__ in _NO_MODEL for kind in type(error).__mro__):
        hint = getattr(error, "hint", "") or "Run `chatapp doctor`. Cited answers work without it."
        return Error("model_unavailable", str(error), hint)
    log.exception("A turn failed", exc_info=error)
    return Error(
        "internal",
        f"Something went wrong inside chatapp ({type(error).__name__}: {error}).",
        "What was written is saved. Try again; `chatapp doctor` checks the installation.",
    )


EMPTY_INDEX = Warning(
    "index_empty",
    "Nothing is indexed yet, so the answer comes from the model alone.",
    "Run `chatapp index add PATH` to give it sources.",
)


CALL_CUT = Warning(
    "tool_call_cut",
    "The model began to call a tool and reached the longest answer before the call was whole.",
    "Raise generation.max_tokens.",
)


_NO_INDEX = "index_unavailable"
_MEND_INDEX = "Run `chatapp index rebuild`; `chatapp doctor` says more."


def no_index(error: Exception) -> Warning:
    """Return the warning that the sources cannot be used, with the reason the index gave."""
    log.warning("The index could not be used", exc_info=error)
    hint = getattr(error, "hint", "") or _MEND_INDEX
    return Warning(_NO_INDEX, f"The sources cannot be used: {error}", hint)


def index_needed(error: Exception) -> NoReturn:
    """End the turn: a person who asked for sources shall not get the model's own answer.

    Raises:
        TurnFailed: always, with the reason the index gave.
    """
    log.warning("The index could not be used", exc_info=error)
    hint = getattr(error, "hint", "") or _MEND_INDEX
    raise TurnFailed(
        Error(
            _NO_INDEX,
            f"The sources cannot be used: {error}",
            f"{hint.rstrip('.')}. To ask the model alone, switch sources off.",
        )
    ) from error


def no_files(error: Exception) -> Warning:
    """Return the warning that the attached files cannot be quoted, with the reason."""
    log.warning("The attached files could not be used", exc_info=error)
    return Warning(
        "files_unavailable",
        f"The attached files cannot be searched: {error}",
        getattr(error, "hint", "") or "The chat goes on without them.",
    )


def no_web(error: Exception) -> Warning:
    """Return the warning that the web cannot be used, with the reason."""
    log.warning("The web could not be used", exc_info=error)
    return Warning(
        "web_unavailable",
        f"The web cannot be used: {error}",
        getattr(error, "hint", "") or "The chat goes on without it; `chatapp doctor` says more.",
    )


def no_summary(error: Exception) -> Warning:
    """Return the warning that no new summary was written, with the reason."""
    log.warning("No summary could be written", exc_info=error)
    return Warning(
        "summary_unavailable",
        f"Earlier rounds could not be summarised: {error}",
        "The chat goes on without a new summary; /summary write tries again.",
    )


def no_memory(error: Exception) -> Warning:
    """Return the warning that nothing is remembered or recalled for now, with the reason."""
    log.warning("The memory could not be used", exc_info=error)
    return Warning(
        "memory_unavailable",
        f"The memory cannot be used: {error}",
        getattr(error, "hint", "") or "The chat goes on without it; `chatapp doctor` says more.",
    )
