"""The web's way of answering: ask whether it may, browse in a worker thread, quote what it says.

The thing to know: what was read is never lost. Each step is told and kept as it happens, and a turn
that is stopped half-way answers with the quotes it has. Pages that are quoted are kept with the
answer, because they are in no index.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from chatapp.assistant import failures, grounding
from chatapp.assistant.composing import Found, compose
from chatapp.assistant.events import Browse
from chatapp.assistant.run import Interrupted
from chatapp.assistant.showing import show_quotes
from chatapp.assistant.web_access import Errand, WebAccess, WebFindings, WebPage, WebStep, page_part
from chatapp.assistant.web_consent import Consent, allowed, switched_off
from chatapp.assistant.writing import Writing
from retrieval.types import Quote

GRACE_SECONDS = 3.0  # beyond the setting, before a browse that does not end is left behind
_AROUND = 600  # characters before and after a quote that tell what it speaks of


async def answer_from_web(writing: Writing, query: str) -> grounding.Vain | None:
    """Answer from the web; None when it did, else what was done in vain.

    That is `grounding.NOTHING` itself when the web was not asked at all.
    """
    web = writing.services.web
    if web is None or switched_off(writing):
        return grounding.NOTHING
    if not writing.options.use_sources and not await asyncio.to_thread(allowed, writing):
        return grounding.NOTHING  # whoever wants the model alone is not asked about the web
    access = await writing.attempt(web, lambda opened: opened, failures.no_web)
    if access is None or not access.services():
        return grounding.NOTHING
    trip = _Trip(writing, access)
    findings = await trip.take(query)
    if findings is None:
        return grounding.NOTHING
    if findings.quotes:
        numbered = trip.keep(findings.quotes, findings.pages)
        await show_quotes(writing, writing.draft.question.text, numbered)
        return None
    read = [f"{page.title or page.url} ({page.domain})" for page in findings.pages]
    texts = [page.text for page in findings.pages]
    return grounding.Vain(read, texts, findings.unread, findings.problem)


class _Trip:
    """One browse: its steps come in from the worker thread and are told as they happen."""

    def __init__(self, writing: Writing, access: WebAccess) -> None:
        self._writing = writing
        self._access = access
        self._consent = Consent(writing, access.services())
        self._loop = asyncio.get_running_loop()
        self._time: asyncio.Timeout | None = None
        self._quotes: list[Quote] = []
        self._pages: list[WebPage] = []

    async def take(self, query: str) -> WebFindings | None:
        """Return what was found; None when the web may not be asked, or failed unexpectedly.

        Raises:
            Interrupted: the turn was stopped; the quotes so far are in the reply.
        """
        store, draft = self._writing.services.store, self._writing.draft
        conversation = await asyncio.to_thread(store.conversation, draft.conversation_id)
        errand = Errand(
            query,
            self._may_search,
            self._on_step,
            self._writing.run.should_stop,
            private=conversation.private,
        )
        try:
            findings = await self._within_time(errand)
            if self._writing.run.should_stop():  # a browse that sees it first ends half-way
                raise Interrupted
        except Interrupted:
            self._say_what_was_read()
            raise
        refused = self._consent.refused
        if refused is not None and not (findings and findings.quotes):
            if self._writing.options.attended:
                said = f"The web was not searched. {refused.why}"
                self._writing.reply.step(Browse("end", said, query, "web"))
            return None
        return findings

    def keep(self, quotes: Sequence[Quote], pages: Sequence[WebPage]) -> list[Found]:
        """Keep the pages of these quotes with the answer, and return the quotes numbered."""
        by_document = {page.document: page for page in pages}
        for document in dict.fromkeys(quote.document_id for quote in quotes):
            self._writing.reply.keep(page_part(by_document[document]))
        return [
            _numbered(n, quote, by_document[quote.document_id])
            for n, quote in enumerate(quotes, start=1)
        ]

    async def _within_time(self, errand: Errand) -> WebFindings | None:
        web = self._writing.services.web
        assert web is not None, "asked for by whoever has one"
        seconds = self._writing.services.settings.web.seconds
        try:
            async with asyncio.timeout(seconds + GRACE_SECONDS) as self._time:
                return await self._writing.attempt(
                    web, lambda access: access.browse(errand), failures.no_web
                )
        except TimeoutError:
            return WebFindings(problem=f"it took longer than {seconds:g} seconds")

    def _may_search(self, query: str) -> bool:
        """Ask for consent, from the worker thread; a person may take any time over it."""
        return asyncio.run_coroutine_threadsafe(self._asked(query), self._loop).result()

    async def _asked(self, query: str) -> bool:
        if self._time is not None:
            self._time.reschedule(None)
        try:
            return await self._consent.allows(query)
        finally:
            if self._time is not None:
                seconds = self._writing.services.settings.web.seconds
                self._time.reschedule(self._loop.time() + seconds + GRACE_SECONDS)

    def _on_step(self, step: WebStep) -> None:
        with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
            self._loop.call_soon_threadsafe(self._take_in, step)

    def _take_in(self, step: WebStep) -> None:
        if self._writing.run.should_stop():
            return
        self._writing.reply.step(Browse(step.action, step.text, step.detail, "web", step.domain))
        if step.quote is not None and step.page is not None:
            self._quotes.append(step.quote)
            self._pages.append(step.page)

    def _say_what_was_read(self) -> None:
        if not self._quotes:
            return
        reply = self._writing.reply
        reply.grounding = "grounded"
        for part in compose(
            self._writing.draft.question.text, self.keep(self._quotes, self._pages)
        ):
            reply.say(part.text)
            for citation in part.citations:
                reply.cite(citation)


def _numbered(n: int, quote: Quote, page: WebPage) -> Found:
    around = page.text[max(0, quote.start - _AROUND) : quote.end + _AROUND]
    return Found(n, quote, around, page.date)
