"""Wikitext to the text a reader of the page would see.

The thing to know: one pass over the brackets (`{{ }}`, `[[ ]]`, `{| |}`) with a stack, each closed
one replaced by its text before the one around it is looked at. So nesting costs nothing, time is
linear in the length, and a bracket that is never closed only loses its own two characters.
`mwparserfromhell` is the library for this; it drops or keeps templates and tables as a whole, so
these rules would be needed on top of it, at 0.4 of the speed (docs/log.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retrieval.dumps.tables import table_text
from retrieval.dumps.templates import Facts, expand
from retrieval.text import unescape

# Elements whose content no reader sees as text, and elements whose content is shown as it stands.
_HIDDEN_NAMES = "ref gallery timeline score imagemap templatestyles templatedata mapframe graph"
_SHOWN_NAMES = "nowiki pre source syntaxhighlight"
_SHOWN = _SHOWN_NAMES.split()
_ELEMENTS = _HIDDEN_NAMES.split() + _SHOWN
_ELEMENT = re.compile(rf"<!--|<({'|'.join(_ELEMENTS)})\b[^<>]*?(/?)>", re.IGNORECASE)
_CLOSERS = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _ELEMENTS}
_CLOSERS[""] = re.compile("-->")
_ASIDE = re.compile("\x00([0-9]+)\x00")
_BRACKET = re.compile(r"\{\{|\}\}|\[\[|\]\]|^[ :]*\{\||^[ ]*\|\}(?!\})", re.MULTILINE)
_WEB_LINK = re.compile(r"\[(?:https?:|ftp:|mailto:|//)[^\s\[\]]{0,2000}+ ?+([^\]\n]{0,500}+)\]")
_HEADING = re.compile(r"^=.*", re.MULTILINE)
_LONGEST_HEADING = 300
_MAGIC_WORD = re.compile(r"__[A-Z]{3,}__")
_QUOTES = re.compile(r"'{2,5}")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_POWER = re.compile(r"<sup>\s*([23])\s*</sup>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_EMPTY_PARENTHESES = re.compile(r"[ ]?[(（][\s,;:./–—-]*[)）]")
_OPENING_REMAINS = re.compile(r"([(（])[\s,;:]+")
_SPACE_BEFORE_MARK = re.compile(r"[ ]+([,.;:)](?:\s|$))")
_SPACES = re.compile(r"[ \t\u00a0]+")
_LANGUAGE_LINK = re.compile(r"[a-z]{2,3}(?:-[a-z]+)?:")

# Sections that point elsewhere and tell nothing themselves.
_POINTING = frozenset(
    """
    references|notes|footnotes|citations|sources|external links|other websites|see also
    |related pages|further reading|bibliography|notes and references|references and notes
    |einzelnachweise|weblinks|siehe auch|literatur|voir aussi|liens externes|notes et références
    """.replace("\n", "")
    .replace("    ", "")
    .split("|")
)


@dataclass(frozen=True)
class Site:
    """What a wiki calls the things that are no text: names of namespaces in lower case."""

    hidden: frozenset[str] = frozenset({"file", "image", "media", "category"})


def plain_text(source: str, site: Site = Site(), also_known_as: Sequence[str] = ()) -> str:
    """Return the paragraphs of `source`: titles as `## Title`, list items as `- item`, the rows of
    tables with ` | ` between cells, and what an infobox tells as `Name: value` lines at the end.
    A page that says nothing itself is "".
    """
    literals: list[str] = []
    facts = Facts()
    text = _without_brackets(_without_elements(source.replace("\x00", ""), literals), site, facts)
    text = _QUOTES.sub("", _MAGIC_WORD.sub("", _WEB_LINK.sub(r"\1", text)))
    text = _HEADING.sub(_heading, text)
    text = _TAG.sub("", _BREAK.sub("\n", _POWER.sub(_raised, text)))
    text = _ASIDE.sub(lambda found: literals[int(found[1])], text)
    text = _tidy_line_parts(unescape(text))
    told = [*facts.lines()]
    if also_known_as:
        told.append(f"Also known as: {', '.join(also_known_as)}")
    sections = list(_sections(_blocks(text.split("\n"))))
    if sections and told:
        sections += ["## Facts", "\n".join(told)]
    return "\n\n".join(sections)


def _without_elements(text: str, literals: list[str]) -> str:
    """Leave out what is hidden, and put what is shown as it stands aside into `literals`.

    Each closing tag is looked for once, so tags that are never closed cost no time.
    """
    parts: list[str] = []
    done = 0
    unclosed: set[str] = set()
    for opened in _ELEMENT.finditer(text):
        if opened.start() < done:
            continue
        name = (opened[1] or "").lower()
        parts.append(text[done : opened.start()])
        done = opened.end()
        if opened[2] or name in unclosed:
            continue
        closed = _CLOSERS[name].search(text, done)
        if closed is None:
            unclosed.add(name)
            continue
        if name in _SHOWN:
            parts.append(f"\x00{len(literals)}\x00")
            literals.append(text[done : closed.start()])
        done = closed.end()
    parts.append(text[done:])
    return "".join(parts)


def _without_brackets(text: str, site: Site, facts: Facts) -> str:
    nest = _Nest(site, facts)
    done = 0
    for mark in _BRACKET.finditer(text):
        token = mark.group().strip(" :")
        nest.say(text[done : mark.start()])
        done = mark.end()
        if token in _OPENERS:
            nest.open(token)
        else:
            nest.close(token)
    nest.say(text[done:])
    return nest.text()


class _Nest:
    """The brackets that are open; what stands in each is text already."""

    def __init__(self, site: Site, facts: Facts) -> None:
        self._site = site
        self._facts = facts
        self._open: list[tuple[str, list[str]]] = [("", [])]
        self._count = dict.fromkeys(_OPENERS, 0)

    def say(self, text: str) -> None:
        self._open[-1][1].append(text)

    def open(self, opener: str) -> None:
        if len(self._open) > _DEEPEST:
            return
        self._open.append((opener, []))
        self._count[opener] += 1

    def close(self, token: str) -> None:
        """Replace the innermost such bracket; those inside it that never closed are plain text."""
        opener = _CLOSES[token]
        if not self._count[opener]:
            self.say(token)
            return
        inner: list[str] = []
        while True:
            innermost, parts = self._open.pop()
            self._count[innermost] -= 1
            inner[:0] = parts
            if innermost == opener:
                break
        self.say(self._shown(token, "".join(inner)))

    def _shown(self, token: str, inner: str) -> str:
        if token == "]]":
            return _link_text(inner, self._site)
        if token == "|}":
            return table_text(inner)
        outermost = len(self._open) == 1
        return expand(inner, self._facts if outermost else None)

    def text(self) -> str:
        """Return all of it; brackets that never closed are gone."""
        return "".join(part for _, parts in self._open for part in parts)


_CLOSES = {"}}": "{{", "]]": "[[", "|}": "{|"}
_OPENERS = frozenset(_CLOSES.values())
_DEEPEST = 60  # brackets inside brackets; MediaWiki itself gives up at 40 templates


def _link_text(inner: str, site: Site) -> str:
    """Return what is shown for `[[inner]]`: nothing for pictures, categories, other languages."""
    target, bar, shown = inner.partition("|")
    space = target.partition(":")[0].strip().lower()
    if ":" in target and not target.startswith(":"):
        if space in site.hidden:
            return ""
        if not bar and _LANGUAGE_LINK.match(target):
            return ""
    if not bar:
        return target.removeprefix(":")
    if not shown.strip():  # the pipe trick: `[[Mercury (planet)|]]` shows "Mercury"
        return _without_parenthesis(target.rpartition(":")[2])
    return shown.rpartition("|")[2] if shown.startswith("thumb") else shown


def _without_parenthesis(name: str) -> str:
    """Return `name` without the "(…)" it ends with."""
    opening = name.find("(", name.rfind(")", 0, -1) + 1)
    return name[:opening].rstrip() if opening >= 0 and name.endswith(")") else name


def _heading(match: re.Match[str]) -> str:
    """Return the title of a line `== Title ==`, and any other line as it is."""
    line = match[0].rstrip(" \t")
    left, right = (len(line) - len(bare) for bare in (line.lstrip("="), line.rstrip("=")))
    level = min(left, right, 6, (len(line) - 1) // 2)
    title = line[level : len(line) - level].strip(" \t")
    if not level or not 0 < len(title) <= _LONGEST_HEADING:
        return match[0]
    return f"\n\n{'#' * level} {title}\n\n"


def _raised(match: re.Match[str]) -> str:
    return {"2": "²", "3": "³"}[match[1]]


def _tidy_line_parts(text: str) -> str:
    """Close the gaps that removed templates leave: "Bern ( ; )" and "Bern , the"."""
    text = _SPACES.sub(" ", text)
    text = _OPENING_REMAINS.sub(r"\1", _EMPTY_PARENTHESES.sub("", text))
    return _SPACE_BEFORE_MARK.sub(r"\1", text)


def _blocks(lines: Iterable[str]) -> list[str]:
    """Join the lines of a paragraph by spaces and those of a list or a table by line ends."""
    blocks: list[list[str]] = []  # the words to join them by, then their lines
    kind = ""
    for raw in lines:
        line = raw.strip()
        before, kind = kind, _kind(line)
        if not line or kind == "nothing":
            kind = ""
            continue
        shown = _list_item(line) if kind == "list" else line
        if kind != before or kind == "title":
            blocks.append(["\n" if kind in ("list", "row") else " "])
        blocks[-1].append(shown)
    return [between.join(shown) for between, *shown in blocks]


def _kind(line: str) -> str:
    if not line:
        return ""
    if re.match(r"#{1,6} \S", line) and line[1] in "# ":
        return "title" if line.startswith("##") else "list"
    if line[0] in "*#;:":
        return "list" if line.strip("*#;: ") else "nothing"
    if " | " in line:
        return "row"
    return "text" if any(char.isalnum() for char in line) else "nothing"


def _list_item(line: str) -> str:
    bare = line.lstrip("*#:; ")
    return bare if line[0] in ":;" else f"- {bare}"


def _sections(blocks: list[str]) -> Iterable[str]:
    """Yield the blocks, leaving out sections that only point elsewhere and titles of nothing."""
    titles: list[str] = []
    skipped = 0  # the level of the pointing section we are in
    for block in blocks:
        if not block.startswith("##"):
            if not skipped:
                yield from titles
                yield block
                titles = []
            continue
        level = len(block) - len(block.lstrip("#"))
        if not skipped or level <= skipped:
            pointing = block.strip("# ").lower() in _POINTING
            skipped = level if pointing else 0
        titles = [title for title in titles if len(title) - len(title.lstrip("#")) < level]
        if not skipped:
            titles.append(block)
