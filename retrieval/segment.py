"""Words for the full text where a script has none: Chinese, Japanese, Korean, and emoji.

The thing to know: SQLite's tokenizer takes a run of such characters for one word, so a sentence
without spaces could be found only as a whole, and drops emoji. Here runs become overlapping pairs
(the usual way, as Lucene's CJKBigramFilter) and single characters, emoji become words. The same
function serves the text that is indexed and the words that are looked for; anything else passes
untouched, and text in Latin script costs one look.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

# Kana with halfwidth forms, bopomofo, Han with its extensions, Hangul.
_RUN = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af]+"
)
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f300-\U0001faff\U0001f1e6-\U0001f1ff"
_SPECIAL = re.compile(f"{_RUN.pattern}|[{_EMOJI}]")
_MAYBE = re.compile("[\u2600-\uffff\U0001f1e6-\U000323af]")


def segmented(text: str) -> str:
    """Return `text` as it is indexed: runs as their characters and pairs, emoji as words."""
    return _replaced(text, lambda run: [*run, *_pairs(run)])


def sought(text: str) -> str:
    """Return `text` as it is looked for: runs as their pairs, a lone character as itself."""
    return _replaced(text, lambda run: _pairs(run) or [run])


def _replaced(text: str, words_of: Callable[[str], list[str]]) -> str:
    if not _MAYBE.search(text):
        return text

    def words(found: re.Match[str]) -> str:
        if not _RUN.match(found[0]):
            return f" emoji{ord(found[0]):x} "
        # A few characters, such as the lone mark of voicing, become a blank and something more.
        run = "".join(unicodedata.normalize("NFKC", found[0]).split())
        return f" {' '.join(words_of(run))} "

    return _SPECIAL.sub(words, text)


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]
