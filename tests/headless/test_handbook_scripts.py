"""The scripts and commands of the handbook's page on scripts are run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chatapp import resources
from chatapp.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (resources.handbook_dir() / "scripted-sessions.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the one code block of the page in this language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.mark.parametrize("language", ["yaml", "json"])
def test_both_forms_of_the_first_script_run(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """A new user copies it, and it answers from the handbook."""
    monkeypatch.chdir(tmp_path)
    Path("script").write_text(block(language))
    assert main(["run", "script"]) == 0
    assert "chatapp.sqlite3" in capsys.readouterr().out
    assert Path("first.md").read_text().startswith("# A first script")


def test_recording_and_replaying_work_as_typed(tmp_path: Path) -> None:
    """In a real shell, with the redirection that the page shows."""
    program = tmp_path / "bin" / "chatapp"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chatapp "$@"\n')
    program.chmod(0o755)
    (tmp_path / "tour.yaml").write_text(block("yaml"))
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", block("sh")],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The same: ")
