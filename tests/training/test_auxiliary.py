"""The auxiliary tasks ask what they say, train the answers alone, and count as the recipe says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from chatapp.model.config import ModelConfig
from chatapp.model.gpt import GPT
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.auxiliary import Continuity, Example, Infilling, packed
from chatapp.training.cross_entropy import IGNORED
from chatapp.training.multitask import AuxiliaryTask, MultiTask, TaskBatches
from chatapp.training.pretrain import PretrainSettings, tasks_of
from chatapp.training.recipe import RecipeError, Source, load_recipe
from chatapp.training.shards import PackedBatches, Shard, ShardWriter
from tests.training.runs import run

PAGES = [
    f"Page {i} begins here. It tells of {i * i} things in a row. They are all small. So it ends."
    for i in range(30)
]


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer.train([*PAGES, "Blanks: Next: A: B: [1] [2] [3]"], 400)


@pytest.fixture(scope="module")
def shard(tokenizer: ChatTokenizer) -> Shard:
    writer = ShardWriter()
    for page in PAGES:
        writer.add([tokenizer.end_of_text, *tokenizer.encode(page)], len(page))
    return writer.finish()


def read(tokenizer: ChatTokenizer, example: Example) -> tuple[str, str]:
    """Return an example's question and its trained answer as text."""
    asked = tokenizer.decode(example.ids[~example.trained].tolist())
    return asked, tokenizer.decode(example.ids[example.trained].tolist())


def test_filled_in_the_blanks_give_the_passage_back(tokenizer: ChatTokenizer, shard: Shard) -> None:
    """Putting each answer where its number stands yields text of one page, word for word."""
    task = Infilling(shard, tokenizer, 192)
    for number in range(50):
        example = task.example(np.random.default_rng(number))
        passage, answer = read(tokenizer, example)
        passage = passage.removesuffix("\nBlanks:")
        for blank in range(1, 10):
            mark, following = f" [{blank}]", f" [{blank + 1}]"
            if mark in passage:
                filling = answer.partition(mark)[2].partition(following)[0]
                passage = passage.replace(mark, filling, 1)
        assert any(passage in page for page in PAGES)
        assert 0 < example.trained.sum() < len(example.ids) / 2


def test_the_letter_names_the_sentence_that_follows(tokenizer: ChatTokenizer, shard: Shard) -> None:
    """The named sentence continues the passage on its page; both letters are asked for equally."""
    task, letters = Continuity(shard, tokenizer, 256), []
    for number in range(200):
        asked, answer = read(tokenizer, task.example(np.random.default_rng(number)))
        passage, _, choices = asked.partition("\nA:")
        first, _, second = choices.removesuffix("\nNext:").partition("\nB:")
        letters.append(answer.strip())
        chosen = {"A": first, "B": second}[letters[-1]]
        assert any(passage + chosen in page for page in PAGES)
    assert 70 < letters.count("A") < 130


def test_rows_are_full_and_depend_on_their_address_alone(
    tokenizer: ChatTokenizer, shard: Shard
) -> None:
    """The same generator gives the same row, of the length asked for."""
    task = Infilling(shard, tokenizer, 192)
    first, again, other = (
        packed(task, 64, np.random.default_rng(address)) for address in ((1, 2), (1, 2), (1, 3))
    )
    assert len(first[0]) == 65
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_a_task_counts_by_its_weight_however_few_its_answers(
    tokenizer: ChatTokenizer, shard: Shard
) -> None:
    """The loss is the mean of the text plus the weighted mean of each task."""
    how = AuxiliaryTask(share=0.25, weight=0.5)
    tasks = tasks_of({"infilling": how, "continuity": how}, shard, tokenizer, 48)
    text = PackedBatches(shard, sequence=48, batch=4, seed=0)
    batch = TaskBatches(text, tasks, sequence=48, batch=8, seed=0).batch(3)
    config = ModelConfig(400, 1, 16, 2, 2, 32, 64, attention=("dense",))
    model = GPT(config)
    model.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.head.weight.normal_(std=0.5)
        total, sums = MultiTask(list(tasks))(model, batch)
        losses = torch.nn.functional.cross_entropy(
            model(batch.inputs).transpose(1, 2), batch.targets, reduction="none"
        )
    trained = batch.targets != IGNORED
    means = [losses[(batch.tasks == n)[:, None] & trained].mean() for n in range(3)]
    assert batch.tasks.tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
    expected = means[0] + 0.5 * means[1] + 0.5 * means[2]
    assert (total / batch.examples).item() == pytest.approx(expected.item(), rel=1e-4)
    for name, mean in zip(("next_token", "infilling", "continuity"), means, strict=True):
        assert (sums[name] / batch.examples).item() == pytest.approx(mean.item(), rel=1e-4)


def test_a_recipe_asks_for_tasks_and_the_diary_tells_of_each(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """`[pretrain.infilling]` and `[pretrain.continuity]` are all it takes."""
    overrides = ["pretrain.infilling.share=0.25", "pretrain.continuity.share=0.25"]
    with pytest.raises(RecipeError, match="no two sentences that fit into a row of 32 tokens"):
        run(recipe_file, records, tmp_path / "short", *overrides)
    overrides += ["tokenizer.vocab_size=420", "pretrain.sequence=96", "model.context_length=96"]
    run(recipe_file, records, tmp_path / "run", *overrides)
    diary = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(row) for row in diary]
    pretraining = [row for row in rows if row["stage"] == "pretrain" and "loss" in row]
    assert all({"next_token", "infilling", "continuity"} <= set(row) for row in pretraining)
    assert pretraining[-1]["next_token"] < pretraining[0]["next_token"]


def test_tasks_that_leave_nothing_for_the_text_are_refused(recipe_file: Path) -> None:
    """The message says what is wrong with the shares, and where."""
    with pytest.raises(RecipeError, match=r"\[pretrain\]: the auxiliary tasks leave no row"):
        load_recipe(recipe_file, overrides=["pretrain.infilling.share=0.95"])
    with pytest.raises(RecipeError, match="share must lie between 0 and 1"):
        load_recipe(recipe_file, overrides=["pretrain.continuity.share=1.5"])
    sources = (Source("text.jsonl"),)
    assert PretrainSettings(sources=sources, sequence=8, batch=4, tokens=1).text_rows == 4
