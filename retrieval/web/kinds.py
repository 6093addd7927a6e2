"""What kinds of body are read, how large they may be, and whether one is what it is called.

The thing to know: both the label and the bytes must say the same. A program, a picture or an
archive that is called a page is not handed to any parser.
"""

from __future__ import annotations

import codecs
import re
from typing import Literal

from retrieval.loaders.encoding import declared, encoding_named
from retrieval.web.limits import MIB
from retrieval.web.pages import Unfetchable

Kind = Literal["html", "text", "pdf", "json"]

_KINDS: dict[str, Kind] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "text",
    "text/markdown": "text",
    "text/xml": "text",
    "application/xml": "text",
    "application/pdf": "pdf",
    "application/x-pdf": "pdf",
    "application/json": "json",
    "application/ld+json": "json",
}
ACCEPT = "text/html, application/xhtml+xml, application/pdf;q=0.9, text/plain;q=0.8, */*;q=0.1"

# bytes of the unpacked body; what HTML parsers do to 3 MB of unclosed tags takes half a minute
MOST: dict[Kind, int] = {"html": 2 * MIB, "text": 2 * MIB, "json": 8 * MIB, "pdf": 20 * MIB}

_PDF = b"%PDF-"
_OTHERS = (
    b"\x7fELF", b"MZ", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\x89PNG", b"GIF8", b"\xff\xd8\xff",
    b"RIFF", b"OggS", b"ID3", b"\x00\x00\x01\x00", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe",
    b"SQLite format 3\x00", b"\x00asm", b"\xd0\xcf\x11\xe0", b"{\\rtf", b"%!PS",
)  # fmt: skip
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def kind_of(content_type: str) -> Kind:
    """Return what a `Content-Type` announces. Raises Unfetchable."""
    name = content_type.partition(";")[0].strip().lower()
    if not name:
        raise Unfetchable("type", "the server does not say what this is")
    kind = _KINDS.get(name)
    if kind is None:
        raise Unfetchable("type", f"this is {name[:60]!r}; pages, texts and PDFs can be read")
    return kind


def check_bytes(kind: Kind, body: bytes) -> None:
    """Hold a body against its kind. Raises Unfetchable."""
    start = body.lstrip(b" \t\r\n")[:1024]
    if kind == "pdf":
        if _PDF not in start:
            raise Unfetchable("mislabelled", "the server calls this a PDF, and it is none")
        return
    if not start:
        raise Unfetchable("empty", "the page is empty")
    wide = body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if start.startswith((_PDF, *_OTHERS)) or (b"\x00" in start and not wide):
        raise Unfetchable("mislabelled", "the server calls this a text, and it is a binary file")


def decoded(kind: Kind, content_type: str, body: bytes) -> str:
    """Return the text of a body: by its byte-order mark, the header, its own word, or a guess."""
    for mark, charset in _BOMS.items():
        if body.startswith(mark):
            return body.decode(charset, "replace")
    said = re.search(r"charset\s*=\s*[\"']?([\w:.-]{2,40})", content_type, re.I)
    own = declared(body) if kind == "html" else ""
    if charset := (encoding_named(said[1]) if said else "") or own:
        return body.decode(charset, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")
