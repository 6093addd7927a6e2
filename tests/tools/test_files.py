"""Files are read inside the allowed folders only, whatever a path, a link or a device tries."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.retrieval.test_loaders import make_pdf
from tools import files, safe_open
from tools.calls import ToolCall, ToolResult
from tools.defaults import default_tools
from tools.files import ListFiles, ReadFile, allowed
from tools.protocol import CallLimits, ToolContext
from tools.registry import ToolRegistry


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A folder that is allowed, with a secret beside it."""
    (tmp_path / "secret.txt").write_text("hunter2")
    room = tmp_path / "room"
    (room / "deep").mkdir(parents=True)
    (room / "note.txt").write_text("one\ntwo\nthree\n")
    (room / "deep" / "more.md").write_text("# More\n")
    return room


def read(room: Path, path: object, **arguments: object) -> ToolResult:
    """Read one file with `room` as the only allowed folder."""
    registry = ToolRegistry([ReadFile(allowed((str(room),)))])
    return registry.run(ToolCall("read_file", {"path": str(path), **arguments}))


def test_a_page_that_cannot_be_read_is_named(room: Path) -> None:
    """Whoever reads the others knows that there is more."""
    pdf = make_pdf(room / "p.pdf", ["A walrus."])
    pdf.write_bytes(pdf.read_bytes().replace(b"[3 0 R] /Count 1", b"[3 0 R 99 0 R] /Count 2"))
    assert read(room, pdf).output.text == "A walrus.\n(page 2: this page is missing or damaged)"


def test_a_file_is_read_by_its_full_or_its_short_name(room: Path) -> None:
    """The whole of it, or some lines, with how much there is."""
    assert read(room, room / "note.txt").output.text == "one\ntwo\nthree"
    assert read(room, "deep/more.md").output.text == "# More"
    assert read(room, "deep/../note.txt").output.text == "one\ntwo\nthree"
    part = read(room, "note.txt", first_line=2, lines=1)
    assert part.output.text == "two"
    assert part.output.value == {
        "path": str(room / "note.txt"),
        "bytes": 14,
        "first_line": 2,
        "lines": 1,
        "of": 3,
    }
    assert read(room, "note.txt", first_line=2.0, lines=1.0).output == part.output
    assert "there is no line 9" in read(room, "note.txt", first_line=9).error


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "deep/../../secret.txt", "/etc/passwd", "~/x", "//etc/passwd", "..", "/",
     "/proc/self/environ", "room/../../secret.txt", "./../secret.txt", "/dev/null"],
)  # fmt: skip
def test_no_path_leads_out(room: Path, path: str) -> None:
    """Dots, full paths and the home folder are outside."""
    found = read(room, path)
    assert found.failure == "refused"
    assert "outside the allowed folders" in found.error


def test_no_link_leads_out_but_one_inside_may_be_followed(room: Path) -> None:
    """A link is as good as where it ends; links in a circle are refused too."""
    (room / "out.txt").symlink_to(room.parent / "secret.txt")
    (room / "up").symlink_to(room.parent)
    (room / "inside.txt").symlink_to(room / "note.txt")
    (room / "circle").symlink_to(room / "circle")
    for path in ("out.txt", "up/secret.txt", "circle", "up/room/../secret.txt"):
        assert read(room, path).failure == "refused", path
    assert read(room, "inside.txt").output.text.startswith("one")


