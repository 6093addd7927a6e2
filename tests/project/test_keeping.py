"""One value is written into a settings file; comments, order and everything else stay."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from chatapp.settings import SettingsError
from chatapp.settings.keeping import keep_setting


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", '[ui]\ntheme = "b"\n'),
        ("threads = 2 # few\n", 'threads = 2 # few\n\n[ui]\ntheme = "b"\n'),
        (
            '[ui]\n# mine\ntheme = "a"\nenter = "send"\n',
            '[ui]\n# mine\ntheme = "b"\nenter = "send"\n',
        ),
        ('[ui]\nenter = "send"\n[web]\n', '[ui]\ntheme = "b"\nenter = "send"\n[web]\n'),
        ('ui.theme = "a"\nthreads = 1\n', 'ui.theme = "b"\nthreads = 1\n'),
    ],
)
def test_the_value_is_set_and_the_rest_stays(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "made" / "config.toml"
    if old:
        path.parent.mkdir()
        path.write_text(old)
    keep_setting(path, "ui", "theme", "b")
    assert path.read_text() == new
    assert tomllib.loads(new)["ui"]["theme"] == "b"
    assert [child.name for child in path.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    "text", ['ui = {theme = "a", enter = "send"}\n', "[ui\n", 'x = """\n[ui]\n"""\n']
)
def test_what_cannot_be_changed_safely_is_left_alone(tmp_path: Path, text: str) -> None:
    """The error names the line to write; the file is as it was."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as raised:
        keep_setting(path, "ui", "theme", "b")
    assert 'theme = "b"' in raised.value.hint
    assert path.read_text() == text
