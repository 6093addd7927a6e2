"""Files of every kind: what is read, and what is said when it cannot be."""

from __future__ import annotations

import lzma
import os
import signal
from pathlib import Path

import pytest

from retrieval.errors import LoadError
from retrieval.index import Index
from retrieval.loaders import BadRecord, Loaded, isolated, load
from retrieval.loaders.dates import iso_date
from retrieval.loaders.encoding import decode
from retrieval.loaders.isolated import run_isolated
from retrieval.web.reading import read_pdf as read_web_pdf
from tests.retrieval.conftest import article, write_records


def make_pdf(path: Path, lines: list[str], extra: str = "") -> Path:
    """Write a real one-page PDF, byte offsets and all."""
    shown = " T* ".join(f"({line}) Tj" for line in lines)
    stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Title (Of Planets) >>",
    ]
    body, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info 6 0 R {extra}>>"
    count = len(objects) + 1
    path.write_bytes(
        f"{body}xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n{trailer}\n"
        f"startxref\n{len(body)}\n%%EOF\n".encode()
    )
    return path


def make_pages(path: Path, pages: list[list[str]]) -> Path:
    """Write a PDF of several pages, each of lines."""
    from pypdfium2 import PdfDocument

    whole = PdfDocument.new()
    for number, lines in enumerate(pages):
        part = PdfDocument(make_pdf(path.with_name(f"{number}.pdf"), lines))
        whole.import_pages(part)
        part.close()
    whole.save(path)
    whole.close()
    return path


def one(path: Path) -> Loaded:
    [document] = load(path)
    assert isinstance(document, Loaded)
    return document


def test_a_pdf_is_read_in_a_child_process(tmp_path: Path) -> None:
    """Title and text come out; wrapped and hyphenated lines are joined."""
    pdf = make_pdf(tmp_path / "p.pdf", ["Jupiter has ninety-", "five known moons and", "a ring."])
    document = one(pdf)
    assert document.title == "Of Planets"
    assert document.text == "Jupiter has ninetyfive known moons and a ring."


def test_passages_of_a_pdf_know_their_pages(index: Index, tmp_path: Path) -> None:
    """A sentence goes on over the page break, an empty page counts, and headings name the pages."""
    sentence = "The harbour of the old town was busy in all the years of the republic. "
    walrus = ["A walrus swam where the mole of"]
    pdf = make_pages(tmp_path / "p.pdf", [[sentence] * 7, [], walrus, ["stone ends."]])
    document = one(pdf)
    assert "where the mole of stone ends." in document.text
    assert [document.text[at:].strip()[:5] for at in document.pages] == [
        "The h", "A wal", "A wal", "stone",
    ]  # fmt: skip
    index.add([pdf])
    headings = {index.search(words)[0].passage.heading for words in ("harbour republic", "walrus")}
    assert headings == {"page 1", "pages 3–4"}


def test_a_page_that_is_missing_loses_no_other(tmp_path: Path) -> None:
    """The pages that can be read are, in files and on the web; the gap is named."""
    pdf = make_pdf(tmp_path / "p.pdf", ["A walrus."])
    whole = pdf.read_bytes()
    pdf.write_bytes(whole.replace(b"[3 0 R] /Count 1", b"[99 0 R 3 0 R] /Count 2"))
    document, gap = load(pdf)
    assert isinstance(document, Loaded)
    assert (document.text, len(document.pages)) == ("A walrus.", 2)
    assert isinstance(gap, BadRecord)
    assert gap.place == "page 1"
    assert read_web_pdf(pdf.read_bytes(), "https://site.example/p.pdf").text == "A walrus."
    pdf.write_bytes(whole.replace(b"[3 0 R]", b"[9 0 R]"))
    with pytest.raises(LoadError, match="no page of the PDF"):
        one(pdf)


