"""`chatapp doctor`: every problem is seen, has a fix, and sets the exit code."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from chatapp import paths, resources
from chatapp.cli.doctor import command, data, machine
from chatapp.cli.doctor.check import Check
from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main


def fixed(check: Check) -> Callable[[], Check]:
    """Return a check that always says the same."""
    return lambda: check


OK = Check("good", "ok", "fine")
WARN = Check("odd", "warn", "strange", "look at it.")
FAIL = Check("bad", "fail", "broken", "mend it.")
LOST = Check("lost", "fail", "gone", "restore it.", storage=True)


@pytest.mark.parametrize(
    ("checks", "status", "code"),
    [
        ([OK], "ok", ExitCode.OK),
        ([OK, WARN], "warn", ExitCode.OK),
        ([FAIL, WARN, OK], "fail", ExitCode.ERROR),
        ([FAIL, LOST], "fail", ExitCode.STORAGE),
    ],
)
def test_the_worst_check_sets_status_and_exit_code(
    checks: list[Check],
    status: str,
    code: ExitCode,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Warnings pass, failures are 1, and lost storage is 6."""
    monkeypatch.setattr(command, "CHECKS", [fixed(check) for check in checks])
    assert main(["doctor", "--output", "json"]) == code
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == status
    assert [check["name"] for check in report["checks"]] == [check.name for check in checks]


def test_text_names_the_fix_below_each_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person sees the mark, the detail and what to do."""
    monkeypatch.setattr(command, "CHECKS", [fixed(OK), fixed(FAIL)])
    main(["doctor"])
    assert capsys.readouterr().out.splitlines() == [
        "ok    good          fine",
        "fail  bad           broken",
        "      fix: mend it.",
    ]


def test_a_check_that_breaks_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception inside a check is a failed check."""

    def breaks() -> Check:
        raise RuntimeError("no idea")

    monkeypatch.setattr(command, "CHECKS", [breaks, fixed(OK)])
    assert main(["doctor", "--output", "json"]) == ExitCode.ERROR
    first, second = json.loads(capsys.readouterr().out)["checks"]
    assert (first["status"], first["detail"]) == ("fail", "RuntimeError: no idea")
    assert second["status"] == "ok"


def test_a_home_below_a_file_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that cannot be made is a storage failure that names the variable to set."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path / "file" / "home"))
    check = data.home()
    assert (check.status, check.storage) == ("fail", True)
    assert "CHATAPP_HOME" in check.fix


def test_a_home_that_is_a_link_to_nowhere_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its disk is not mounted: no home can be made in its place."""
    (tmp_path / "home").symlink_to(tmp_path / "not mounted")
    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path / "home"))
    assert data.home().status == "fail"
    assert machine.disk().detail.endswith(f" at {tmp_path}")


def test_a_damaged_database_is_found_and_left_as_it_is() -> None:
    """The integrity check reads; it never writes to a person's conversations."""
    path = paths.database_path()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("y" * 500,)] * 200)
    connection.close()
    assert data.database().status == "ok"
    damaged = bytearray(path.read_bytes())
    damaged[4096 : 4096 * 3] = b"\xff" * 8192
    path.write_bytes(damaged)
    check = data.database()
    assert (check.status, check.storage) == ("fail", True)
    assert path.read_bytes() == damaged


def test_a_file_that_is_no_database_is_a_storage_failure() -> None:
    """Any bytes at all in the database's place give a message, not a crash."""
    paths.database_path().write_text("not a database " * 100)
    assert (data.database().status, data.database().storage) == ("fail", True)


def test_looking_at_a_home_that_is_not_there_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The doctor changes nothing."""
    monkeypatch.setenv("CHATAPP_HOME", str(tmp_path / "new" / "home"))
    check = data.home()
    assert (check.status, check.detail.split(" ", 1)[1]) == ("ok", "is made when it is needed")
    assert not (tmp_path / "new").exists()


def test_a_new_home_has_no_conversations_and_no_index() -> None:
    """Nothing stored yet is fine."""
    assert (data.database().status, data.index().status) == ("ok", "ok")


def test_an_index_is_opened_and_counted(tmp_path: Path) -> None:
    """A sound index says how much is in it; without vectors it is a warning, not a failure."""
    from retrieval.index import Index

    index = Index.open(paths.index_path(), embedder_dir=tmp_path / "no-embedder")
    index.add_text("test:1", "One", "The first page.", collection="test")
    index.close()
    check = data.index()
    assert check.status == "warn"
    assert "1 documents, 1 passages, 0 vectors" in check.detail


def test_a_damaged_index_is_a_storage_failure_that_names_the_fix() -> None:
    """Bytes in the index's place that are no index are seen before a question is asked."""
    paths.index_path().parent.mkdir()
    paths.index_path().write_text("not an index " * 1000)
    check = data.index()
    assert (check.status, check.storage) == ("fail", True)
    assert check.fix != ""


