"""Runs a golden script: the whole program, with a model that says what it is told.

What is real: command line, script language, assistant, tools, memory, store, index and events. Two
things are chosen so that every machine gives the same bytes:

* Most scripts talk to `Parrot`, because a neural network's sums differ in the last bits between
  CPUs, and a word may flip where two are nearly as likely. The `model-` scripts run the fixture
  model; `test_margins.py` holds that none of their words was chosen by a small margin.
* The index has no embedder, for the same reason: passages are found by words alone.

The `web-` scripts browse the recorded pages of `web.tape`.
"""

from __future__ import annotations

import functools
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chatapp import resources
from chatapp.assistant import factory
from chatapp.cli.main import main
from chatapp.inference.generator import ChatMessage, Finished, SamplingParams, TextDelta
from retrieval.store.records import document_key
from tests.fakes import FakeGenerator

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "sources.jsonl"
ROOT = HERE.parents[1]
SCRIPTS = sorted((HERE / "scripts").glob("*.yaml"))
FIXTURE_MODEL = "tests/fixtures/model"  # from the root: transcripts name no machine's directories
TAPE = "tests/golden/web.tape"
REPEATABLE = ("--ephemeral", "--seed", "1", "--greedy", "--clock", "2026-01-01T12:00:00Z")
CONFIG = f"""
[tools]
folders = ["{HERE / "files"}"]
[web]
providers = ["wikipedia"]
wikipedia_url = "https://wiki.example.org"
"""
HERE_IN_TRANSCRIPTS = "file:///repository"

Patch = Callable[[object, str, object], None]


class Parrot(FakeGenerator):
    """Repeats the last message and counts the answers; `break` in a message breaks it."""

    def stream(
        self,
        messages: Sequence[ChatMessage],
        params: SamplingParams,
        should_stop: Callable[[], bool],
    ) -> Iterator[TextDelta | Finished]:
        """Yield its answer word by word."""
        asked = next(m.content for m in reversed(messages) if m.role == "user")
        told = next((m.content for m in messages if m.role == "system"), "")
        self.fail_after = 2 if "break" in asked else None
        count = sum(m.role == "user" for m in messages)
        about = f" I was told: {told}" if told else ""
        self.reply = f"Answer {count}: you said {asked!r}.{about}"
        yield from super().stream(messages, params, should_stop)


def header(script: Path, name: str) -> str:
    """Return what the comment `# name: …` at the top of a script says; empty without one."""
    found = re.search(rf"^# {name}: (.+)$", script.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def command(script: Path) -> list[str]:
    """Return the arguments that run a golden script."""
    options = header(script, "options").split()
    if script.name.startswith("model-"):
        options += ["--model", FIXTURE_MODEL]
    path = script.relative_to(ROOT).as_posix()
    return ["run", path, *REPEATABLE, *options, "--output", "jsonl"]


def transcript_of(script: Path) -> Path:
    """Return where the transcript of a script is kept."""
    return HERE / "transcripts" / f"{script.stem}.jsonl"


def portable(text: str) -> str:
    """Return a transcript without the address of this checkout, as it is kept."""
    text = text.replace(ROOT.as_uri(), HERE_IN_TRANSCRIPTS)
    for here, kept in _document_ids().items():
        text = text.replace(here, kept)
    return text


def local(text: str) -> str:
    """Return a kept transcript as this checkout would have printed it."""
    text = text.replace(HERE_IN_TRANSCRIPTS, ROOT.as_uri())
    for here, kept in _document_ids().items():
        text = text.replace(kept, here)
    return text


@functools.cache
def _document_ids() -> dict[str, str]:
    """Return the ids of the golden sources, which hold their path, and those in transcripts."""
    lines = SOURCES.read_text(encoding="utf-8").splitlines()
    names = [json.loads(line)["id"] for line in lines]
    return {
        document_key("handbook", f"{SOURCES}#{name}"): document_key("handbook", f"golden#{name}")
        for name in names
    }


def prepare(home: Path, patch: Patch, setenv: Callable[[str, str], None]) -> None:
    """Make `home` the app's home, index the golden sources in it, and put the parrot in."""
    setenv("CHATAPP_HOME", str(home))
    setenv("CHATAPP_NATIVE", "false")
    setenv("CHATAPP_WRITTEN_REPLIES", "false")
    setenv("TZ", "UTC")
    time.tzset()
    (home / "config.toml").write_text(CONFIG)
    real = factory._load_generator
    patch(
        factory,
        "_load_generator",
        lambda settings: real(settings) if settings.model == FIXTURE_MODEL else Parrot(),
    )
    patch(resources, "embedder_dir", lambda: home / "no-embedder")
    patch(resources, "handbook_dir", lambda: SOURCES)


def run(arguments: Sequence[str]) -> int:
    """Run one command line from the root of the repository."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        return main(list(arguments))
    finally:
        os.chdir(before)
