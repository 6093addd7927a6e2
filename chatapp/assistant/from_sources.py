"""The grounded way of answering: search the attached files and the index, and quote.

Every step of it is an event, so that a person can follow what was searched, opened and quoted.
Where a person's own sources do not answer a question, the web is asked next, if it may be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from chatapp.assistant import failures, grounding
from chatapp.assistant.attached import AttachedFile, files_on
from chatapp.assistant.comparing import compared, compose_each
from chatapp.assistant.composing import Found
from chatapp.assistant.events import Browse, Retrieval
from chatapp.assistant.events.tools import BrowsePlace
from chatapp.assistant.followup import search_query
from chatapp.assistant.from_web import answer_from_web
from chatapp.assistant.from_written import answer_from_written
from chatapp.assistant.overview import wants_overview
from chatapp.assistant.showing import refuse, show_parts, show_quotes
from chatapp.assistant.steps import short
from chatapp.assistant.writing import Writing
from retrieval.manner import what_is

if TYPE_CHECKING:
    from chatapp.settings import RetrievalSettings
    from retrieval.index import Index


@dataclass(frozen=True)
class Files:
    """The files attached to this question, and those to earlier ones of the branch."""

    here: tuple[AttachedFile, ...]
    earlier: tuple[AttachedFile, ...]


async def answer_from_sources(writing: Writing) -> bool:
    """Answer with quotes, or say that nothing was found; False when the model shall answer."""
    files = await files_in(writing)
    question = writing.draft.question.text
    if not (files.here and wants_overview(question)) and not _needs_sources(question):
        return False
    if await answer_from_written(writing, surely=True):
        return True
    place: BrowsePlace = "files" if files.here else "index"
    settings = writing.services.settings.retrieval
    evidence = await _look(writing, files, _query(writing), settings)
    if not (evidence and evidence.quotes) and _asks_nothing(question):
        if evidence is not None:
            writing.reply.step(Browse("end", "Found nothing about it", evidence.query, place))
        return False
    if evidence is not None:
        writing.emit(Retrieval(evidence.query, evidence.passages(), evidence.seconds))
        if evidence.quotes:
            await _show(writing, evidence, place)
            return True
        writing.reply.step(Browse("end", "Found nothing that answers it", evidence.query, place))
    if await answer_from_written(writing):
        return True
    vain: grounding.Vain | None = grounding.NOTHING
    # What is asked about a file that came along with the question stands in that file or nowhere.
    if not files.here:
        vain = await answer_from_web(writing, _query(writing))
    if vain is None:
        return True
    if evidence is None and vain is grounding.NOTHING:
        return False
    if evidence is not None and await _answer_with_definitions(writing, files, place):
        return True
    refuse(writing, evidence, vain)
    return True


async def files_in(writing: Writing) -> Files:
    """Return the files of this branch of the conversation."""
    return await writing.run.in_thread(writing.services.files.thread, partial(_files, writing))


def _needs_sources(question: str) -> bool:
    from retrieval.intent import needs_sources

    return needs_sources(question)


def _asks_nothing(question: str) -> bool:
    from retrieval.intent import asks_nothing

    return asks_nothing(question)


def _files(writing: Writing) -> Files:
    store, question = writing.services.store, writing.draft.question
    asked = [message for message in writing.draft.path if message.role == "user"]
    earlier = [file for message in asked[:-1] for file in files_on(store, message.id)]
    return Files(tuple(files_on(store, question.id)), tuple(earlier))


async def _answer_with_definitions(writing: Writing, files: Files, place: BrowsePlace) -> bool:
    """Where nothing compares two things, tell what each of them is, if one of them is known."""
    things = compared(_query(writing))
    settings = writing.services.settings.retrieval
    if things is None or settings.max_quotes < len(things):
        return False
    few = dataclasses.replace(settings, max_quotes=settings.max_quotes // len(things))
    looked = [(thing, await _look(writing, files, what_is(thing), few)) for thing in things]
    told: list[tuple[str, Sequence[Found]]] = []
    count = 0
    for thing, evidence in looked:
        found = evidence.numbered(count + 1) if evidence else []
        told.append((thing, found))
        count += len(found)
    if not count:
        return False
    for _, evidence in looked:
        if evidence is not None:
            writing.emit(Retrieval(evidence.query, evidence.passages(), evidence.seconds))
            _tell(writing, evidence, place)
    show_parts(writing, compose_each(told))
    return True


async def _look(
    writing: Writing, files: Files, query: str, settings: RetrievalSettings
) -> grounding.Evidence | None:
    """Search the files, and the index unless the question brought files of its own."""
    found = (
        [await _in_files(writing, files, query, settings)] if files.here or files.earlier else []
    )
    if not files.here:
        found.append(await _in_index(writing, query, settings))
    usable = [one for one in found if one is not None]
    return grounding.merged(usable, settings.max_quotes)


async def _in_files(
    writing: Writing, files: Files, query: str, settings: RetrievalSettings
) -> grounding.Evidence | None:
    """Search the files of this question, or else those of earlier ones."""
    wanted = files.here or files.earlier
    _searching(writing, query, ", ".join(file.attachment.name for file in wanted), "files")
    overview = bool(files.here) and wants_overview(writing.draft.question.text)
    return await writing.attempt(
        writing.services.files,
        lambda attached: (
            attached.overview(wanted, query, settings.max_quotes)
            if overview
            else attached.gather(wanted, query, settings, writing.now)
        ),
        failures.no_files,
    )


async def _in_index(
    writing: Writing, query: str, settings: RetrievalSettings
) -> grounding.Evidence | None:
    """Search the index; None when there are no sources to use."""
    sources = writing.services.index
    if sources is None or not writing.options.use_sources:
        return None
    _searching(writing, query, "the index", "index")
    excuse = failures.index_needed if writing.options.needs_sources else failures.no_index
    evidence = await writing.attempt(
        sources, lambda index: _look_up(index, query, settings, writing), excuse
    )
    if evidence is not None and not evidence.hits and evidence.empty:
        writing.warn_once(failures.EMPTY_INDEX)
        return None
    return evidence


def _look_up(
    index: Index, query: str, settings: RetrievalSettings, writing: Writing
) -> grounding.Evidence:
    """Search in the index's thread."""
    evidence = grounding.gather(index, query, settings, writing.now)
    if evidence.hits or index.status().documents:
        return evidence
    return grounding.Evidence(query, [], [], evidence.seconds, empty=True)


def _query(writing: Writing) -> str:
    earlier = [message.text for message in writing.draft.path[:-1] if message.role == "user"]
    return search_query(writing.draft.question.text, earlier)


def _searching(writing: Writing, query: str, where: str, place: BrowsePlace) -> None:
    writing.reply.step(Browse("search", f"Searching {where}: {short(query)}", query, place))


async def _show(writing: Writing, evidence: grounding.Evidence, place: BrowsePlace) -> None:
    """Tell what was opened and quoted, and answer with it."""
    _tell(writing, evidence, place)
    # Of an overview the quotes are the answer; none of their spans is.
    question = "" if evidence.overview else writing.draft.question.text
    await show_quotes(writing, question, evidence.numbered())


def _tell(writing: Writing, evidence: grounding.Evidence, place: BrowsePlace) -> None:
    """Tell what was opened and quoted."""
    opened: set[str] = set()
    for quote in evidence.quotes:
        if quote.document_id not in opened:
            opened.add(quote.document_id)
            writing.reply.step(Browse("open", f"Opened: {quote.title}", quote.uri, place))
        writing.reply.step(Browse("quote", f"Quoted: {short(quote.text)}", quote.text, place))
