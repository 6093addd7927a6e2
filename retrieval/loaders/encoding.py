"""Which characters the bytes of a text stand for.

The thing to know: UTF-8 proves itself, an older encoding can only be guessed. A guess is taken when
there is enough text for it and the result reads like a language; else the file is refused, because
wrong characters in an index are found by nobody.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

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
# As in browsers, what XML says counts where HTML says nothing.
_DECLARED = tuple(
    re.compile(rb"<" + name + rb"""\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
    for name in (rb"meta\b[^>]{0,200}?charset", rb"\?xml\b[^>]{0,100}?encoding")
)
_DECLARED_WITHIN = 4096  # bytes
# by the encoding standard, pages that say the former mean the latter, which holds more
_MEANT = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030",
    "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs",
    "iso8859-11": "cp874", "tis-620": "cp874",
}  # fmt: skip
_CHARSETS = re.compile(
    r"utf[-_](?:8|16|16-le|16-be)|iso8859-\d+|cp(?:125\d|437|8[56]\d|874|932|949|950)|koi8-[rtu]"
    r"|mac-(?:roman|cyrillic|greek|turkish|latin2)|gb18030|big5hkscs|euc_jp|iso2022_jp"
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
    marked = data.startswith(tuple(mark for mark, _ in _BYTE_ORDER_MARKS))
    named = declared(data) if declares and not marked else ""
    if named:
        # Words about itself outlive the saving of a page in UTF-8, which proves itself. What is
        # all ASCII proves nothing: ISO-2022-JP is.
        for encoding in (named,) if data.isascii() else ("utf-8", named):
            with suppress(UnicodeDecodeError):  # it is not what it says
                return data.decode(encoding)
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


def declared(data: bytes) -> str:
    """Return the encoding that HTML or XML names at its beginning, "" if it is none we know."""
    found = [pattern.search(data, 0, _DECLARED_WITHIN) for pattern in _DECLARED]
    names = (encoding_named(match[1].decode("ascii", "replace")) for match in found if match)
    named = next(filter(None, names), "")
    # In UTF-16 these bytes would not be found; programs that write it into UTF-8 are many.
    return "utf-8" if named.startswith("utf-16") else named


def encoding_named(name: str) -> str:
    """Return Python's name of a character set, "" unless it is one that pages use.

    Python knows codecs that unpack, and some in which plain letters hide markup (UTF-7).
    """
    try:
        found = codecs.lookup(name).name
    except LookupError:
        return ""
    meant = _MEANT.get(found, found)
    return meant if _CHARSETS.fullmatch(meant) else ""


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
