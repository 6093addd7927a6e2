"""A tiny trained model, record files, and the command line as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatapp.cli.main import main
from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.model.checkpoint import load_model

MODEL = Path(__file__).parents[1] / "fixtures" / "model"

Write = Callable[..., Path]
Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def model() -> LikelihoodModel:
    """The model that the tests ship with: it has learned to greet, in a context of 512 tokens."""
    return LikelihoodModel(*load_model(MODEL))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write records to a file and return its path."""

    def to(name: str, *records: dict[str, Any]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    return to


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture[str]) -> Evaluate:
    """Run `chatapp eval …` on the tiny model and return its JSON line."""

    def run(suite: str, *arguments: object) -> dict[str, Any]:
        chosen = [] if "--model" in arguments or suite == "qa" else ["--model", str(MODEL)]
        command = ["eval", suite, *map(str, arguments), *chosen, "--output", "json"]
        code = main(command)
        shown = capsys.readouterr()
        assert code == 0, shown.err
        line: dict[str, Any] = json.loads(shown.out)
        return line

    return run
