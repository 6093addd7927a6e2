"""Fine-tuning teaches to answer and to stop, by each method, in several steps, with adapters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chatapp.inference.batch_engine import BatchEngine
from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, SamplingParams, TextDelta
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import ModelUnavailable, load_model
from chatapp.training.recipe import RecipeError
from chatapp.training.stages import RunContext, run_stages

Begin = Callable[[str], RunContext]
FINETUNE = """
[finetune]
sources = [{ path = "chat.jsonl", repeat = 2 }]
sequence = 48
batch = 8
tokens = 3_840
matrix_lr = 0.02
embedding_lr = 0.02
head_lr = 0.02
"""


@pytest.fixture
def chats(tmp_path: Path) -> Path:
    """Short exchanges whose answers are always the same word."""
    rows = [
        {
            "id": f"c{n}",
            "messages": [
                {"role": "user", "content": f"Is {n} a word?"},
                {"role": "assistant", "content": "yes"},
            ],
        }
        for n in range(60)
    ]
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def answer(directory: Path) -> tuple[str, bool]:
    """Ask a model a new question; return its answer and whether it ended by itself."""
    model, tokenizer = load_model(directory)
    engine = BatchEngine(TorchDecoder(model), tokenizer)
    prompt = tokenizer.encode_prompt([("user", "Is 77 a word?")])
    (sample,) = engine.generate([prompt], SamplingParams(max_tokens=20, greedy=True))
    return tokenizer.decode(sample.tokens), sample.finished


def test_a_tuned_model_answers_and_stops(begin: Begin, chats: Path) -> None:
    """The end of the turn is learnt, since padding is another token and is never a target."""
    context = begin(FINETUNE.replace("3_840", "30_720"))
    run_stages(context)
    assert answer(context.model_directory("finetune")) == ("yes", True)


@pytest.mark.parametrize("method", ["last", "gradual", "lora", "prompt"])
def test_every_method_lowers_the_loss_and_leaves_a_model_that_loads(
    begin: Begin, chats: Path, method: str
) -> None:
    """The same table with another word for `tune`; what is frozen stays bit for bit."""
    rates = "embedding_lr = 0.3" if method == "prompt" else "embedding_lr = 0.02"
    text = FINETUNE.replace("embedding_lr = 0.02", rates)
    context = begin(f'{text}tune = "{method}"\nrank = 4\nprompt_tokens = 8\n')
    run_stages(context)
    rows = [json.loads(line) for line in (context.out / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < losses[0] - (0.05 if method == "prompt" else 0.5)
    before = load_model(Path(context.recipe.start.path))[0]  # type: ignore[union-attr]
    tuned, tokenizer = load_model(context.model_directory("finetune"))
    count = before.config.vocab_size
    same = torch.equal(tuned.embedding.weight[:count], before.embedding.weight)
    assert same is (method in ("last", "lora", "prompt"))
    assert len(tokenizer.prefix) == (8 if method == "prompt" else 0)
    assert answer(context.model_directory("finetune"))[0] is not None


def test_lora_leaves_an_adapter_that_is_the_tuned_model(begin: Begin, chats: Path) -> None:
    """`adapter/` loads as a model: the base with the adapter merged, equal to `model/`."""
    context = begin(FINETUNE + 'tune = "lora"\n')
    run_stages(context)
    merged, _ = load_model(context.model_directory("finetune"))
    adapted, _ = load_model(context.directory("finetune") / "adapter")
    for one, same in zip(merged.parameters(), adapted.parameters(), strict=True):
        assert torch.equal(one, same)
    size = sum(f.stat().st_size for f in (context.directory("finetune") / "adapter").iterdir())
    assert size < (context.model_directory("finetune") / "model.safetensors").stat().st_size


@pytest.mark.parametrize("method", ["lora", "prompt"])
def test_the_app_chats_with_an_adapter(begin: Begin, chats: Path, method: str) -> None:
    """Any adapter directory is a model to the engine, whose replies are the tuned model's."""
    text = FINETUNE.replace("3_840", "30_720").replace("embedding_lr = 0.02", "embedding_lr = 0.3")
    context = begin(f'{text}tune = "{method}"\n')
    run_stages(context)
    place = "adapter" if method == "lora" else "model"
    model, tokenizer = load_model(context.directory("finetune") / place)
    generator = Engine("adapted", TorchDecoder(model), tokenizer)
    messages = [ChatMessage("user", "Is 77 a word?")]
    params = SamplingParams(max_tokens=4, greedy=True)
    said = "".join(
        part.text
        for part in generator.stream(messages, params, lambda: False)
        if isinstance(part, TextDelta)
    )
    wanted = answer(context.directory("finetune") / place)[0]
    assert wanted.startswith(said) or said.startswith(wanted)
    assert said


