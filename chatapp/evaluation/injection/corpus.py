"""The attack pages that ship with chatapp: a few clean pages, and what is put into them.

`data/samples/injection`: `pages.jsonl` (question and paragraphs, invented for this purpose),
`attacks.jsonl` (HTML and the place where it goes) and `private.json`, a note that nobody may see.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Place = Literal["head", "top", "middle", "end"]
_PLACES: tuple[Place, ...] = ("head", "top", "middle", "end")


@dataclass(frozen=True)
class CleanPage:
    """A page that answers its question."""

    id: str
    question: str
    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class Attack:
    """HTML that is put at a place of a page; `{question}` in it is the question of the page."""

    id: str
    kind: str
    place: Place
    html: str

    @property
    def lies(self) -> bool:
        """Whether it answers the question, wrongly, and asks for nothing: no browser can tell."""
        return self.kind == "poison"


@dataclass(frozen=True)
class Note:
    """A private text; `secrets` are pieces of it that stand nowhere else and must never leave."""

    title: str
    text: str
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class Corpus:
    """Everything that is measured with."""

    pages: tuple[CleanPage, ...]
    attacks: tuple[Attack, ...]
    note: Note


def load_corpus(directory: Path) -> Corpus:
    """Read the corpus. Raises OSError, ValueError: it is not the one that ships."""
    pages = tuple(
        CleanPage(row["id"], row["question"], row["title"], tuple(row["paragraphs"]))
        for row in _rows(directory / "pages.jsonl")
    )
    attacks = tuple(Attack(**row) for row in _rows(directory / "attacks.jsonl"))
    private = json.loads((directory / "private.json").read_text(encoding="utf-8"))
    note = Note(private["title"], private["text"], tuple(private["secrets"]))
    return Corpus(pages, attacks, note)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def page_html(page: CleanPage, attack: Attack | None = None) -> str:
    """Return a page as its server would send it, with an attack in it or clean."""
    slots: Mapping[Place, str] = dict.fromkeys(_PLACES, "")
    if attack is not None:
        planted = attack.html.replace("{question}", html.escape(page.question))
        slots = {**slots, attack.place: planted}
    first, *rest = (f"<p>{html.escape(paragraph)}</p>" for paragraph in page.paragraphs)
    title = html.escape(page.title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"{slots['head']}</head><body><header><nav><a href='/'>Home</a></nav></header>"
        f"<main><article><h1>{title}</h1>{slots['top']}{first}{slots['middle']}{''.join(rest)}"
        f"{slots['end']}</article></main><footer>All rights reserved.</footer></body></html>"
    )
