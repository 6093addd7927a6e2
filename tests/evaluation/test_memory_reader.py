"""The reader of recalled rounds: untrained it changes nothing, and it learns what it is shown."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import memory_reader
from benchmarks.memory_reader import Means, Memory, Reader, compare, reread, stacked, train
from chatapp import resources
from chatapp.evaluation.memory.cases import remembered
from chatapp.memory.types import Round
from retrieval.embedding.pieces import PieceEncoder


def a_memory(slots: int, seed: int) -> Memory:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((2 * slots + 1, 8)).astype(np.float32)
    scores = rng.random(slots).astype(np.float32)
    return Memory(vectors[0], vectors[1 : slots + 1], vectors[slots + 1 :], scores)


def a_round(said: str, score: float) -> Round:
    return Round(said, "c", "title", "2026-01-01", said, "I see.", score, 1)


def test_an_untrained_reader_keeps_the_order_of_recall() -> None:
    means = Means(PieceEncoder.load(resources.pieces_dir()))
    rounds = [a_round("tea with milk", 0.9), a_round("my boat", 0.5), a_round("a boat", 0.4)]
    reader = Reader(means.encoder.width)
    assert reread(reader, "the boat", rounds, means) == rounds
    assert reread(reader, "the boat", [], means) == []


def test_an_empty_slot_takes_no_part() -> None:
    """A memory is scored the same alone and beside a longer one."""
    torch.manual_seed(0)
    reader = Reader(8, width=4)
    with torch.no_grad():
        reader.weights.fill_(1.0)
    short, long = a_memory(3, 1), a_memory(6, 2)
    together = reader(*stacked([short, long]))
    torch.testing.assert_close(together[:1, :3], reader(*stacked([short])))
    assert together[0, 3:].max() < together[0, :3].min()


def test_a_reader_learns_that_the_question_is_the_key() -> None:
    """Recall's scores are noise here and the right key is the question itself: it is found."""
    torch.manual_seed(0)
    taught = []
    for seed in range(64):
        memory = a_memory(6, seed)
        memory.keys[seed % 6] = memory.question
        taught.append((memory, seed % 6))
    reader = Reader(8, width=4)
    first = train(reader, taught, epochs=1, seed=0)
    assert train(reader, taught, epochs=20, seed=0) < first / 2


def test_the_comparison_runs_on_files_of_dialogue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every way and both readers are judged on both parts, in one line of JSON."""
    monkeypatch.setattr(memory_reader, "remembered", lambda part: remembered(part)[:20])
    file = tmp_path / "talk.jsonl"
    with file.open("w") as lines:
        for number in range(400):
            said = f"remark {number} about willow trees by river {number % 7}"
            talk = [{"role": "user", "content": said}, {"role": "assistant", "content": "Nice."}]
            lines.write(json.dumps({"id": f"talk-{number}", "messages": talk}) + "\n")
    report = compare([file], questions=8, rounds=150, epochs=1, seed=0)
    assert json.loads(json.dumps(report)) == report
    assert 0 < report["config"]["questions"] <= 8
    for part in ("tune", "measure"):
        untrained = report["metrics"][f"recall@5: reader untrained [{part}]"]
        assert untrained == report["metrics"][f"recall@5: memory [{part}]"] > 0.5
