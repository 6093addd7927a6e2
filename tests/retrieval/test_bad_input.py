"""Input that breaks indexes: each kind gives the right result, or an error that says what it is.

Encrypted and broken PDFs, wrong encodings and binary files are in `test_loaders`; pipes, odd names
and links in `test_files`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.index import Index
from retrieval.types import SearchMode


@pytest.mark.parametrize(
    "query",
    ['"', "a AND", "NEAR(x y", "title:x", "x*", "^x", "-x", "a OR OR b", "{a b}: c", "\0", "()",
     "'", "SELECT * FROM passages", "x" * 10_000, "?" * 500, "\ud800", "", "   "],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_no_query_is_an_error_or_an_operator(index: Index, query: str, mode: SearchMode) -> None:
    """The words are looked for; what is FTS5's syntax means nothing."""
    index.add_text("n:1", "Note", "A quick brown x jumps over the title of b.", collection="n")
    index.search(query, mode=mode)
    assert index.search(f"{query} jumps", mode=mode) or len(query) > 1000


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("北京是中华人民共和国的首都，也是全国的政治中心。", "首都"),
        ("東京は日本の首都であり、最大の都市です。", "日本の首都"),
        ("서울은 대한민국의 수도이자 최대 도시이다.", "수도"),
        ("カタカナとﾊﾝｶｸの文字。", "ハンカク"),
        ("Release party 🎉 tonight", "🎉"),
        ("水を飲む。", "水"),
    ],
)
def test_scripts_without_spaces_and_emoji_are_found(index: Index, text: str, query: str) -> None:
    """A part of a sentence finds it, by words alone, before and after it is removed again."""
    others = ["天津在河北的东边。", "大阪は西にある。", "부산은 항구 도시다.", "Nothing 🚲 here"]
    for number, other in enumerate(others):
        index.add_text(f"o:{number}", f"Other {number}", other, collection="n")
    index.add_text("n:1", "Wanted", text, collection="n")
    hits = index.search(query, 1, mode="lexical")
    assert [hit.passage.title for hit in hits] == ["Wanted"]
    index.remove("n:1")
    assert all(h.passage.title != "Wanted" for h in index.search(query, 9, mode="lexical"))


def test_thousands_of_tiny_files_are_read_and_then_skipped(index: Index, tmp_path: Path) -> None:
    """They are written together, found one by one, and cost little when nothing has changed."""
    for number in range(2000):
        folder = tmp_path / str(number % 20)
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.txt").write_text(f"Note about subject{number}.")
    assert index.add([tmp_path]).added == 2000
    assert index.search("subject1234", 1)[0].passage.title == "1234"
    assert index.add([tmp_path]).unchanged == 2000
    (tmp_path / "7" / "7.txt").write_text("Now about zebras.")
    (tmp_path / "8" / "8.txt").unlink()
    report = index.add([tmp_path])
    assert (report.updated, report.unchanged, report.removed) == (1, 1998, 1)


def test_a_huge_sparse_file_is_refused_at_its_beginning(index: Index, tmp_path: Path) -> None:
    """A gigabyte of zeros is binary; that is known after eight kilobytes of it are decoded."""
    path = tmp_path / "zeros.txt"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    [problem] = index.add([path]).problems
    assert problem.message == "this is a binary file, not text"


def test_a_huge_text_is_found_in_its_parts(index: Index, tmp_path: Path) -> None:
    """Both ends of it, whatever its size; the address says which part."""
    path = tmp_path / "log.txt"
    line = "The same words come again and again in a log. "
    path.write_text(f"It begins with the okapi.\n\n{line * 220_000}\n\nIt ends with the tapir.")
    assert index.add([path]).added == 3
    for word, part in (("okapi", 1), ("tapir", 3)):
        assert index.search(word, 1)[0].passage.uri.endswith(f"log.txt#part-{part}")
    assert index.remove(str(path)) == 3


def test_a_glob_adds_what_matches_and_forgets_what_left(index: Index, tmp_path: Path) -> None:
    """`**` crosses folders, links to folders are no way in circles, other files are left alone."""
    for name in ("a.md", "sub/b.md", "sub/deep/c.md", "sub/d.txt", ".hidden/e.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"Text of {name}.")
    (tmp_path / "sub" / "circle").symlink_to(tmp_path)
    assert index.add([tmp_path / "**" / "*.md"]).added == 3
    assert index.add([tmp_path / "sub" / "d.txt"]).added == 1
    (tmp_path / "sub" / "b.md").unlink()
    (tmp_path / "sub" / "d.txt").unlink()
    report = index.add([tmp_path / "**" / "*.md"])
    assert (report.unchanged, report.removed) == (2, 1)
    [problem] = index.add([tmp_path / "*.pdf"]).problems
    assert problem.message == "no file matches"


def test_problems_are_remembered_until_they_are_put_right(index: Index, tmp_path: Path) -> None:
    """Each file that could not be read is listed, also by the next program, until it can be."""
    bad, other = tmp_path / "bad.txt", tmp_path / "other.txt"
    bad.write_bytes(b"\0\1")
    other.write_bytes(b"")
    index.add([tmp_path])
    assert [Path(p.path).name for p in index.problems()] == ["bad.txt", "other.txt"]
    assert index.status().problems == 2
    bad.write_text("Good now.")
    index.add([bad])
    assert [Path(p.path).name for p in index.problems()] == ["other.txt"]
    other.unlink()
    index.add([tmp_path])
    assert index.problems() == []


@pytest.mark.parametrize("named", ["r.jsonl", "", "*.jsonl"])
def test_problems_of_records_stay_while_the_file_is_skipped(
    index: Index, tmp_path: Path, named: str
) -> None:
    """An unchanged file is not read again, and what was wrong in it is still known."""
    folder = tmp_path / "notes"
    folder.mkdir()
    path = folder / "r.jsonl"
    path.write_text('{"id": 1, "title": "T", "text": "Words."}\n{"odd": 1}\n')
    for _ in range(2):
        index.add([folder / named])
        assert [problem.path for problem in index.problems()] == [f"{path}:2"]
    path.unlink()
    index.add([folder])
    assert index.problems() == []
