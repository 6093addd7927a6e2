"""What becomes of a page's text: safe to show, honest about links, and never the end of the app."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.text import sanitize_text
from retrieval.web.extract import Extraction
from retrieval.web.fetch import Fetcher
from retrieval.web.kinds import decoded
from retrieval.web.pages import PageText, Unfetchable
from retrieval.web.reading import read_html
from tests.retrieval.web.internet import Server, says
from tests.retrieval.web.test_egress import problem

Web = Callable[..., Server]
ROOT = Path(__file__).resolve().parents[3]
ADDRESS = "https://site.example/dir/page"


def article(inside: str, title: str = "A page") -> str:
    return (
        f"<html lang=en><head><title>{title}</title></head><body><article><p>{inside}</p>"
        "<p>Another paragraph stands here so that there is something to read.</p></article></body>"
    )


HOSTILE = (
    "\x1b]52;c;aGVsbG8=\x07 \x1b[2J \x9b31m \x07\x08 \u202egnp.exe \u2066x\u2069 "
    "ze\u200bro\u200d \U000e0041\U000e0042 \ufeff \u00ad end"
)


def test_characters_that_act_or_hide_do_not_pass() -> None:
    """Neither in the text nor in the title: no escape, no reversed reading, nothing invisible."""
    page = read_html(article(HOSTILE, title=HOSTILE), ADDRESS)
    for text in (page.title, page.text):
        assert sanitize_text(text) == text
        assert "\x1b" not in text
        assert "zero" in text
    assert "\n" not in page.title


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200), st.text(max_size=40), st.text(max_size=30))
def test_every_link_stands_at_its_offsets_whatever_the_page(
    before: str, inside: str, after: str
) -> None:
    """Offsets refer to the very text that is kept, which is clean to begin with."""
    escaped = [each.replace("&", "&amp;").replace("<", "&lt;") for each in (before, inside, after)]
    source = article(f'{escaped[0]} <a href="/x">{escaped[1]}mark</a> {escaped[2]}')
    page = read_html(source, ADDRESS)
    assert sanitize_text(page.text) == page.text
    assert len(page.links) == 1
    [link] = page.links
    assert page.text[link.start : link.end].endswith("mark")
    assert page.text[link.start : link.end].strip() == page.text[link.start : link.end]


def test_a_link_says_whose_it_is_whatever_its_words_say() -> None:
    """Spoofed text, a familiar name in front, letters of another script, a user name."""
    page = read_html(
        article(
            '<a href="https://evil.example/x">https://bank.example/</a> then '
            '<a href="https://bank.com.evil.example/">bank.com</a> then '
            '<a href="https://аpple.com/">apple.com</a> then '
            '<a href="https://bank.com@evil.example/">bank.com again</a> then '
            '<a href="javascript:steal()">click</a> <a href="http://127.1/">here</a>'
        ),
        ADDRESS,
    )
    shown = [(page.text[link.start : link.end], link.domain) for link in page.links]
    assert shown == [
        ("https://bank.example/", "evil.example"),
        ("bank.com", "evil.example"),
        ("apple.com", "xn--pple-43d.com"),
    ]
    assert "bank.com again" in page.text  # still to be read, and no link any more


HIDDEN = [
    '<span style="display:none">secret</span>',
    '<span style="color:red; visibility : hidden">secret</span>',
    '<span style="font-size:0">secret</span>',
    '<span style="opacity:0.0">secret</span>',
    "<span hidden>secret</span>",
    "<!-- secret -->",
    "<script>secret</script>",
    "<style>secret</style>",
    "<noscript>secret</noscript>",
    "<template>secret</template>",
    '<iframe srcdoc="secret">secret</iframe>',
    '<img alt="secret" src="x.png">',
    '<meta name="description" content="secret">',
    "<svg><text>secret</text></svg>",
]


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("filler", ["", "A long sentence that makes this a real article. " * 30])
def test_what_a_browser_does_not_show_is_not_read(hidden: str, filler: str) -> None:
    """In short pages and in long ones, which are read in different ways."""
    page = read_html(article(f"Before {hidden} after. {filler}"), ADDRESS)
    assert "secret" not in page.text + page.title
    assert "Before" in page.text
    assert "after" in page.text


def test_headings_lists_tables_and_powers_keep_their_meaning() -> None:
    page = read_html(
        "<html><body><h1>Cheese</h1><p>It weighs 10<sup>3</sup> g<sup>[1]</sup>.</p><ul>"
        "<li>soft</li><li></li><li>hard</li></ul><table><tr><th>kind</th><th>fat</th></tr>"
        "<tr><td>Brie</td><td>28 %</td></tr></table>"
        "<table><tr><th>Born</th><td>7 May 1867</td></tr></table></body></html>",
        ADDRESS,
    )
    assert page.text == (
        "## Cheese\n\nIt weighs 10^3 g.\n\n- soft\n- hard\n\nkind | fat\nBrie | 28 %"
        "\n\nBorn: 7 May 1867"
    )


CODE = "def f(x):\n    if x:\n\treturn 1\n\n    return 2"


@pytest.mark.parametrize(
    "block",
    [
        f"<pre>{CODE}</pre>",
        f"<pre>\n\n{CODE}\n\n</pre>",
        f"<pre><code class=language-python>{CODE}\n</code></pre>",
        f"<div class=highlight><pre><span></span>{CODE.replace('if', '<b>if</b>')}</pre></div>",
        f"<pre>{CODE.replace(' ', '<i> </i>')}</pre>",
        "<pre>" + CODE.replace("\n", "<br>") + "</pre>",
        f"<blockquote><pre>{CODE}</pre></blockquote>",
        "<pre><code><div>" + CODE.replace("\n", "</div><div>") + "</div></code></pre>",
    ],
)
@pytest.mark.parametrize("filler", ["", "A long sentence that makes this a real article. " * 30])
def test_code_keeps_its_lines_and_indents(block: str, filler: str) -> None:
    """They are what it says; around it, and in a line of text, space means nothing."""
    page = read_html(
        f"<html><body><article><p>Before.\n {filler}</p>{block}<p>After   <code>f( 1\n)</code>\n"
        "it ends.</p><blockquote>Said\n   so.</blockquote></article></body></html>",
        ADDRESS,
    )
    before, code, after = page.text.partition(CODE)
    assert code, page.text
    assert before == f"Before. {filler}".strip() + "\n\n"
    assert after == "\n\nAfter f( 1 ) it ends.\n\nSaid so."


@pytest.mark.parametrize("filler", ["", "A long sentence that makes this a real article. " * 30])
@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ("<pre>10<sup>6</sup> m\n20</pre>", ["10^6", "m", "20"]),
        ("<blockquote>So: <pre>10\n20</pre></blockquote>", ["So:", "10", "20"]),
        ("<pre>10<p>20</p>30<div>40</div></pre>", ["10", "20", "30", "40"]),
    ],
)
def test_no_words_of_preformatted_text_run_together(
    block: str, parts: list[str], filler: str
) -> None:
    """Two numbers on two lines are never one number, and a power is none of its digits."""
    page = read_html(
        f"<body><article><p>Before. {filler}</p>{block}<p>After it.</p></article></body>",
        ADDRESS,
    )
    assert page.text.partition("After")[0].split()[-len(parts) :] == parts


def test_a_page_may_begin_with_code_and_link_out_of_it() -> None:
    """Its first line keeps its indent, and the link its offsets."""
    page = read_html('<body><pre>\n\n  see <a href="/x">\n the rest </a>\n</pre></body>', ADDRESS)
    assert page.text == "  see \n the rest"
    [link] = page.links
    assert page.text[link.start : link.end] == "the rest"


def test_a_pdf_keeps_its_pages(fetcher: Fetcher, web: Web) -> None:
    """Each page's beginning is known, so that a quote can name its page."""
    web({"/paper.pdf": says(_pdf("First page here", "Second page there"), kind="application/pdf")})
    page = fetcher.fetch("http://papers.example/paper.pdf").page
    assert page is not None
    first, second = page.pages
    assert page.text[first:second].strip() == "First page here"
    assert page.text[second:].strip() == "Second page there"
    assert page.title == "paper.pdf"