def test_bad_settings_are_shown_with_their_fix(chatapp_home: Path) -> None:
    """The doctor repeats the settings' own message instead of failing on it."""
    (chatapp_home / "config.toml").write_text("modle = 1\n")
    check = data.settings()
    assert (check.status, check.fix) == ("fail", "did you mean 'model'?")


def make_model(directory: Path) -> Path:
    """Make a model directory of two files, listed beside it with their checksums."""
    directory.mkdir(parents=True)
    lines = []
    for name in ("config.json", "model.safetensors"):
        (directory / name).write_bytes(name.encode())
        digest = hashlib.sha256(name.encode()).hexdigest()
        lines.append(f"{digest}  ./{directory.name}/{name}")
    (directory.parent / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    return directory


def test_a_shipped_model_is_held_to_its_checksums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed byte, a lost file and an unlisted model are each seen."""
    directory = make_model(tmp_path / "models" / "default")
    monkeypatch.setattr("chatapp.resources.default_model_dir", lambda: directory)
    assert data.model().status == "ok"
    (directory / "model.safetensors").write_bytes(b"changed")
    assert "model.safetensors" in data.model().detail
    (directory / "model.safetensors").unlink()
    assert data.model().status == "fail"
    (directory.parent / "SHA256SUMS").unlink()
    assert "no checksum" in data.model().detail


def test_each_model_that_ships_is_looked_at_and_whole() -> None:
    """What the list of checksums names has a line of its own, and the repository's files fit it."""
    sums = resources.embedder_dir().parent / "SHA256SUMS"
    shipped = {line.split("/")[1] for line in sums.read_text(encoding="utf-8").splitlines()}
    checks = [data.model(), *data.helpers()]
    assert {Path(check.detail.split(",")[0]).name for check in checks} == shipped
    assert {check.status for check in checks} == {"ok"}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("embedder_dir", "embedder"),
        ("reader_dir", "reader"),
        ("pieces_dir", "recall"),
        ("solver_dir", "solver"),
        ("filter_dir", "filter"),
    ],
)
def test_a_model_that_is_missing_or_damaged_fails_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str
) -> None:
    """One model that is not whole fails, and the others still say that they are."""
    directory = make_model(tmp_path / "models" / name)
    (directory / "model.safetensors").write_bytes(b"changed")
    monkeypatch.setattr(f"chatapp.resources.{place}", lambda: directory)
    failed = {check.name: check.detail for check in data.helpers() if check.status == "fail"}
    assert list(failed) == [name]
    assert "model.safetensors" in failed[name]
    (directory / "config.json").unlink()
    failed = {check.name: check.detail for check in data.helpers() if check.status == "fail"}
    assert failed == {name: f"{directory} holds no model"}


def test_a_model_of_ones_own_is_looked_for_where_the_setting_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chosen model that is not there is a failure that names the setting."""
    monkeypatch.setenv("CHATAPP_MODEL", str(tmp_path / "mine"))
    assert data.model().status == "fail"
    assert "setting `model`" in data.model().fix
    make_model(tmp_path / "mine")
    assert data.model().status == "ok"


@pytest.mark.parametrize(
    ("version", "status"), [((3, 51, 2), "warn"), ((3, 51, 3), "ok"), ((3, 40, 1), "warn")]
)
def test_an_sqlite_with_the_wal_reset_bug_is_a_warning(
    version: tuple[int, int, int], status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Releases before 3.51.3 can, rarely, damage a database that two windows write to."""
    monkeypatch.setattr("sqlite3.sqlite_version_info", version)
    assert machine.sqlite().status == status


@pytest.mark.parametrize(
    ("free", "status"), [(50 * 2**20, "fail"), (2**30, "warn"), (50 * 2**30, "ok")]
)
def test_a_full_disk_is_seen_before_it_hurts(
    free: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Little room is a warning; none is a storage failure."""
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    assert machine.disk().status == status


def test_the_machine_checks_pass_where_the_tests_run() -> None:
    """Python and torch are there, and say what they are."""
    assert machine.python().status == "ok"
    assert "threads of" in machine.torch().detail
