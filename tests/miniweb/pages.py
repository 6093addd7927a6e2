"""Articles as the HTML that an encyclopaedia serves: the text, and all that stands around it.

The noise is meant: navigation, an infobox, edit links, footnote marks, a table of contents and a
footer are what an extractor has to tell from the article.
"""

from __future__ import annotations

import html
from urllib.parse import quote

from tests.miniweb.articles import Article
from tests.miniweb.linking import Linker


def article_address(title: str) -> str:
    """Return the path of an article."""
    return "/wiki/" + quote(title.replace(" ", "_"))


def article_page(article: Article, linker: Linker) -> str:
    """Return an article as a page, with links to the articles that it mentions."""
    seen: set[str] = set()
    blocks = [block.strip() for block in article.text.split("\n\n") if block.strip()]
    body = "\n".join(_block(block, article.title, linker, seen) for block in blocks)
    sections = [block[3:] for block in blocks if block.startswith("## ")]
    return _PAGE.format(
        title=html.escape(article.title),
        modified=_modified(article.date),
        infobox=_infobox(article),
        contents=_contents(sections),
        body=body,
        date=article.date or "an unknown day",
    )


def _block(block: str, own: str, linker: Linker, seen: set[str]) -> str:
    if block.startswith("## "):
        name = html.escape(block[3:].strip())
        return f'<h2 id="{name}">{name} <span class="editsection">[edit]</span></h2>'
    if block.startswith("- "):
        rows = (_linked(row[2:], own, linker, seen) for row in block.split("\n"))
        return "<ul>" + "".join(f"<li>{row}</li>" for row in rows) + "</ul>"
    return f"<p>{_linked(block, own, linker, seen)}</p>"


def _linked(text: str, own: str, linker: Linker, seen: set[str]) -> str:
    parts, place = [], 0
    for start, end, title in linker.links(text, own, seen):
        said = html.escape(text[start:end])
        parts.append(html.escape(text[place:start]))
        parts.append(f'<a href="{article_address(title)}" title="{html.escape(title)}">{said}</a>')
        place = end
    return "".join(parts) + html.escape(text[place:])


def _modified(date: str) -> str:
    return f'<meta property="article:modified_time" content="{date}T00:00:00Z">' if date else ""


def _infobox(article: Article) -> str:
    words = len(article.text.split())
    return (
        '<table class="infobox" role="presentation"><caption>'
        f"{html.escape(article.title)}</caption><tr><th>Words</th><td>{words}</td></tr>"
        "<tr><th>Rating</th><td>B-class</td></tr></table>"
    )


def _contents(sections: list[str]) -> str:
    rows = "".join(f'<li><a href="#{html.escape(s)}">{html.escape(s)}</a></li>' for s in sections)
    return f'<nav class="toc"><h2>Contents</h2><ul>{rows}</ul></nav>' if sections else ""


_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title} - Mini encyclopaedia</title>{modified}
<style>.infobox {{ float: right; }}</style><script>var tracker = "none";</script></head>
<body>
<header><nav><a href="/">Main page</a> <a href="/wiki/Special:Random">Random article</a>
<form action="/search"><input name="q"><button>Search</button></form></nav></header>
<main><article>
<h1>{title}</h1>
{infobox}
{contents}
{body}
</article></main>
<footer><p>This page was last edited on {date}. Text is available under CC BY-SA.</p>
<nav><a href="/about">About</a> <a href="/privacy">Privacy policy</a></nav></footer>
</body></html>
"""