def test_an_adapter_refuses_a_base_that_was_changed(begin: Begin, chats: Path) -> None:
    """The adapter knows the checksum of the weights it was trained on."""
    context = begin(FINETUNE + 'tune = "lora"\n')
    run_stages(context)
    place = context.directory("finetune") / "adapter"
    config = json.loads((place / "adapter_config.json").read_text())
    (place / "adapter_config.json").write_text(
        json.dumps(config | {"base_weights_sha256": "0" * 64})
    )
    with pytest.raises(ModelUnavailable, match="made for other weights"):
        load_model(place)


def test_tuning_goes_on_in_further_steps(begin: Begin, chats: Path) -> None:
    """Each step starts from the last one's model, and a finished one is not repeated."""
    further = (
        FINETUNE
        + 'tune = "last"\nthen = [{ sources = [{ path = "chat.jsonl" }], tokens = 1_536 }]\n'
    )
    context = begin(further)
    run_stages(context)
    first = load_model(context.model_directory("finetune-1"))[0]
    base = load_model(Path(context.recipe.start.path))[0]  # type: ignore[union-attr]
    assert torch.equal(first.embedding.weight, base.embedding.weight)
    last = load_model(context.model_directory("finetune"))[0]
    assert not torch.equal(last.embedding.weight, base.embedding.weight)
    stamp = (context.model_directory("finetune-1") / "model.safetensors").stat().st_mtime_ns
    (context.out / "finetune" / "done.json").unlink()
    run_stages(context)
    again = (context.model_directory("finetune-1") / "model.safetensors").stat().st_mtime_ns
    assert again == stamp


def test_repeated_readings_are_augmented_and_held_out_records_are_not(
    begin: Begin, chats: Path
) -> None:
    """The second reading says the question otherwise; the validation text stays as written."""
    import numpy as np

    context = begin(FINETUNE.replace("3_840", "384") + "augment = { paraphrase = 1.0 }\n")
    run_stages(context)
    texts = {
        part: context.tokenizer.decode(
            np.load(context.out / "shards" / f"finetune-{part}" / "tokens.npy").tolist()
        )
        for part in ("train", "validation")
    }
    assert "I would like to know" in texts["train"]
    assert "I would like to know" not in texts["validation"]
    assert texts["validation"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('tune = "half"', "one of 'full', 'last', 'gradual', 'lora', 'prompt'"),
        ("rank = 0", "rank and prompt_tokens must be at least 1"),
        ("thaw = 2.0", "thaw is a share"),
        ("augment = { noise = 3.0 }", "augment.noise is a share"),
    ],
)
def test_impossible_settings_are_named(begin: Begin, line: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message.replace(".", r"\.")):
        begin(f"{FINETUNE}{line}\n")


def test_a_soft_prompt_is_not_tuned_further(begin: Begin, chats: Path) -> None:
    text = FINETUNE + 'tune = "prompt"\n[dpo]\nsources = [{ path = "x" }]\n'
    context = begin(text + "sequence = 8\nbatch = 1\nepochs = 1\n")
    with pytest.raises(RecipeError, match=r"\[dpo\] cannot continue from it"):
        run_stages(context, "finetune")
