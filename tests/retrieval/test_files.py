"""What a person may point `add` and `remove` at, and what comes of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from retrieval.index import Index
from tests.retrieval.conftest import article, write_records


def messages(index: Index, *paths: Path) -> list[str]:
    return [problem.message for problem in index.add(list(paths)).problems]


def test_a_pipe_is_refused_and_never_opened(index: Index, tmp_path: Path) -> None:
    """Opening a pipe would wait for ever; named or met in a folder, it is not opened."""
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "note.txt").write_text("A note.")
    assert (
        messages(index, tmp_path / "pipe.txt", Path("/dev/zero"))
        == ["this is a pipe, socket or device, not a file"] * 2
    )
    assert index.add([tmp_path]).added == 1


def test_links_are_followed_to_files_and_never_in_circles(index: Index, tmp_path: Path) -> None:
    """A link to itself is named; one file under two paths is one document."""
    note = tmp_path / "note.txt"
    note.write_text("A note.")
    (tmp_path / "alias.md").symlink_to(note)
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    (tmp_path / "inside").symlink_to(tmp_path)
    assert messages(index, tmp_path / "loop.txt") == ["this link leads back to itself"]
    assert index.add([tmp_path / "alias.md", note]).added == 1
    assert index.remove(str(tmp_path / "alias.md")) == 1


def test_a_glob_below_a_link_to_itself_leaves_the_other_inputs_alone(
    index: Index, tmp_path: Path
) -> None:
    """Its folder cannot be entered; the file beside it is added."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "note.txt").write_text("A note.")
    report = index.add([tmp_path / "loop" / "*.txt", tmp_path / "note.txt"])
    assert report.added == 1
    assert report.problems[0].message == "this link leads back to itself"


@pytest.mark.parametrize("seconds", [10_000_000_000, -10_000_000_000])
def test_a_file_of_another_century_is_added(index: Index, tmp_path: Path, seconds: int) -> None:
    """A clock that was wrong gives times that fit no column; the file is read, then skipped."""
    note = tmp_path / "note.txt"
    note.write_text("A note.")
    os.utime(note, (seconds, seconds))
    assert index.add([note]).added == 1
    assert index.add([note]).unchanged == 1


@pytest.mark.parametrize("name", ["\u2764\ufe0f love", "\U0001f469\u200d\U0001f4bb", "\u200ea"])
def test_a_file_with_hidden_characters_in_its_name_can_be_removed(
    index: Index, tmp_path: Path, name: str
) -> None:
    """Emoji are made with them; the name is stored as it is, and so it is looked for."""
    note = tmp_path / f"{name}.txt"
    note.write_text("A note.")
    index.add([note])
    assert index.remove(str(note)) == 1


def test_a_name_that_is_not_unicode_is_a_problem(index: Index, tmp_path: Path) -> None:
    """File names are bytes; one that cannot be stored is reported in characters that can."""
    name = os.fsencode(tmp_path) + b"/bad\xff.txt"
    try:
        Path(os.fsdecode(name)).write_text("text")
    except OSError:
        pytest.skip("this file system takes no such name")
    [problem] = index.add([tmp_path]).problems
    assert problem.message == "the name of the file is not valid UTF-8"
    assert problem.path == f"{tmp_path}/bad.txt"
    assert problem.hint == "rename it"


def test_escapes_in_a_name_do_not_reach_the_terminal(index: Index, tmp_path: Path) -> None:
    """A problem is printed, so its path is cleaned like any text from outside."""
    path = tmp_path / "a\x1b[31m\u202e.txt"
    path.write_bytes(b"")
    [problem] = index.add([path]).problems
    assert problem.path == f"{tmp_path}/a[31m.txt"


def test_a_file_that_vanishes_while_folders_are_read_is_a_problem(
    index: Index, tmp_path: Path
) -> None:
    """The first file's turn deletes the second; the third is still read."""
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"Text of {name}.")

    def delete_b(_: object) -> None:
        (tmp_path / "b.txt").unlink(missing_ok=True)

    report = index.add([tmp_path], progress=delete_b)
    assert report.added == 2
    assert [problem.message for problem in report.problems] == ["no such file or folder"]


