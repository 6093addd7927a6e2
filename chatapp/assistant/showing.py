"""Saying what was found in the reply: an answer of quotes, or a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chatapp.assistant import grounding
from chatapp.assistant.attached import wants_overview
from chatapp.assistant.composing import Found, Part, compose
from chatapp.assistant.premise import premise_of
from chatapp.assistant.reading import shipped_reader
from chatapp.assistant.writing import Writing


async def show_quotes(writing: Writing, found: Sequence[Found]) -> None:
    """Answer with these quotes, and nothing else. Raises Interrupted."""
    question = writing.draft.question.text
    if wants_overview(question):
        question = ""  # the quotes are the answer; none of their spans is

    def composed() -> list[Part]:
        reader = shipped_reader()
        return compose(question, found, reader.supports if reader else None)

    parts = await writing.run.unless_stopped(asyncio.ensure_future(asyncio.to_thread(composed)))
    writing.reply.grounding = "grounded"
    for part in parts:
        writing.reply.say(part.text)
        for citation in part.citations:
            writing.reply.cite(citation)


def refuse(
    writing: Writing,
    evidence: grounding.Evidence | None,
    vain: grounding.Vain = grounding.NOTHING,
) -> None:
    """Say that nothing was found, and what came nearest; see `grounding.not_found`.

    What the question takes for granted and no page that was read says is named.
    """
    writing.reply.grounding = "not_found"
    said = grounding.not_found(evidence, vain)
    premise = premise_of(writing.draft.question.text) if vain.read else None
    writing.reply.say(f"{said} None of them says that {premise.clause}." if premise else said)
