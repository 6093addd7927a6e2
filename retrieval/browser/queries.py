"""What to search for: the question's own words, fewer of them, or what was found so far.

"Where was the architect of the tower born?" finds "The architect of the tower is Ada Quill", which
says nothing of a birth. The name in it that the question does not hold is searched next, with the
words of the question that the found sentence leaves open: a question in two steps.
"""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.browser.ranking import stems_of
from retrieval.question import AnswerKind, analyse
from retrieval.spans import spans_of_kind
from retrieval.terms import STOP_WORDS, content_words, fold, words
from retrieval.types import Quote

_SHARED = 2  # stems of the question that a sentence must hold to name what is searched next


def first_queries(question: str) -> list[str]:
    """Return what to search for, the next one where a search finds nothing.

    Many search engines want every word to stand in a page, so words that only ask are left out,
    then all but names and numbers.
    """
    every = words(question)
    said = [
        word
        for place, word in enumerate(every)
        if fold(word) not in STOP_WORDS or (place and word[:1].isupper() and len(word) > 1)
    ]
    named = [word for word in said if word[:1].isupper() or word.isdigit()]
    queries = [" ".join(said) or question, " ".join(named)]
    return list(dict.fromkeys(query for query in queries if query))


def next_query(question: str, found: Sequence[Quote]) -> str:
    """Return what to search for after what was found, "" if that names nothing new."""
    asked = analyse(question)
    wanted = stems_of(question)
    for quote in sorted(found, key=lambda quote: -quote.score):
        name = _new_name(set(asked.words), quote.text)
        if name and len(wanted & stems_of(quote.text)) >= min(_SHARED, len(wanted)):
            return " ".join([name, *_left_open(asked.words, quote)])
    return ""


def _new_name(known: set[str], text: str) -> str:
    """Return the first name in `text` that shares no word with the question.

    One word that opens the sentence is capitalised anyhow, and no name for that.
    """
    for start, end in spans_of_kind(text, AnswerKind.PERSON):
        opens = start == 0 and " " not in text[start:end]
        if not opens and not known.intersection(content_words(text[start:end])):
            return text[start:end]
    return ""


def _left_open(asked: Sequence[str], quote: Quote) -> list[str]:
    """Return the words of the question that the quote and its title do not say."""
    said = stems_of(f"{quote.title} {quote.text}")
    return [word for word in asked if not stems_of(word) <= said]