def test_surrogates_and_huge_numbers_in_records_are_no_crash(index: Index, tmp_path: Path) -> None:
    """What JSON allows and UTF-8 or Python does not is cleaned, or a bad line."""
    path = tmp_path / "a.jsonl"
    lines = [
        '{"id": "\\ud800", "title": "\\ud800T\\n\\u001b[1mU", "text": "okapi"}',
        '{"id": ' + "9" * 5000 + ', "title": "t", "text": "x"}',
        '{"\\ud800": 1}',
    ]
    path.write_text("\n".join(lines))
    report = index.add([path])
    assert report.added == 1
    assert len(report.problems) == 2
    json.dumps([vars(problem) for problem in report.problems], ensure_ascii=False).encode()
    assert index.search("okapi")[0].passage.title == "T [1mU"


def test_many_bad_lines_do_not_hide_the_good_ones_after_them(index: Index, tmp_path: Path) -> None:
    """Twenty are named, the rest is counted, and the file is read to its end."""
    path = write_records(tmp_path / "a.jsonl", [article(1), *[{"odd": 1}] * 50, article(2)])
    report = index.add([path])
    assert report.added == 2
    assert len(report.problems) == 21
    assert report.problems[-1].message == "30 more bad lines up to here"


def test_a_title_of_megabytes_is_cut(index: Index, tmp_path: Path) -> None:
    """Title and heading are repeated with each passage; they must stay small."""
    record = {**article(1), "title": "long " * 200_000}
    index.add([write_records(tmp_path / "a.jsonl", [record])])
    page = tmp_path / "page.md"
    page.write_text("# T\n\n## " + "head " * 100_000 + "\n\nThe tapir swims.")
    index.add([page])
    passages = [hit.passage for hit in index.search("article tapir", 9)]
    assert {passage.title[:5] for passage in passages} == {"long ", "T"}
    assert max(len(passage.title + passage.heading) for passage in passages) <= 600


def test_removing_an_empty_target_removes_nothing(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unset shell variable is no request to empty the index of the working folder."""
    (tmp_path / "note.txt").write_text("A note.")
    index.add([tmp_path])
    monkeypatch.chdir(tmp_path)
    assert index.remove("") == 0
    assert index.remove("\ud800") == 0
    assert index.remove("note.txt\0") == 0
    assert index.remove("../" + tmp_path.name + "/note.txt") == 1


def test_what_was_removed_by_its_address_can_be_added_again(index: Index, tmp_path: Path) -> None:
    """An unchanged file is skipped only while its document is there."""
    note = tmp_path / "note.txt"
    note.write_text("The potto climbs.")
    index.add([note])
    assert index.remove(note.as_uri()) == 1
    assert index.add([note]).added == 1
    assert index.search("potto")


def test_a_source_removed_while_it_is_read_is_a_problem(index: Index, tmp_path: Path) -> None:
    """Another window removes the file between two batches: said, and adding works again."""
    path = write_records(tmp_path / "a.jsonl", [article(n) for n in range(600)])
    removed: list[int] = []

    def remove_once(_: object) -> None:
        if not removed:
            removed.append(index.remove(str(path)))

    report = index.add([path], progress=remove_once)
    assert [p.message for p in report.problems] == ["was removed from the index while it was read"]
    assert index.status().documents == 0
    assert index.add([path]).added == 600


def test_a_source_added_anew_while_it_is_read_keeps_what_was_added(
    index: Index, tmp_path: Path
) -> None:
    """The window that was overtaken forgets nothing: it knows nothing about the file."""
    path = write_records(tmp_path / "a.jsonl", [article(n) for n in range(600)])
    overtaken: list[int] = []

    other = write_records(tmp_path / "b.jsonl", [article(n) for n in range(700, 710)])

    def overtake_once(_: object) -> None:
        if not overtaken:
            overtaken.append(index.remove(str(path)))
            overtaken.append(index.add([other, path]).added)

    report = index.add([path], progress=overtake_once)
    assert (len(report.problems), report.removed, overtaken[1]) == (1, 0, 610)
    assert index.status().documents == 610
