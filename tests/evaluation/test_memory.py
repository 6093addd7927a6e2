"""The memory's benchmark judges as it says, is frozen, and runs without any file of data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from chatapp import resources
from chatapp.cli.eval import eval_
from chatapp.evaluation.memory import cases
from chatapp.evaluation.memory.extraction import judge, score
from chatapp.evaluation.memory.histories import history
from chatapp.evaluation.records import DataError

MESSAGE = cases.Message(
    "I live in Pune and love tea, and maybe chess.",
    "stated",
    (("home", "", "Pune~Poona"), ("likes", "", "tea")),
    (("likes", "", "chess"),),
)


def test_a_fact_counts_once_and_in_any_of_its_forms() -> None:
    judged = judge(MESSAGE, [("home", "", "poona"), ("home", "", "Pune")])
    assert (len(judged.right), len(judged.wrong), len(judged.missed)) == (1, 0, 1)


def test_what_may_be_read_is_neither_right_nor_wrong() -> None:
    judged = judge(MESSAGE, [("likes", "", "chess"), ("likes", "", "coffee")])
    assert (judged.right, [value for *_, value in judged.wrong]) == ((), ["coffee"])


def test_precision_is_over_what_was_read_and_recall_over_what_was_stated() -> None:
    trap = cases.Message("Do I like tea?", "question", (), ())
    figures = score([judge(MESSAGE, [("likes", "", "tea")]), judge(trap, [("likes", "", "tea")])])
    assert figures["precision"].mean == 0.5
    assert figures["recall"].mean == 0.5
    assert figures["adversarial messages left alone"].mean == 0.0


def test_the_parts_share_no_case() -> None:
    for read in (cases.messages, cases.remembered):
        tune, measure = (set(map(repr, read(part))) for part in ("tune", "measure"))
        assert tune
        assert measure
        assert not tune & measure


def test_a_changed_case_is_another_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are held to their checksums, so that figures can be compared."""
    (tmp_path / "memory").mkdir()
    original = resources.samples_dir() / "memory" / "recall.jsonl"
    changed = original.read_bytes().replace(b"corgi", b"poodle")
    (tmp_path / "memory" / "recall.jsonl").write_bytes(changed)
    monkeypatch.setattr(resources, "samples_dir", lambda: tmp_path)
    with pytest.raises(DataError, match="frozen"):
        cases.remembered("tune")


@pytest.mark.parametrize("name", cases.BLIND.values())
def test_blind_cases_are_no_other_cases_and_traps_state_nothing(name: str) -> None:
    blind = cases.blind_messages(name)
    known = {m.text for part in ("tune", "measure") for m in cases.messages(part)}
    assert blind
    assert not known & {message.text for message in blind}
    assert not [message.text for message in blind if message.adversarial and message.facts]


def test_a_history_holds_every_round_asked_for_once() -> None:
    asked = cases.remembered("tune")[:5]
    others = [(f"remark {number}", "I see.") for number in range(40)]
    made = history(asked, others, rounds=30, seed=1)
    try:
        assert len(made.order) == 30
        assert [made.store.message(made.places[case.question]).text for case in asked] == [
            case.user for case in asked
        ]
    finally:
        made.store.close()


def test_the_command_measures_all_parts_without_a_file() -> None:
    """One JSON line at the end, and the promises that hold on any machine."""
    done = CliRunner().invoke(eval_, ["memory", "--limit", "12", "--output", "json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    metrics = report["metrics"]
    assert {"precision", "recall"} <= set(metrics["extraction, blind"])
    assert metrics["update"] == {"update": 1.0, "reverse update": 1.0, "history": 1.0}
    assert metrics["abstention"]["abstention"] == 1.0
    assert metrics["forgetting"] == {"no byte left": 1.0, "not brought back": 1.0}
    assert {"recall: memory", "recall: fts", "recall: vectors", "recall: last rounds"} <= set(
        metrics
    )
    assert report["config"]["histories"][0] == 100
