"""Task heads: every kind of task is learnt, and the methods of tuning share one table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import safe_open

from chatapp.training.heads.examples import read_examples
from chatapp.training.readers import RecordError
from chatapp.training.recipe import RecipeError, Source
from chatapp.training.stages import RunContext, run_stages

Begin = Callable[[str], RunContext]
TASK = """
[task]
sources = [{ path = "labelled.jsonl", fields = { COLUMNS } }]
sequence = 48
batch = 16
epochs = 6
matrix_lr = 0.01
head_lr = 0.02
"""
COLUMNS = 'first = "text", second = "other", label = "kind"'
LABELLED = TASK.replace("COLUMNS", COLUMNS)
ANIMALS, TOOLS = ("cat", "dog", "cow", "hen"), ("saw", "axe", "nail", "file")


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """120 short texts about an animal or a tool; `other` names one of the same kind, or not."""
    rows: list[dict[str, object]] = []
    for number in range(120):
        kind = ("animal", "tool")[number % 2]
        word = (ANIMALS, TOOLS)[number % 2][number % 4]
        rows.append({"id": f"x{number}", "text": f"a {word} {number}", "other": word, "kind": kind})
    write(tmp_path / "labelled.jsonl", rows)
    return tmp_path


def table(context: RunContext) -> dict[str, object]:
    found: dict[str, object] = json.loads((context.out / "task" / "table.json").read_text())
    return found


def test_methods_of_tuning_are_compared_in_one_table(begin: Begin, labelled: Path) -> None:
    """Every method learns the task from the same start; the table says what each one trained."""
    methods = ["full", "last", "gradual", "lora", "prompt", "last+full"]
    context = begin(f'{LABELLED}task = "classification"\ntune = {json.dumps(methods)}\n')
    run_stages(context)
    found = table(context)
    rows = {row["method"]: row for row in found["rows"]}  # type: ignore[attr-defined]
    assert list(rows) == methods
    assert found["labels"] == ["animal", "tool"]
    assert rows["full"]["accuracy"] > 0.85
    assert rows["lora"]["accuracy"] > 0.85
    assert rows["prompt"]["weights"] < rows["lora"]["weights"] < rows["full"]["weights"]
    assert rows["last"]["weights"] < rows["last+full"]["weights"] == rows["full"]["weights"]
    assert 0.3 < found["majority"] < 0.7  # type: ignore[operator]
    markdown = (context.out / "task" / "table.md").read_text()
    assert markdown.count("\n") == 2 + len(methods) + 1
    with safe_open(context.model_directory("task-prompt") / "task_head.safetensors", "pt") as head:
        assert head.metadata() == {"labels": "animal\ntool"}
        assert "prompt_embeddings" in head.keys()  # noqa: SIM118 - no mapping


@pytest.mark.parametrize("task", ["entailment", "paraphrase"])
def test_pairs_are_learnt_with_the_text_loss_beside(
    begin: Begin, labelled: Path, task: str
) -> None:
    context = begin(f'{LABELLED}task = "{task}"\nlm_weight = 0.1\n')
    run_stages(context)
    assert table(context)["rows"][0]["accuracy"] > 0.8  # type: ignore[index]
    rows = [json.loads(line) for line in (context.out / "metrics.jsonl").read_text().splitlines()]
    texts = [row["text_loss"] for row in rows if "text_loss" in row]
    assert texts[-1] < texts[0]


def test_a_choice_is_made_among_as_many_as_there_are(begin: Begin, tmp_path: Path) -> None:
    """Questions with two and with three choices share batches; chance is their mean."""
    rows: list[dict[str, object]] = []
    for number in range(120):
        wrong = ["no 1", "no 2"][: 1 + number % 2]
        choices = [*wrong, "yes"] if number % 3 else ["yes", *wrong]
        rows.append(
            {
                "id": f"q{number}",
                "question": f"Is {number}?",
                "answers": ["yes"],
                "choices": choices,
            }
        )
    write(tmp_path / "labelled.jsonl", rows)
    context = begin(TASK.replace("COLUMNS", "") + 'task = "choice"\n')
    run_stages(context)
    found = table(context)
    assert found["rows"][0]["accuracy"] > 0.9  # type: ignore[index]
    assert 0.33 < found["majority"] < 0.5  # type: ignore[operator]


def test_graded_answers_are_entailments(tmp_path: Path) -> None:
    """The conversation is the premise; one half and more means that the answer follows."""
    asked = [{"role": "user", "content": "A?"}]
    write(
        tmp_path / "ratings.jsonl",
        [
            {"id": str(grade), "messages": asked, "response": "B", "reward": grade}
            for grade in (0.0, 0.5, 1.0)
        ],
    )
    found = read_examples(tmp_path, [Source("ratings.jsonl")], "entailment", 0)
    assert [found.labels[e.label] for e in found.examples] == ["no", "yes", "yes"]
    assert found.examples[0].first == "A?"
    assert len(read_examples(tmp_path, [Source("ratings.jsonl")], "entailment", 2).examples) == 2


def test_columns_that_are_missing_are_named_with_the_fix(labelled: Path) -> None:
    with pytest.raises(RecordError, match=r"labelled\.jsonl:1: classification needs .* `fields`"):
        read_examples(labelled, [Source("labelled.jsonl")], "classification", 0)
    with pytest.raises(RecordError, match="a choice needs choices"):
        read_examples(labelled, [Source("labelled.jsonl")], "choice", 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('tune = ["half"]', "tune names 'half'"),
        ('tune = ["prompt+full"]', "soft prompt is the last step"),
        ("tune = []", "at least one method"),
    ],
)
def test_impossible_settings_are_named(begin: Begin, line: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        begin(f'{LABELLED}task = "classification"\n{line}\n')
