"""`chatapp config`: what is set, by whom, and where the files lie."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.settings import KEYS


def test_show_prints_toml_that_could_be_a_settings_file(
    capsys: pytest.CaptureFixture[str], chatapp_home: Path, tmp_path: Path
) -> None:
    """The text form can be saved as `config.toml` and loads to the same values."""
    assert main(["config", "show"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert tomllib.loads(text)["generation"]["max_tokens"] == KEYS["generation.max_tokens"].default
    (chatapp_home / "config.toml").write_text(text, encoding="utf-8")
    assert main(["config", "show"]) == ExitCode.OK
    assert capsys.readouterr().out == text


def test_show_origin_names_the_layer_of_each_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--origin` tells a variable from a default, as text and as JSON."""
    monkeypatch.setenv("CHATAPP_THREADS", "2")
    assert main(["config", "show", "--origin"]) == ExitCode.OK
    lines = {line.split(" =")[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["threads"].endswith("# env:CHATAPP_THREADS")
    assert lines["model"].endswith("# default")
    assert main(["config", "show", "--origin", "--output", "json"]) == ExitCode.OK
    shown = json.loads(capsys.readouterr().out)
    assert shown["threads"] == {"value": 2, "origin": "env:CHATAPP_THREADS"}
    assert set(shown) == set(KEYS)


def test_a_bad_settings_file_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], chatapp_home: Path
) -> None:
    """The command line shows the settings' own message, and exits with 2."""
    (chatapp_home / "config.toml").write_text("treads = 1\n", encoding="utf-8")
    assert main(["config", "show"]) == ExitCode.USAGE
    assert capsys.readouterr().err.splitlines() == [
        f"error: {chatapp_home / 'config.toml'}, line 1: there is no setting 'treads'",
        "  fix: did you mean 'threads'?",
    ]


def test_path_says_which_files_are_there(
    capsys: pytest.CaptureFixture[str], chatapp_home: Path
) -> None:
    """`config path` lists every place and whether something lies there."""
    (chatapp_home / "config.toml").write_text("", encoding="utf-8")
    assert main(["config", "path", "--output", "json"]) == ExitCode.OK
    places = json.loads(capsys.readouterr().out)
    assert places["user settings"] == {"path": str(chatapp_home / "config.toml"), "exists": True}
    assert places["conversations"]["exists"] is False
    assert main(["config", "path"]) == ExitCode.OK
    assert f"{chatapp_home / 'models'}  (not there)" in capsys.readouterr().out