def _pdf(*texts: str) -> bytes:
    """Return a small PDF with one line of text on each page."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(texts)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(texts)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(texts):
        stream = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents "
            f"{5 + 2 * number} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body = "%PDF-1.4\n"
    offsets = []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{each}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    end = f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF"
    return (body + f"xref\n0 {size}\n0000000000 65535 f \n{table}{end}").encode()


BLOW_UPS = {
    "unclosed paragraphs": "<p>a" * 450_000,
    "deep nesting": "<div>" * 200_000 + "x",
    "one huge table": "<table>" + "<tr><td>x" * 180_000,
    "open comments": "<!--" * 450_000,
    "forms in forms": "<form><table><form>" * 90_000,
}


class ReadsQuickly:
    """Reads HTML in a child that has little time for a page; gives the page or a problem's code."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.extraction = runner.run(self._made())

    def __call__(self, source: str) -> PageText | str:
        try:
            return self._runner.run(self.extraction.read("html", source.encode(), ADDRESS))
        except Unfetchable as error:
            return error.problem.code

    async def _made(self) -> Extraction:
        return Extraction(seconds=3.0)


@pytest.fixture(scope="module")
def reads() -> Iterator[ReadsQuickly]:
    with asyncio.Runner() as runner:
        made = ReadsQuickly(runner)
        yield made
        runner.run(made.extraction.close())


