"""The bytes of a page to its text and links: the parsers, as they run in the child of `extract`.

What a browser would not show (`hidden`, `display: none`, comments) is dropped before anything is
read, so that what is quoted is what a person finds on the page.
"""

from __future__ import annotations

import re
from typing import Any

from retrieval.text import sanitize_text, sanitize_title
from retrieval.web import preformatted
from retrieval.web.pages import PageLink, PageText
from retrieval.web.urls import WebUrl, parse, shown_domain
from retrieval.web.writer import write

MOST_CHARACTERS = 2_000_000  # of text; books have fewer

_NEVER_READ = {"script", "style", "noscript", "template", "iframe", "object", "svg"}
_AROUND = {"nav", "header", "footer", "aside", "form", "button", "select"}
_INVISIBLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity)\s*:\s*0(?:\.0*)?(?![.\d])",
    re.I,
)
_FOOTNOTE = re.compile(r"\[\s*(?:\d{1,3}|[a-z]|(?:note|nb) \d+|citation needed)\s*\]", re.I)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?=[-_]|$)")
_NOTHING: tuple[str, tuple[PageLink, ...]] = ("", ())
_LITTLE = 500  # characters; so short a page is a list or a note, which trafilatura reads badly


def read_html(source: str, address: str) -> PageText:
    """Return a page's main text; "" if there is none."""
    from lxml import html
    from trafilatura import bare_extraction
    from trafilatura.settings import Document

    url = parse(address)
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    tree = html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    title, language = tree.findtext(".//title") or "", _language(tree)
    _drop_unseen(tree)
    preformatted.mark(tree)
    heading = tree.find(".//h1")
    shown = title + ("" if heading is None else f"\n{heading.text_content()}")
    found = bare_extraction(
        tree,
        url=address,
        include_links=True,
        include_formatting=True,
        include_comments=False,
        with_metadata=True,
    )
    text, links, date = *_NOTHING, ""
    if isinstance(found, Document):
        text, links = write(found.body, url)
        date = found.date or ""
        if found.title and found.title in shown:  # what metadata alone calls it, nobody sees
            title = found.title
    if len(text) < _LITTLE:
        text, links = max((_whole(tree, url), (text, links)), key=lambda each: bool(each[0]))
    return _page(url, title, text, links, date if _DATE.fullmatch(date) else "", language)


def read_plain(source: str, address: str) -> PageText:
    """Return a text that is no HTML as it is; its title is the last part of its address."""
    url = parse(address)
    return _page(url, url.path.rstrip("/").rpartition("/")[2], sanitize_text(source).strip())


def read_pdf(body: bytes, address: str) -> PageText:
    """Return the text of a PDF, and where its pages begin. Raises ValueError: it cannot be read."""
    import pypdfium2

    from retrieval.loaders.pdf import page_texts

    url = parse(address)
    try:
        document = pypdfium2.PdfDocument(body)
    except pypdfium2.PdfiumError as error:
        raise ValueError(f"this is no readable PDF ({error})") from error
    parts: list[str] = []
    begins, length = [], 0
    for page in page_texts(document):
        begins.append(length)
        text = sanitize_text(page or "").strip()
        parts.append(text + "\n\n" if text else "")
        length += len(parts[-1])
        if length > MOST_CHARACTERS:
            break
    title = document.get_metadata_value("Title") or url.path.rpartition("/")[2]
    return _page(url, title, "".join(parts), pages=tuple(begins))


def _page(
    url: WebUrl,
    title: str,
    text: str,
    links: tuple[PageLink, ...] = (),
    date: str = "",
    language: str = "",
    pages: tuple[int, ...] = (),
) -> PageText:
    kept = text[:MOST_CHARACTERS].rstrip()
    inside = tuple(link for link in links if link.end <= len(kept))
    pages = tuple(begin for begin in pages if begin <= len(kept))
    domain = shown_domain(url)
    return PageText(sanitize_title(title), kept, inside, date, language, domain, pages)


def _whole(tree: Any, url: WebUrl) -> tuple[str, tuple[PageLink, ...]]:
    """Return everything but what stands around a page: for lists and for very short pages."""
    for node in [node for node in tree.iter() if node.tag in _AROUND]:
        if node.getparent() is not None:
            node.drop_tree()
    body = tree.find("body")
    return _NOTHING if body is None else write(body, url)


def _drop_unseen(tree: Any) -> None:
    for node in list(tree.iter()):
        if node.getparent() is not None and _unseen(node):
            node.drop_tree()


def _unseen(node: Any) -> bool:
    if node.tag in _NEVER_READ:
        return True
    if node.tag == "sup" and _FOOTNOTE.fullmatch("".join(node.itertext()).strip()):
        return True
    return node.get("hidden") is not None or bool(_INVISIBLE.search(node.get("style") or ""))


def _language(tree: Any) -> str:
    found = _LANGUAGE.match((tree.get("lang") or tree.get("xml:lang") or "").strip().lower())
    return found[0] if found else ""
