"""Pressing Tab: real shells complete commands, options, choices, models and conversations."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chatapp import paths
from chatapp.cli.main import main
from chatapp.conversations import ConversationStore

ROOT = Path(__file__).resolve().parents[2]

BASH = """
eval "$(chatapp completion bash)"
COMP_WORDS=({words}) COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_chatapp_completion chatapp
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
autoload -U compinit && compinit -u -d "$HOME/.zcompdump"
eval "$(chatapp completion zsh)"
compadd() {{ while [[ "$1" == -* ]]; do shift; [[ "$1" == -* ]] || break; done; print -l -- $@ }}
_describe() {{ eval "print -l -- \\"\\${{$3[@]}}\\"" }}
words=({words}) CURRENT=${{#words[@]}}
_chatapp_completion
"""
FISH = """
chatapp completion fish | source
complete -C 'chatapp {line}'
"""


@pytest.fixture
def shell(tmp_path: Path):
    """Return a function that runs a program of a shell in which `chatapp` is this checkout."""
    script = tmp_path / "bin" / "chatapp"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chatapp "$@"\n')
    script.chmod(0o755)

    def run(name: str, *arguments: str) -> str:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        path = f"{script.parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [name, *arguments], env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def bash(shell, *words: str) -> list[str]:
    """Return what bash offers after these words."""
    typed = " ".join(f"'{word}'" for word in ("chatapp", *words))
    return shell("bash", "-c", BASH.format(words=typed)).split()


class TestBash:
    def test_commands(self, shell):
        assert {"conversations", "completion", "config"} == set(bash(shell, "co"))

    def test_subcommands(self, shell):
        assert "search" in bash(shell, "conversations", "se")

    def test_options_and_their_choices(self, shell):
        assert bash(shell, "ask", "--no-s") == ["--no-sources"]
        assert bash(shell, "ask", "--output", "js") == ["json", "jsonl"]

    def test_models_of_the_person(self, shell):
        model = paths.models_dir() / "my-own"
        model.mkdir(parents=True)
        (model / "config.json").write_text("{}")
        assert set(bash(shell, "ask", "--model", "")) == {"default", "my-own"}

    def test_conversations(self, shell):
        store = ConversationStore.open(paths.database_path())
        made = store.create("Holiday plans").id
        store.close()
        assert bash(shell, "ask", "--conversation", made[:4]) == [made]

    def test_nothing_is_made_by_pressing_tab(self, shell):
        assert bash(shell, "ask", "--conversation", "") == []
        assert not paths.database_path().exists()


def test_zsh_completes(shell):
    assert "--no-sources" in shell("zsh", "-f", "-c", ZSH.format(words="chatapp ask --no-s"))


def test_fish_completes(shell):
    assert "conversations" in shell("fish", "--no-config", "-c", FISH.format(line="conv"))


def test_an_unknown_shell_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