@pytest.mark.parametrize("source", BLOW_UPS.values(), ids=BLOW_UPS)
def test_a_page_made_to_choke_the_parser_costs_itself_alone(
    reads: ReadsQuickly, source: str
) -> None:
    """It is read, or given up when its time is over; the next page is read as ever."""
    begun = time.monotonic()
    found = reads(source)
    assert isinstance(found, PageText) or found in ("unreadable", "empty")
    assert time.monotonic() - begun < 60
    after = reads(article("Cheese."))
    assert isinstance(after, PageText)
    assert "Cheese." in after.text


def test_a_page_that_eats_memory_is_stopped_by_the_limit() -> None:
    """The child may have a gigabyte; what needs more ends as a page that cannot be read."""
    code = (
        "from retrieval.web import extractor, reading\n"
        "extractor._limit()\n"
        "reading.read_html = lambda source, url: [bytearray(1 << 28) for _ in range(9)]\n"
        "print(extractor._answer('html', b'x', 'https://site.example/'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert "needs more memory than it may have" in done.stdout


def test_a_child_that_dies_is_replaced(reads: ReadsQuickly) -> None:
    """`kill -9` between two pages goes unnoticed, and in the middle of one costs that one."""
    assert isinstance(reads(article("One.")), PageText)
    child = reads.extraction._child
    assert child is not None
    os.kill(child.pid, signal.SIGKILL)
    found = [reads(article("Two.")), reads(article("Three."))]
    assert isinstance(found[1], PageText)
    assert isinstance(found[0], PageText) or found[0] == "unreadable"


CHARSETS = [
    ("text/html; charset=utf-8", "Käse".encode()),
    ("text/html; charset=iso-8859-1", "Käse".encode("cp1252")),
    ('text/html; charset="windows-1252"', "Käse".encode("cp1252")),
    ("text/html", b"<meta charset=iso-8859-2>K\xe4se"),
    ("text/html", '<?xml version="1.0" encoding="utf-16"?>Käse'.encode()),
    ("text/html", '<?xml encoding="iso-8859-1"?><meta charset=utf-8>Käse'.encode()),
    ("text/html; charset=gb2312", "北京 Käse".encode("gb18030")),
    ("text/html", "\ufeffKäse".encode("utf-16")),
    ("text/html; charset=utf-8", "\ufeffKäse".encode("utf-16-le")),
    ("text/html; charset=no-such", "Käse".encode()),
    ("text/html", "Käse".encode("cp1252")),
]


@pytest.mark.parametrize(("kind", "body"), CHARSETS)
def test_letters_survive_every_way_of_saying_how_they_are_written(kind: str, body: bytes) -> None:
    assert decoded("html", kind, body).endswith("Käse")


@pytest.mark.parametrize(
    "name", ["utf-7", "unicode_escape", "zlib_codec", "rot13", "idna", "hex", "base64"]
)
def test_codecs_in_which_letters_are_something_else_are_not_used(name: str) -> None:
    """UTF-7 once hid markup from filters; Python has codecs that unpack."""
    assert decoded("html", f"text/html; charset={name}", b"+ADw-b+AD4-") == "+ADw-b+AD4-"


def test_json_and_plain_text_are_pages_too(fetcher: Fetcher, web: Web) -> None:
    """Shown as they are, cleaned; a text that looks like markup stays text."""
    web({
        "/notes.txt": says("<b>not bold</b>\x1b[31m\r\nline", kind="text/plain"),
        "/data": says('{"a": 1}', kind="application/json"),
        "/feed": says("<rss>x</rss>", kind="application/xml"),
        "/odd": says("x", kind="text/calendar"),
    })  # fmt: skip
    text = fetcher.fetch("http://texts.example/notes.txt").page
    assert text is not None
    assert (text.title, text.text) == ("notes.txt", "<b>not bold</b>[31m\nline")
    data = fetcher.fetch("http://texts.example/data").page
    assert data is not None
    assert data.text == '{"a": 1}'
    assert fetcher.fetch("http://texts.example/feed").page is not None
    assert problem(fetcher.fetch("http://texts.example/odd")) == "type"
