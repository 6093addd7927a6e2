"""Golden scripts: thirty-odd sessions whose every byte is kept and held.

`python -m tests.golden.record` writes the transcripts anew; see `session.py` for what is real.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from chatapp.assistant import factory
from chatapp.assistant.envelope import event_schema
from chatapp.inference.generator import SamplingParams
from tests.golden import session

KINDS = {"chat", "grounded", "memory", "tools", "interrupt", "errors", "organise", "model", "web"}
SMALLEST_MARGIN = 0.05  # nats; sums of this model differ by less than 0.0001 between CPUs

scripts = pytest.mark.parametrize("script", session.SCRIPTS, ids=lambda script: script.stem)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one home for all scripts: they store nothing, and share the index."""
    return tmp_path_factory.mktemp("golden")


@pytest.fixture(autouse=True)
def prepared(
    home: Path, monkeypatch: pytest.MonkeyPatch, chatapp_home: Path
) -> Iterator[pytest.MonkeyPatch]:
    """Use the golden home instead of the test's own."""
    session.prepare(home, monkeypatch.setattr, monkeypatch.setenv)
    yield monkeypatch
    monkeypatch.undo()
    time.tzset()


def test_there_are_thirty_scripts_of_every_kind() -> None:
    assert len(session.SCRIPTS) >= 30
    assert {script.stem.partition("-")[0] for script in session.SCRIPTS} == KINDS


@scripts
def test_a_script_gives_the_recorded_bytes(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = session.run(session.command(script))
    printed = session.portable(capsys.readouterr().out)
    assert printed == session.transcript_of(script).read_text(encoding="utf-8")
    assert code == int(session.header(script, "exit") or 0)


@scripts
def test_a_transcript_can_be_replayed_strictly(
    script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = session.transcript_of(script).read_text(encoding="utf-8")
    transcript = tmp_path / "transcript.jsonl"
    transcript.write_text(session.local(kept), encoding="utf-8")
    command = ["replay", str(transcript), "--strict"]
    if "--replay-http" in session.header(script, "options"):
        command += ["--replay-http", session.TAPE]
    assert session.run(command) == 0
    assert capsys.readouterr().out.startswith("The same: ")


def test_every_recorded_line_meets_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(event_schema())
    seen = set()
    for script in session.SCRIPTS:
        for line in session.transcript_of(script).read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            validator.validate(event)
            seen.add(event["type"])
    assert {
        "tool.approval",
        "web.consent",
        "memory.used",
        "citation",
        "browse",
        "operation",
        "error",
    } <= seen


@pytest.mark.parametrize(
    "script", [s for s in session.SCRIPTS if s.stem.startswith("model-")], ids=lambda s: s.stem
)
def test_no_word_of_the_real_model_was_a_near_thing(
    script: Path, prepared: pytest.MonkeyPatch
) -> None:
    """So that another CPU, whose sums differ in the last bits, chooses the same words."""
    margins: list[float] = []
    load = factory._load_generator

    def watched(settings):
        generator = load(settings)
        stream = generator.stream

        def watch(messages, params: SamplingParams, should_stop):
            for item in stream(messages, replace(params, logprobs=2), should_stop):
                for token in getattr(item, "logprobs", None) or ():
                    (_, best), (_, second) = token.top[:2]
                    margins.append(best - second)
                yield item

        generator.stream = watch
        return generator

    prepared.setattr(factory, "_load_generator", watched)
    assert session.run(session.command(script)) == 0
    assert len(margins) >= 8
    assert min(margins) > SMALLEST_MARGIN
