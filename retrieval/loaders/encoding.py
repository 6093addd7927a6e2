"""Which characters the bytes of a text stand for.

The thing to know: UTF-8 proves itself, an older encoding can only be guessed. A guess is taken when
there is enough text for it and the result reads like a language; else the file is refused, because
wrong characters in an index are found by nobody.
"""

from __future__ import annotations

import codecs
import re

from retrieval.errors import LoadError

_SNIFF_BYTES = 8192
_GUESS_BYTES = 1 << 16
_LEAST_BYTES = 60  # shorter texts fit several encodings
_MOST_CHAOS = 0.1  # share of odd neighbours; right guesses in ten languages had up to 0.065
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What is still met in files. The first of equals wins: most old Western text is Windows' own.
_OLD_NAMES = (
    "cp1252 cp1250 cp1251 koi8_r cp1253 cp1254 cp1255 cp1256 mac_roman iso8859_2 cp932 euc_jp"
    " gb18030 big5 cp949"
)
_OLD = _OLD_NAMES.split()
_DECLARED = re.compile(
    rb"""<(?:meta\b[^>]{0,200}?charset|\?xml\b[^>]{0,100}?encoding)\s*=\s*["']?([\w.:-]{1,40})""",
    re.IGNORECASE,
)


def encoding_of(beginning: bytes, *, whole: bool) -> str:
    """Return the encoding of a text that begins with `beginning`, or is that as a `whole`.

    Raises:
        LoadError: binary, or in an encoding that cannot be told.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if beginning.startswith(mark):
            return encoding
    if b"\0" in beginning[:_SNIFF_BYTES]:
        raise LoadError("this is a binary file, not text", "convert it to text, Markdown or PDF")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning, final=whole)
    except UnicodeDecodeError as error:
        return _guessed(beginning, error)
    return "utf-8"


def decode(data: bytes, *, declares: bool = False) -> str:
    """Return `data` as text; with `declares`, what HTML or XML says of itself goes before a guess.

    Raises:
        LoadError: as above.
    """
    named = _declared(data) if declares else ""
    if named:
        try:
            return data.decode(named)
        except UnicodeDecodeError:
            pass  # it is not what it says
    encoding = encoding_of(data, whole=True)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise not_valid(encoding, error) from error


def not_valid(encoding: str, error: UnicodeDecodeError) -> LoadError:
    """Return what to say of a text that breaks off its own encoding."""
    return LoadError(
        f"the text is not valid {encoding.upper()} (byte {error.start})",
        "convert it first, for example: iconv -f latin1 -t utf-8 FILE > FILE.txt",
    )


def _declared(data: bytes) -> str:
    """Return the encoding that a page names at its beginning, "" if it is none we know."""
    if data.startswith(tuple(mark for mark, _ in _BYTE_ORDER_MARKS)):
        return ""
    found = _DECLARED.search(data, 0, 2048)
    if not found:
        return ""
    try:
        return codecs.lookup(found[1].decode()).name
    except LookupError:
        return ""


def _guessed(beginning: bytes, error: UnicodeDecodeError) -> str:
    from charset_normalizer import from_bytes

    sample = beginning[:_GUESS_BYTES]
    if len(sample) >= _LEAST_BYTES:
        fits = [
            match for match in from_bytes(sample, cp_isolation=_OLD) if match.chaos < _MOST_CHAOS
        ]
        if fits:
            best = fits[0]
            equals = {
                name
                for match in fits
                if (match.chaos, match.coherence) == (best.chaos, best.coherence)
                for name in match.could_be_from_charset
            }
            return next(name for name in _OLD if name in equals | {best.encoding})
    raise not_valid("utf-8", error) from error