def test_a_link_that_appears_after_the_look_is_refused(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between resolving and opening a file becomes a link to the secret: it is not followed."""
    inside = safe_open._inside

    def swapped(asked: str, folders: tuple[Path, ...]) -> tuple[Path, Path]:
        found = inside(asked, folders)
        (room / "note.txt").unlink()
        (room / "note.txt").symlink_to(room.parent / "secret.txt")
        return found

    monkeypatch.setattr(safe_open, "_inside", swapped)
    found = read(room, "note.txt")
    assert (found.failure, "became a link" in found.error) == ("refused", True)


def test_what_is_no_regular_file_is_refused_without_waiting(room: Path) -> None:
    """A pipe that nobody writes to, a socket and a folder are named as what they are not."""
    os.mkfifo(room / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(room / "s"))
        for name in ("pipe", "s", "deep"):
            found = read(room, name)
            assert (found.failure, "no regular file" in found.error) == ("refused", True), found
    device = ToolRegistry([ReadFile(allowed(("/dev",)))])
    for name in ("zero", "random", "tty", "null"):
        error = device.run(ToolCall("read_file", {"path": f"/dev/{name}"})).error
        assert "regular" in error or "cannot be opened" in error, error


def test_hidden_files_are_not_read(room: Path) -> None:
    """Keys and passwords lie there; not even with their names known."""
    (room / ".env").write_text("KEY=1")
    (room / ".ssh").mkdir()
    (room / ".ssh" / "id").write_text("key")
    for path in (".env", ".ssh/id", "deep/../.env"):
        assert "hidden" in read(room, path).error


def test_huge_and_binary_files_are_refused_and_long_ones_cut(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that grows, or claims another size than it has, is read to the limit and no more."""
    monkeypatch.setattr(files, "LARGEST_FILE", 1 << 20)
    with (room / "huge.txt").open("wb") as huge:
        huge.truncate(1 << 40)  # a terabyte of nothing
    assert "larger than 1 MB" in read(room, "huge.txt").error
    (room / "program").write_bytes(b"\x7fELF\0\0")
    assert "no text file" in read(room, "program").error
    (room / "long.txt").write_text("x\n" * 100_000)
    registry = ToolRegistry([ReadFile((room,))])
    context = ToolContext(CallLimits(output_characters=1_000))
    cut = registry.run(ToolCall("read_file", {"path": "long.txt"}), context).output
    assert cut.truncated
    assert len(cut.text) < 1_100
    (room / "empty").touch()
    assert read(room, "empty").output.text == "[the file is empty]"


def test_odd_paths_are_refused_in_words(room: Path) -> None:
    """Missing files, files as folders, names too long and bytes that no path has."""
    assert "is not there" in read(room, "nothing.txt").error
    assert "is no folder" in read(room, "note.txt/more").error
    assert read(room, "x" * 3_000).failure == "refused"
    assert read(room, "a\0b").failure == "refused"
    assert read(room, "\udcff").failure in ("refused", "arguments")


def test_html_is_read_as_its_text(room: Path) -> None:
    """Through the loaders of the index, from a copy."""
    words = "The tide rises and falls twice a day because of the moon. " * 20
    page = f"<html><title>T</title><body><article><p>{words}</p></article></body></html>"
    (room / "page.html").write_text(page)
    text = read(room, "page.html").output.text
    assert "The tide rises" in text
    assert "<p>" not in text


def test_a_folder_is_listed_without_what_is_hidden(room: Path) -> None:
    """Names, folders with a slash; without a path the allowed folders themselves."""
    (room / ".hidden").touch()
    registry = ToolRegistry([ListFiles((room,))])

    def listed(**arguments: object) -> ToolResult:
        return registry.run(ToolCall("list_files", arguments))

    assert listed(path=str(room)).output.text == "deep/\nnote.txt"
    assert listed(path="deep").output.text == "more.md"
    assert listed().output.text == str(room)
    assert "outside" in listed(path="..").error
    assert "is no folder" in listed(path="note.txt").error


def test_a_folder_with_very_many_files_is_cut(room: Path) -> None:
    """The rest is counted."""
    for number in range(files.MOST_ENTRIES + 3):
        (room / "deep" / f"{number:04}").touch()
    registry = ToolRegistry([ListFiles((room,))])
    found = registry.run(ToolCall("list_files", {"path": "deep"})).output
    assert found.text.splitlines()[-1] == "[4 more]"
    assert found.value["of"] == files.MOST_ENTRIES + 4


def test_folders_of_the_settings_that_are_not_there_open_nothing(room: Path) -> None:
    """With none left the tools are off and name the setting."""

    class Settings:
        folders = (str(room / "gone"), "\0")
        python = False

    reason = default_tools(Settings()).find("read_file").available()
    assert "tools.folders" in reason.fix
