"""Stand-ins for the expensive parts: a model that says what it is told, an index, a web.

They keep the contracts of `Generator`, `Index` and `WebAccess` as far as the assistant uses them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence

from chatapp.assistant.web_access import Errand, WebFindings, WebPage, WebStep
from chatapp.inference.generator import (
    ChatMessage,
    ContextOverflow,
    Finished,
    SamplingParams,
    TextDelta,
)
from retrieval.types import Document, Hit, IndexStatus, Passage, Quote


class FakeGenerator:
    """Says `reply` word by word; one word is one token.

    `delay` seconds pass before each word; after `fail_after` words it raises `error`. What it was
    asked stands in `prompts` and `params`.
    """

    def __init__(
        self,
        reply: str = "Hello there, how can I help?",
        *,
        delay: float = 0.0,
        fail_after: int | None = None,
        error: Exception | None = None,
        context_length: int = 1024,
    ) -> None:
        self.name = "fake"
        self.context_length = context_length
        self.reply = reply
        self.delay = delay
        self.fail_after = fail_after
        self.error = error or RuntimeError("the engine broke")
        self.prompts: list[list[ChatMessage]] = []
        self.params: list[SamplingParams] = []

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Return one token a word and one a message."""
        return sum(1 + len(message.content.split()) for message in messages)

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """Yield the words of `reply` that an assistant message at the end has not said yet."""
        self.prompts.append(list(messages))
        self.params.append(params)
        prompt_tokens = self.count_tokens(messages)
        if prompt_tokens >= self.context_length:
            raise ContextOverflow(f"{prompt_tokens} tokens do not fit {self.context_length}")
        said = messages[-1].content if messages[-1].role == "assistant" else ""
        words = re.findall(r"\S+\s*", self.reply.removeprefix(said).lstrip())
        for made, word in enumerate(words):
            if should_stop():
                yield Finished("interrupted", prompt_tokens, made, 0.0, 0.0)
                return
            if made == params.max_tokens:
                yield Finished("length", prompt_tokens, made, 0.0, 0.0)
                return
            if made == self.fail_after:
                raise self.error
            time.sleep(self.delay)
            yield TextDelta(word, made + 1)
        yield Finished("stop", prompt_tokens, len(words), 0.0, 0.0)


PAGES = {
    "Kaaba": "The Kaaba is a cube-shaped building in Mecca. It is the holiest site in Islam.",
    "Mona Lisa": "Leonardo da Vinci painted the Mona Lisa about 1503. It hangs in Paris.",
    "Sparse attention": "Sparse attention skips most pairs of tokens. It saves time.",
}


class FakeIndex:
    """Finds the pages that share long words with the query, most shared words first.

    `slow` seconds pass in each search; `search_error` makes it fail.
    """

    def __init__(
        self,
        pages: dict[str, str] | None = None,
        *,
        search_error: Exception | None = None,
        slow: float = 0.0,
    ) -> None:
        self.pages = PAGES if pages is None else pages
        self.search_error = search_error
        self.slow = slow
        self.queries: list[str] = []
        self.closed = False

    def search(
        self,
        query: str,
        k: int = 8,
        *,
        mode: str = "hybrid",
        collections: Sequence[str] = (),
        filters: object = None,
    ) -> list[Hit]:
        """Return the pages that share words of four letters or more with `query`."""
        self.queries.append(query)
        time.sleep(self.slow)
        if self.search_error:
            raise self.search_error
        asked = _words(query)
        shared = {title: len(asked & _words(text)) for title, text in self.pages.items()}
        best = sorted((title for title in shared if shared[title]), key=lambda t: -shared[t])
        return [Hit(self.passage(f"p-{title}"), float(shared[title])) for title in best[:k]]

    def passage(self, passage_id: str) -> Passage:
        """Return the one passage of a page."""
        title = passage_id.removeprefix("p-")
        text = self.pages[title]
        return Passage(passage_id, f"d-{title}", f"fake:{title}", title, "", text, 0, len(text))

    def document(self, document_id: str) -> Document:
        """Return a page."""
        title = document_id.removeprefix("d-")
        return Document(document_id, f"fake:{title}", title, self.pages[title], "files")

    def status(self) -> IndexStatus:
        """Return the counts."""
        count = len(self.pages)
        return IndexStatus("fake", count, count, count, 0, "fake", 1, {"files": count})

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def fake_select_quotes(
    index: FakeIndex,
    question: str,
    hits: Sequence[Hit],
    *,
    max_quotes: int = 3,
    threshold: float = 0.5,
    reader: object = None,
) -> list[Quote]:
    """Quote the first sentence of each hit that shares half of the question's long words."""
    quotes = []
    asked = _words(question) or {"-"}
    for hit in hits:
        score = len(asked & _words(hit.passage.text)) / len(asked)
        if score >= threshold:
            end = hit.passage.text.index(".") + 1
            found = hit.passage
            quotes.append(
                Quote(
                    found.text[:end], found.id, found.document_id, found.uri, found.title, 0, end,
                    score,
                )
            )  # fmt: skip
    return quotes[:max_quotes]


class FakeWeb:
    """Pages by title; each one that shares a long word with the query is read, and quoted whole.

    `problem` is why it cannot search; `queries` left, and `slow` seconds pass before each page.
    """

    def __init__(
        self, pages: dict[str, str], *, problem: str = "", slow: float = 0.0, date: str = ""
    ) -> None:
        self.pages = [
            WebPage(
                f"https://{title.lower()}.example/", title, text, f"{title.lower()}.example", date
            )
            for title, text in pages.items()
        ]
        self.problem = problem
        self.slow = slow
        self.queries: list[str] = []
        self.closed = False

    def services(self) -> list[str]:
        """Return the one service."""
        return ["FakeSearch"]

    def browse(self, errand: Errand) -> WebFindings:
        """Search once, open the pages in turn, quote those that answer."""
        if not errand.may_search(errand.query):
            return WebFindings()
        self.queries.append(errand.query)
        errand.on_step(WebStep("search", f"Searching the web: {errand.query}", errand.query))
        if self.problem:
            return WebFindings(problem=self.problem)
        read, quotes = [], []
        for page in self.pages:
            if errand.should_stop():
                break
            if not _words(errand.query) & _words(f"{page.title} {page.text}"):
                continue
            time.sleep(self.slow)
            read.append(page)
            errand.on_step(WebStep("open", f"Opened: {page.title}", page.url, page.domain))
            if _words(errand.query) & _words(page.text):
                end = page.text.index(".") + 1
                text = page.text[:end]
                quote = Quote(text, "", page.document, page.url, page.title, 0, end, 0.9)
                quotes.append(quote)
                said = f"Quoted: {text}"
                errand.on_step(WebStep("quote", said, text, page.domain, quote, page))
        return WebFindings(tuple(quotes), tuple(read))

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) >= 4}