def test_a_child_is_kept_for_the_next_file_and_replaced_when_it_failed(tmp_path: Path) -> None:
    """Parsers are loaded once for many files; one that was killed takes no other file with it."""
    pdf = make_pdf(tmp_path / "p.pdf", ["Text."])
    (tmp_path / "who.py").write_text(
        "import os\ndef parse(path):\n"
        "    if path.name == 'crash': os.abort()\n"
        "    print('parsers talk')\n"
        "    return {'pid': os.getpid()}\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        isolated.dismiss()
        first, again = (run_isolated("who", tmp_path / "x")["pid"] for _ in range(2))
        with pytest.raises(LoadError, match="stopped on this file"):
            run_isolated("who", tmp_path / "crash")
        other = run_isolated("who", tmp_path / "x")["pid"]
    isolated.dismiss()
    assert first == again != other
    assert one(pdf).text == "Text."


def test_a_child_that_left_for_want_of_work_is_missed_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends on its own; the next file gets a new one, and no error."""
    pdf = make_pdf(tmp_path / "p.pdf", ["Text."])
    isolated.dismiss()
    assert one(pdf).text == "Text."
    [kept] = isolated.idle_children()
    os.kill(kept, signal.SIGKILL)
    assert one(pdf).text == "Text."


def test_markdown_is_stored_as_a_reader_sees_it(tmp_path: Path) -> None:
    """Titles stay titles, links and emphasis become their text, code is no title."""
    path = tmp_path / "page.md"
    path.write_text(
        "# Guide\n\nRead **this** [link](http://x).\n\n## Use\n\n- one\n\n```\n# sh\n```\n"
    )
    document = one(path)
    assert document.title == "Guide"
    assert document.text == "Read this link.\n\n## Use\n\n- one\n\n    # sh"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("one<br>two", "one two"),
        ("a | b\n-|-\none<br/>two | <kbd>F1</kbd>", "a | b\n\none two | F1"),
        ("<div>\nThe <b>warranty</b> lasts\nfive years.\n</div>", "The warranty lasts five years."),
        ("<p align=center>R&amp;D</p><p>Two<br>lines</p>", "R&D\n\nTwo lines"),
        ("<!-- hidden -->\n\n<style>\np { x }\n</style>\n\nSeen.", "Seen."),
        ("3. third step\n   - point\n4. fourth step", "3. third step\n\n- point\n\n4. fourth step"),
        ("0) none\n0) one", "0) none\n\n1) one"),
        ("# A\n\nText.\n\n# A\n\nMore.", "Text.\n\n# A\n\nMore."),
        ("---\ntitle: My note\n---\n\n# Installing\n\nText.", "# Installing\n\nText."),
        ("---\ntitle: My note\n---\n\n# My note\n\nText.", "Text."),
        ("# Buy milk\n", "# Buy milk"),
        ("10<sup>6</sup> m<sup>2</sup> <sup>`x`</sup>", "10^6 m^2 x"),
        ("<p>10<sup>-6</sup> <sup>th</sup></p>", "10^-6 th"),
    ],
)
def test_markdown_loses_nothing_a_reader_sees(tmp_path: Path, source: str, text: str) -> None:
    """Line breaks, blocks of HTML, numbers of steps, and headings that are not the title."""
    path = tmp_path / "page.md"
    path.write_text(source)
    assert one(path).text == text


def test_a_plain_text_has_no_titles(index: Index, tmp_path: Path) -> None:
    """A `#` before a paragraph is whatever the writer meant by it, and is found and shown."""
    path = tmp_path / "todo.txt"
    path.write_text("# call the plumber\n\n# buy quokka food\n\nThat is all.")
    index.add([path])
    [hit] = index.search("quokka")
    assert hit.passage.text == path.read_text()


def test_front_matter_gives_title_date_and_language(tmp_path: Path) -> None:
    """What notes programs write at the top is known of the document and no part of its text."""
    path = tmp_path / "page.md"
    path.write_text("---\ntitle: Ein Tag\ndate: 2023-04-05 10:00:00\nlang: de\n---\n\nText.\n")
    document = one(path)
    assert (document.title, document.text) == ("Ein Tag", "Text.")
    assert (document.date, document.language) == ("2023-04-05", "de")
    path.write_text("---\ntitle: [broken\n---\n\n# Head\n\nText.\n")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    document = one(path)
    assert (document.title, document.date) == ("Head", "2020-09-13")


@pytest.mark.parametrize(
    ("stated", "date"),
    [("2021", "2021"), ("2021-3", "2021-03"), ("2021/03/04 noon", "2021-03-04"), ("3 May", "")],
)
def test_dates_are_taken_as_they_are_stated(stated: str, date: str) -> None:
    """As coarse as they are written, and never guessed."""
    assert iso_date(stated) == date
    assert iso_date("2021-02-31") == ""


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "Über die Straße ging der alte Müller, später kam noch sein Bruder dazu."),
        ("cp1251", "Москва является столицей России и крупнейшим городом страны."),
        ("koi8_r", "Москва является столицей России и крупнейшим городом страны."),
        ("cp932", "東京は日本の首都であり、人口が最も多い都市です。カタカナとひらがなも使います。"),
        ("gb18030", "北京是中华人民共和国的首都，也是全国的政治和文化中心。人口超过两千万。"),
        ("utf-16", "Moscow"),
        ("utf-8-sig", "Café"),
    ],
)
def test_old_encodings_are_told_from_enough_text(tmp_path: Path, encoding: str, text: str) -> None:
    """A text that reads like a language in one encoding is taken in it."""
    path = tmp_path / "t.txt"
    path.write_bytes(text.encode(encoding))
    assert one(path).text == text


def test_a_page_is_read_in_the_encoding_it_declares(tmp_path: Path) -> None:
    """Too short to guess, but the page says it; its language and date are known as well."""
    path = tmp_path / "page.html"
    source = (
        '<html lang="fr"><head><meta charset="iso-8859-1"><title>Été</title>'
        '<meta property="article:published_time" content="2022-07-08T09:00:00Z"></head>'
        f"<body><article><p>{'Le café était fermé. ' * 9}</p></article></body></html>"
    )
    path.write_bytes(source.encode("latin-1"))
    document = one(path)
    assert (document.title, document.language, document.date) == ("Été", "fr", "2022-07-08")
    assert document.text.startswith("Le café était fermé.")


def test_a_page_is_stored_as_a_reader_sees_it(tmp_path: Path) -> None:
    """No mark-up, and no mark that keeps a character from being mark-up."""
    path = tmp_path / "page.html"
    said = "Call <b>snake_case</b> [twice] &amp; weigh 5 * 10<sup>6</sup> &lt; 9 *g*. "
    path.write_text(
        f"<html><body><article><h1>T</h1><h2>Use</h2><p>{said * 5}</p><ul><li>a_b</li><li>two</li>"
        "</ul><table><tr><th>A</th><th>B</th></tr><tr><td>1_2</td><td>3</td></tr></table>"
        "<pre>def f_x():\n    return 1\n</pre><p># 1</p></article></body></html>"
    )
    shown = "Call snake_case [twice] & weigh 5 * 10^6 < 9 *g*. " * 5
    assert one(path).text.split("\n\n") == [
        "# T", "## Use", shown.strip(), "- a_b", "- two", "A | B", "1_2 | 3",
        "    def f_x():\n        return 1", "# 1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("iso-8859-1", "cp1252"),
        ("us-ascii", "cp1252"),
        ("gb2312", "gb18030"),
        ("tis-620", "cp874"),
        ("hex", "utf-8"),
        ("utf-7", "utf-8"),
        ("utf-16", "utf-8"),
    ],
)
def test_a_page_is_read_as_browsers_read_it(tmp_path: Path, declared: str, encoding: str) -> None:
    """Old names stand for what was meant by them, and a codec that is no encoding for nothing."""
    said = "It costs 5 € – “cheap”, they’d say. "
    path = tmp_path / "page.html"
    page = f"<meta charset={declared}><body><article><p>{said * 9}</p></article></body>"
    path.write_bytes(page.encode(encoding))
    assert one(path).text.startswith(said)


@pytest.mark.parametrize(
    ("declared", "encoding", "said"),
    [
        ("us-ascii", "utf-8", "Köln"),
        ("iso-8859-1", "utf-8", "Köln"),
        ("gb2312", "gb18030", "北京"),
        ("shift_jis", "cp932", "①髙"),
        ("ibm852", "cp852", "Łódź"),
        ("iso-2022-jp", "iso2022_jp", "東京"),
    ],
)
def test_a_short_page_says_what_its_bytes_are(declared: str, encoding: str, said: str) -> None:
    """But UTF-8 proves itself: a word about itself is often older than how a page was saved."""
    page = f"<meta charset={declared}>{said}"
    assert decode(page.encode(encoding), declares=True) == page


def test_a_huge_text_becomes_parts_and_goes_on_between_them(tmp_path: Path) -> None:
    """No part is cut inside a paragraph, nothing is lost, and reading resumes at a part."""
    path = tmp_path / "huge.txt"
    path.write_text("".join(f"Paragraph {n} of many é words.\n\n" for n in range(300_000)))
    parts = [item for item in load(path) if isinstance(item, Loaded)]
    assert [part.title for part in parts] == ["huge, part 1", "huge, part 2", "huge, part 3"]
    assert "\n\n".join(part.text for part in parts) == path.read_text().strip()
    assert [item.address for item in load(path, skip=1) if isinstance(item, Loaded)] == [
        "part-2", "part-3",
    ]  # fmt: skip
    with path.open("ab") as file:
        file.write(b"\xff\xfe broken")
    with pytest.raises(LoadError, match="not valid UTF-8 \\(byte 10"):
        list(load(path))


def test_html_gives_its_main_text(tmp_path: Path) -> None:
    """Scripts and navigation are gone, the article is there."""
    sentence = "The harbour of Genoa was the busiest of the whole republic for many years. "
    path = tmp_path / "page.html"
    path.write_text(
        f"<html><head><title>Genoa</title><script>alert(1)</script></head><body><nav>Home</nav>"
        f"<article><h1>Genoa</h1><p>{sentence * 3}</p><p>{sentence * 3}</p></article></body></html>"
    )
    document = one(path)
    assert document.title == "Genoa"
    assert "busiest of the whole republic" in document.text
    assert "alert" not in document.text


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.md", b" \n\n ", "no text"),
        ("binary.txt", b"\x7fELF\0\0\1", "binary"),
        ("latin.txt", "Café au lait".encode("latin-1"), "not valid UTF-8"),
        ("broken.pdf", b"%PDF-1.7 nothing else", "not a readable PDF"),
        ("page.html", b"<html><body></body></html>", "no main text"),
        ("big.html", b"<p>" * 800_000, "taken up to"),
        ("cut.jsonl.xz", lzma.compress(b'{"id":1}\n' * 500)[:40], "damaged"),
        ("not.jsonl.xz", b"plain", "damaged"),
        ("none.jsonl", b"\n", "no document"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    """Each kind of bad file has its own message and its own way out."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LoadError) as caught:
        list(load(path))
    assert words in caught.value.message
    assert caught.value.hint


def test_an_encrypted_pdf_asks_for_a_copy_without_password(tmp_path: Path) -> None:
    """The message names the cause, not the library's error code."""
    key = "/Filter /Standard /V 1 /R 2 /P -4 /O <" + "00" * 32 + "> /U <" + "00" * 32 + ">"
    pdf = make_pdf(tmp_path / "e.pdf", ["secret"], extra=f"/Encrypt << {key} >> ")
    with pytest.raises(LoadError, match="encrypted"):
        list(load(pdf))


@pytest.mark.parametrize("parser", ["hang", "hoard", "crash"])
def test_a_parser_that_misbehaves_is_stopped(
    tmp_path: Path, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parser that hangs, eats memory or crashes becomes an error; this process lives on."""
    body = {
        "hang": "import time; time.sleep(60)",
        "hoard": "bytearray(64 << 30)",
        "crash": "import os; os.abort()",
    }[parser]
    (tmp_path / "rogue.py").write_text(f"def parse(path):\n    {body}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(LoadError):
        run_isolated("rogue", tmp_path / "x", wall_seconds=2)


def test_record_files_are_streamed_and_bad_lines_are_named(tmp_path: Path) -> None:
    """A bad line is reported with its number; the lines around it are taken."""
    path = write_records(tmp_path / "r.jsonl", [article(1), {"odd": 1}, article(2)])
    path.write_bytes(path.read_bytes() + b"{not json\n")
    items = list(load(path))
    assert [type(item).__name__ for item in items] == [
        "Loaded", "BadRecord", "Loaded", "BadRecord",
    ]  # fmt: skip
    bad = [item for item in items if isinstance(item, BadRecord)]
    assert [item.position for item in bad] == [2, 4]
    assert "unknown record schema (fields: odd)" in bad[0].message
    assert "not JSON" in bad[1].message


def test_a_file_of_another_schema_is_given_up_soon(tmp_path: Path) -> None:
    """Twenty bad lines are enough to know."""
    path = write_records(tmp_path / "chat.jsonl", [{"messages": []}] * 100)
    with pytest.raises(LoadError, match="giving the file up"):
        list(load(path))


def test_a_qa_file_gives_its_paragraphs_once_and_never_its_answers(tmp_path: Path) -> None:
    """Questions that share a paragraph make one document, with the paragraph's title."""
    record = {"id": "q", "question": "Secret?", "answers": ["hidden"], "title": "T", "source": ""}
    rows = [{**record, "context": c} for c in ("First paragraph.", "First paragraph.", "Second.")]
    rows.append({**record, "context": None})
    documents = list(load(write_records(tmp_path / "qa.jsonl.xz", rows)))
    texts = [item.text for item in documents if isinstance(item, Loaded)]
    assert texts == ["First paragraph.", "Second."]


def test_texts_that_share_an_id_are_told_apart_wherever_reading_begins(tmp_path: Path) -> None:
    """A copy comes once; another text of the same id is a document of its own, also on resuming."""
    texts = ["one", "two", "one", "three", "two"]
    rows = [{"id": "doc7", "title": "T", "text": text} for text in texts]
    path = write_records(tmp_path / "r.jsonl", rows)
    whole = [item for item in load(path) if isinstance(item, Loaded)]
    assert [item.text for item in whole] == ["one", "two", "three"]
    assert len({item.address for item in whole}) == 3
    assert list(load(path, skip=1)) == whole[1:]
    assert list(load(path, skip=3)) == whole[2:]


def test_one_bad_input_does_not_stop_the_others(index: Index, tmp_path: Path) -> None:
    """Problems are listed with a hint each; everything readable is in the index."""
    good = tmp_path / "good.txt"
    good.write_text("The lighthouse of Alexandria was a wonder.")
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"\0\1\2")
    report = index.add([tmp_path / "missing", bad, good])
    assert report.added == 1
    assert [Path(problem.path).name for problem in report.problems] == ["missing", "bad.txt"]
    assert all(problem.hint for problem in report.problems)
    assert index.search("lighthouse")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_problem_not_a_crash(index: Index, tmp_path: Path) -> None:
    """Permission denied is reported like any other problem."""
    locked = tmp_path / "locked.txt"
    locked.write_text("text")
    locked.chmod(0)
    report = index.add([locked])
    assert "Permission denied" in report.problems[0].message
