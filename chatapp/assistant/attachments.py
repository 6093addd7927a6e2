"""Files that a person attaches to a message: read once, kept whole in the conversation.

The thing to know: the text passes the same loaders and the same cleaning as the index, so a quote
from an attached file is a span of the text that is stored with the message.
"""

from __future__ import annotations

import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from chatapp.conversations import Part

LARGEST_FILE = 20 << 20  # bytes; a PDF may be mostly pictures
LONGEST_TEXT = 2_000_000  # characters, about the size of a thick book


class AttachmentError(ValueError):
    """A file that cannot be attached; the message says why, `hint` what to do instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Attachment:
    """A file as it was read: its name, title, address and clean text."""

    name: str
    title: str
    uri: str
    text: str


def as_part(attachment: Attachment) -> Part:
    """Return the form in which a message keeps an attachment."""
    return Part("attachment", asdict(attachment))


def from_part(part: Part) -> Attachment:
    """Return the attachment that a message keeps; what an import left out is empty."""
    fields = ("name", "title", "uri", "text")
    return Attachment(*(str(part.data.get(name, "")) for name in fields))


def read_attachment(path: Path | str) -> Attachment:
    """Read a text, Markdown, HTML or PDF file. Blocking.

    Raises:
        AttachmentError: missing, no regular file, too large, or no text can be read from it.
    """
    file = _file(path)
    _check(file)
    # late: the loaders are not needed by chats without attachments
    from retrieval.errors import LoadError
    from retrieval.loaders import load
    from retrieval.loaders.types import BadRecord
    from retrieval.text import sanitize_title

    name = sanitize_title(file.name)
    try:
        documents = [item for item in load(file.resolve()) if not isinstance(item, BadRecord)]
    except LoadError as error:
        raise AttachmentError(f"{name}: {error.message}", error.hint) from error
    if not documents:
        raise AttachmentError(f"{name} holds no document that can be read")
    text = "\n\n".join(document.text for document in documents)
    if len(text) > LONGEST_TEXT:
        raise AttachmentError(f"{name} has {len(text):,} characters of text", _TOO_LARGE)
    title = documents[0].title if len(documents) == 1 else name
    return Attachment(name, title or name, file.resolve().as_uri(), text)


_TOO_LARGE = (
    f"at most {LARGEST_FILE >> 20} MB and {LONGEST_TEXT:,} characters can be attached; "
    "`chatapp index add FILE` takes files of any size"
)


def _file(path: Path | str) -> Path:
    """Return the path with `~` replaced, if a file can be named like that."""
    try:
        file = Path(path).expanduser()
        nameable = b"\0" not in os.fsencode(file)
    except (RuntimeError, UnicodeEncodeError):  # nobody's home; half a character
        nameable = False
    if not nameable:
        raise AttachmentError("this is no file name", "check the path for a typing error")
    return file


def _check(file: Path) -> None:
    """Refuse what is no regular file of a readable size, before anything reads it."""
    from retrieval.errors import unreadable

    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AttachmentError(
                f"{file.name or file} is a folder",
                "attach its files, or run `chatapp index add FOLDER`",
            )
        if not stat.S_ISREG(status.st_mode):
            raise AttachmentError(f"{file.name} is a pipe, socket or device", "save it to a file")
        if status.st_size > LARGEST_FILE:
            raise AttachmentError(f"{file.name} has {status.st_size / 1e6:.0f} MB", _TOO_LARGE)
    except OSError as error:
        reason = unreadable(error)
        raise AttachmentError(f"{file.name}: {reason.message}", reason.hint) from error
