"""Where the app writes, and where it finds what ships with it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from chatapp import paths, resources
from chatapp.cli import crash


def test_one_variable_moves_everything_the_app_writes(chatapp_home: Path) -> None:
    """`CHATAPP_HOME` holds the database, the index, the models, the settings and the log."""
    written = [
        paths.database_path(),
        paths.index_path(),
        paths.models_dir(),
        paths.user_config_path(),
        paths.log_path(),
    ]
    assert all(chatapp_home in path.parents for path in written)
    assert len(set(written)) == len(written)


def test_with_the_variable_a_bare_training_machine_knows_the_place(
    chatapp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has PyTorch and little else: nothing that knows the platform's directories."""
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert chatapp_home in paths.log_path().parents


def test_without_it_an_unexpected_error_is_told_there_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And not hidden behind another one: its traceback goes to a temporary file."""
    monkeypatch.delenv("CHATAPP_HOME")
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    told = crash.unexpected(RuntimeError("no memory left on the device"))
    [log] = tmp_path.glob("*.log")
    assert "no memory left on the device" in log.read_text()
    assert str(log) in str(told.hint)


def test_without_the_variable_the_platform_directories_serve(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With no `CHATAPP_HOME`, data and settings go where the platform wants them."""
    monkeypatch.delenv("CHATAPP_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setattr("sys.platform", "linux")
    assert paths.home() is None
    assert paths.database_path().name == "chatapp.sqlite3"
    assert "chatapp" in paths.database_path().parts
    assert "chatapp" in paths.user_config_path().parts


def test_a_relative_home_does_not_move_with_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A relative `CHATAPP_HOME` is made absolute, and `~` is the person's home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHATAPP_HOME", "here")
    assert paths.home() == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CHATAPP_HOME", "~/there")
    assert paths.home() == tmp_path / "there"


def test_shipped_files_are_found_in_a_wheel_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Inside a wheel the same names lie under `chatapp/_shipped`."""
    assert (resources.handbook_dir() / "getting-started.md").is_file()
    (tmp_path / "_shipped").mkdir()
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path)
    assert resources.handbook_dir() == tmp_path / "_shipped" / "docs" / "handbook"
    assert resources.default_model_dir() == tmp_path / "_shipped" / "data" / "models" / "default"
