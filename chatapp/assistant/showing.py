"""Saying what was found in the reply: an answer of quotes, or a refusal."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence

from chatapp.assistant import grounding
from chatapp.assistant.composing import Found, Part, compose
from chatapp.assistant.premise import may_stand_in, premise_of
from chatapp.assistant.reading import shipped_reader
from chatapp.assistant.writing import Writing


async def show_quotes(writing: Writing, question: str, found: Sequence[Found]) -> None:
    """Answer with these quotes, and nothing else; what leads them answers `question`, if any.

    Raises Interrupted.
    """

    def composed() -> list[Part]:
        reader = shipped_reader()
        return compose(question, found, reader.supports if reader else None)

    parts = await writing.run.unless_stopped(asyncio.ensure_future(asyncio.to_thread(composed)))
    show_parts(writing, parts)


def show_parts(writing: Writing, parts: Sequence[Part]) -> None:
    """Answer with these parts, made of quotes."""
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

    What the question takes for granted is named, unless a page that was read may say it.
    """
    writing.reply.grounding = "not_found"
    premise = premise_of(writing.draft.question.text)
    if premise is not None and not any(may_stand_in(premise, text) for text in vain.texts):
        vain = dataclasses.replace(vain, unsaid=premise.clause)
    writing.reply.say(grounding.not_found(evidence, vain))
