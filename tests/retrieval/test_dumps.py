"""MediaWiki dumps: the articles as a reader sees them, from any place on, damaged or not."""

from __future__ import annotations

import bz2
import html
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval.dumps import loader
from retrieval.dumps.loader import read_dump
from retrieval.dumps.wikitext import Site, plain_text
from retrieval.errors import LoadError
from retrieval.index import Index
from retrieval.loaders import BadRecord, Loaded, load

HEADER = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="de-AT">
  <siteinfo>
    <base>https://kleinwiki.example/wiki/Hauptseite</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Datei</namespace>
      <namespace key="14" case="first-letter">Kategorie</namespace>
    </namespaces>
  </siteinfo>
"""


def page(number: int, title: str, text: str, *, ns: int = 0, to: str = "") -> str:
    """Return one page as a dump writes it."""
    redirect = f'    <redirect title="{html.escape(to)}" />\n' if to else ""
    return (
        f"  <page>\n    <title>{html.escape(title)}</title>\n    <ns>{ns}</ns>\n"
        f"    <id>{number}</id>\n{redirect}    <revision>\n      <id>9{number}</id>\n"
        "      <timestamp>2024-05-06T07:08:09Z</timestamp>\n      <model>wikitext</model>\n"
        f"      <text bytes='1' xml:space='preserve'>{html.escape(text)}</text>\n"
        "    </revision>\n  </page>\n"
    )


def write_dump(path: Path, pages: Sequence[str], *, a_stream: int = 0) -> Path:
    """Write a dump; `a_stream` pages each in a bz2 stream of its own, 0 for a single stream."""
    parts = [HEADER]
    if a_stream:
        parts += ["".join(pages[at : at + a_stream]) for at in range(0, len(pages), a_stream)]
    else:
        parts = [HEADER + "".join(pages)]
    parts[-1] += "</mediawiki>\n"
    if path.suffix == ".bz2":
        path.write_bytes(b"".join(bz2.compress(part.encode()) for part in parts))
    else:
        path.write_text("".join(parts))
    return path


def documents(path: Path, skip: int = 0) -> list[Loaded]:
    return [item for item in load(path, skip=skip) if isinstance(item, Loaded)]


def test_articles_come_with_address_date_language_and_other_names(tmp_path: Path) -> None:
    """Redirects become names of their article; what is no article is left out."""
    pages = [
        page(1, "USA", "#REDIRECT [[Vereinigte Staaten]]", to="Vereinigte Staaten"),
        page(2, "Vereinigte Staaten", "'''Die Staaten''' liegen in Amerika."),
        page(3, "vereinigte-staaten", "#REDIRECT [[Vereinigte Staaten]]", to="Vereinigte Staaten"),
        page(4, "Diskussion:Bern", "Talk.", ns=1),
        page(5, "Merkur", "'''Merkur''' kann sein: {{Begriffsklärung}}"),
    ]
    [document] = documents(write_dump(tmp_path / "w.xml.bz2", pages, a_stream=2))
    assert document.title == "Vereinigte Staaten"
    assert document.uri == "https://kleinwiki.example/wiki/Vereinigte_Staaten"
    assert (document.address, document.date, document.language) == ("2", "2024-05-06", "de-AT")
    assert document.text == ("Die Staaten liegen in Amerika.\n\n## Facts\n\nAlso known as: USA")


@pytest.mark.parametrize("name", ["w.xml.bz2", "w.xml"])
@pytest.mark.parametrize("a_stream", [0, 7])
def test_reading_goes_on_after_any_article(tmp_path: Path, name: str, a_stream: int) -> None:
    """From each position on, exactly the rest comes, whether the dump has one stream or many."""
    pages = [page(n, f"T{n}", f"Text {n}. " * 50 * (n % 5 + 1), ns=n % 3 // 2) for n in range(40)]
    path = write_dump(tmp_path / name, pages, a_stream=a_stream)
    whole = documents(path)
    assert len(whole) == 27
    for at in (0, 5, 13, 26):
        rest = documents(path, skip=whole[at].position)
        assert [item.title for item in rest] == [item.title for item in whole[at + 1 :]]


def test_pages_that_cross_streams_and_blocks_are_whole(tmp_path: Path) -> None:
    """Some packers end a stream anywhere; pages larger than any buffer come whole as well."""
    pages = [page(n, f"T{n}", f"Wort{n} " * 100_000) for n in range(3)]
    whole = (HEADER + "".join(pages) + "</mediawiki>\n").encode()
    path = tmp_path / "w.xml.bz2"
    path.write_bytes(
        b"".join(bz2.compress(whole[at : at + 200_001]) for at in range(0, len(whole), 200_001))
    )
    found = documents(path)
    assert [item.text.count(f"Wort{n}") for n, item in enumerate(found)] == [100_000] * 3
    assert [item.title for item in documents(path, skip=found[0].position)] == ["T1", "T2"]


def test_a_damaged_dump_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    """Cut off, overwritten, no dump at all: each says so, and good articles were yielded."""
    pages = [page(n, f"T{n}", f"Text {n}.") for n in range(30)]
    path = write_dump(tmp_path / "w.xml.bz2", pages, a_stream=5)
    packed = path.read_bytes()
    for damaged, words in (
        (packed[:-40], "ends early"),
        (packed[: len(packed) // 2] + b"x" * 60 + packed[len(packed) // 2 + 60 :], "damaged"),
    ):
        path.write_bytes(damaged)
        got = []
        with pytest.raises(LoadError, match=words):
            got.extend(load(path))
    (tmp_path / "no.xml").write_text("<rss></rss>")
    with pytest.raises(LoadError, match="no MediaWiki dump"):
        documents(tmp_path / "no.xml")


def test_a_page_that_is_no_xml_is_named_and_passed_over(tmp_path: Path) -> None:
    """One broken page is a bad record with its title; the pages around it are read."""
    broken = page(2, "Broken", "x").replace("</revision>", "")
    path = write_dump(tmp_path / "w.xml", [page(1, "A", "Text."), broken, page(3, "B", "Text.")])
    items = list(read_dump(path))
    assert [item.title for item in items if isinstance(item, Loaded)] == ["A", "B"]
    [bad] = [item for item in items if isinstance(item, BadRecord)]
    assert bad.place == "Broken"


def test_a_killed_ingestion_of_a_dump_goes_on(index: Index, tmp_path: Path) -> None:
    """What was committed is not read again, and nothing is lost or doubled."""
    pages = [page(n, f"T{n}", f"Article about subject{n}. " * 9) for n in range(700)]
    path = write_dump(tmp_path / "w.xml.bz2", pages, a_stream=50)
    asked = iter([False, True])
    first = index.add([path], should_stop=lambda: next(asked, True))
    assert first.interrupted
    assert 0 < first.added < 700
    assert index.add([path]).added == 700 - first.added
    assert index.status().documents == 700
    assert index.search("subject650")[0].passage.title == "T650"


ARTICLE = """{{short description|City}}{{Infobox settlement
| name = Bern
| image_skyline = Bern.jpg
| population_total = 134,591<ref>{{cite web|url=x}}</ref>
| area = {{convert|51.62|km2|mi2|abbr=on}}
| leader_name = [[Alec Graffenried|A. Graffenried]]
| established = {{start date|1191|5|14}}
| languages = {{plainlist|
* German
* French
}}
}}
[[File:Bern.jpg|thumb|The [[old town]] of Bern]]
'''Bern''' ({{IPA-de|bɛrn}}; {{lang|fr|Berne}}) is the [[capital city|''de facto'' capital]] of
[[Switzerland]].<ref name=a /> It has {{convert|5|-|10|km}} of arcades&nbsp;&ndash; {{nosuch|x}}old.
<!-- no -->It covers 51&nbsp;km<sup>2</sup>. See [https://x.example its site] and
<nowiki>[[this]]</nowiki>.

== Climate ==
{| class="wikitable"
|+ Weather
! Month !! Jan
|-
| style="x" | High || {{nowrap|2.4 °C}}
|}
* One
* Two

== Empty ==

== References ==
{{reflist}}
[[Category:Bern]] [[fr:Berne]]
"""


def test_wikitext_reads_as_the_page_does() -> None:
    """Measures, dates, tables and facts stay; notes, pictures, sources and empty titles go."""
    assert plain_text(ARTICLE).split("\n\n") == [
        "Bern (Berne) is the de facto capital of Switzerland. It has 5–10 km of arcades – old."
        " It covers 51 km². See its site and [[this]].",
        "## Climate",
        "Weather",
        "Month | Jan\nHigh | 2.4 °C",
        "- One\n- Two",
        "## Facts",
        "Population total: 134,591\nArea: 51.62 km2\nLeader name: A. Graffenried\n"
        "Established: 14 May 1191\nLanguages: German, French",
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{convert|6|ft|2|in|cm}} tall", "6 ft 2 in tall"),
        ("born {{birth date and age|1950|3|4}}", "born 4 March 1950"),
        ("{{frac|1|2}} of {{circa|1500}}", "1/2 of c. 1500"),
        ("[[Mercury (planet)|]] and [[:Category:Metals]]", "Mercury and Category:Metals"),
        ("a {{unclosed [[link and }} b", "a b"),
        ("x ( ; , ) y", "x y"),
        ("text {| never closed", "text {| never closed"),
        ("", ""),
    ],
)
def test_pieces_of_wikitext(source: str, text: str) -> None:
    """Templates inside sentences leave their words; broken brackets lose nothing around them."""
    assert plain_text(source) == text


@pytest.mark.parametrize(
    "piece",
    ["{{a|", "[[x|", "<ref>", "<nowiki>", "[http://x ", "[http:", "{|\n|-\n|", "|}", "= ", "<!--",
     "''", "(", "{{nowrap|", "{{{", "[[File:", "* a\n", "<a "],
)  # fmt: skip
def test_hostile_wikitext_takes_linear_time(piece: str) -> None:
    """What never closes is read in a second, not in hours."""
    began = time.monotonic()
    plain_text(piece * (300_000 // len(piece)))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("before", "piece", "after"),
    [
        ("{|\n|-\n| ", "a=", "\n|}"),
        ("{{Infobox x\n| a = b", " ", "c\n}}"),
        ("{{plainlist|\n* a", " \n", "x}}"),
        ("[[a", " ", "x|]]"),
        ("[[", "(", "|]]"),
        ("&#", "9", ";"),
    ],
)
def test_a_long_run_inside_brackets_takes_linear_time(before: str, piece: str, after: str) -> None:
    """Sixty thousand characters that nearly fit a rule are read in a moment."""
    began = time.monotonic()
    plain_text(f"{before}{piece * (60_000 // len(piece))}{after}")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("== A ==", "## A\n\nx"),
        ("=== A ==", "## = A\n\nx"),
        ("== A === ", "## A =\n\nx"),
        ("= =", "x"),
        ("== A", "== A x"),
    ],
)
def test_titles_have_the_level_of_their_shorter_side(line: str, text: str) -> None:
    """As MediaWiki reads them; a line that only begins like one is text."""
    assert plain_text(f"{line}\nx") == text


def test_a_page_that_takes_too_long_is_named_and_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a page stops the reader, the pages around it are read."""
    path = write_dump(tmp_path / "w.xml", [page(n, f"T{n}", "Text.") for n in range(3)])

    def slow(source: str, site: Site, names: Sequence[str]) -> str:
        if len(seen) == 1:
            seen.append(source)
            time.sleep(30)
        seen.append(source)
        return source

    seen: list[str] = []
    monkeypatch.setattr(loader, "plain_text", slow)
    monkeypatch.setattr(loader, "_PAGE_SECONDS", 0.2)
    items = list(loader.stream(path, 0))
    assert [item["title"] for item in items] == ["T0", "T1", "T2"]
    assert ["problem" in item for item in items] == [False, True, False]
    assert items[1]["position"] > items[0]["position"]


def test_a_bad_page_stays_listed_until_its_dump_is_read_anew(index: Index, tmp_path: Path) -> None:
    """Whatever colons its title has, it is a part of the dump."""
    bad = page(2, "Star Trek: Picard", "Text.").replace("</ns>", "")
    path = write_dump(tmp_path / "w.xml", [page(1, "A", "Text."), bad])
    for _ in range(2):
        index.add([path])
        [problem] = index.problems()
        assert problem.path == f"{path}:Star Trek: Picard"
    write_dump(path, [page(1, "A", "Text.")])
    index.add([path])
    assert index.problems() == []
