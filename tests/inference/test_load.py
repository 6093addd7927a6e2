"""Loading takes the fastest decoder that runs here, and as many threads as there are cores."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from chatapp.inference import load
from chatapp.inference.cores import physical_cores, share_of_cpus, usable_cores
from chatapp.inference.engine import Engine
from chatapp.inference.generator import ChatMessage, SamplingParams
from chatapp.inference.graph_decoder import GraphDecoder
from chatapp.inference.native import NativeUnavailable
from chatapp.inference.torch_decoder import TorchDecoder
from chatapp.model.checkpoint import load_model
from chatapp.model.gpt import GPT
from chatapp.model.int8 import make_float, quantise_model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"


def test_without_the_compiled_runtime_pytorch_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHATAPP_NATIVE")

    def unavailable(*_: object, **__: object) -> None:
        raise NativeUnavailable("no compiler")

    monkeypatch.setattr(load, "require_built", unavailable)
    generator = load.load_generator(FIXTURE, threads=1)
    assert isinstance(generator, Engine)
    assert isinstance(generator.decoder, TorchDecoder)
    assert (generator.name, generator.context_length) == ("model", 512)


def test_with_it_the_runtime_serves_on_the_threads_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, int] = {}
    monkeypatch.delenv("CHATAPP_NATIVE")

    def native(model: object, *, slots: int, threads: int) -> TorchDecoder:
        asked.update(slots=slots, threads=threads)
        return TorchDecoder(model, slots=slots)  # type: ignore[arg-type]

    monkeypatch.setattr(load, "native_decoder", native)
    monkeypatch.setattr(load, "require_built", lambda: None)
    load.load_generator(FIXTURE, threads=1)
    assert asked == {"slots": 2, "threads": 1}


def test_no_memory_is_kept_for_more_than_may_be_read() -> None:
    """A model that could read a book reads as much as it is allowed; the rest stays the same."""
    whole, short = load.load_generator(FIXTURE), load.load_generator(FIXTURE, longest=64)
    assert (whole.context_length, short.context_length) == (512, 64)
    assert isinstance(whole, Engine)
    assert isinstance(short, Engine)
    assert short.decoder.cache_bytes() < whole.decoder.cache_bytes()
    assert load.load_generator(FIXTURE, longest=100_000).context_length == 512
    asked = [ChatMessage("user", "hello")]
    params = SamplingParams(max_tokens=8, greedy=True)
    said = [list(each.stream(asked, params, lambda: False)) for each in (whole, short)]
    assert [d.text for d in said[0][:-1]] == [d.text for d in said[1][:-1]]  # type: ignore[union-attr]


def test_a_gpu_gets_int8_weights_as_what_they_stand_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounded once, to bfloat16; what is moved to the GPU stays on the CPU here."""

    def moved(model: GPT, device: str, dtype: torch.dtype) -> GPT:
        assert device == "cuda"
        return torch.nn.Module.to(model, dtype)

    monkeypatch.setattr(GPT, "to", moved)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    stored = quantise_model(load_model(FIXTURE)[0])
    wanted = copy.deepcopy(stored)
    make_float(wanted)
    decoder = load.best_decoder(stored, slots=1, threads=1)
    assert isinstance(decoder, GraphDecoder)
    for name, weight in stored.state_dict().items():
        assert torch.equal(weight, wanted.state_dict()[name].bfloat16()), name
    assert decoder.read(0, [5, 6, 7]).isfinite().all()


def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    for cpu, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings + "\n")
    assert physical_cores({0, 1, 2, 3}, tmp_path) == 2
    assert physical_cores({0, 2}, tmp_path) == 1
    assert physical_cores({7, 8}, tmp_path) == 2  # unknown: each for itself


@pytest.mark.parametrize(
    ("text", "share"), [("max 100000", None), ("150000 100000", 2), ("50000 100000", 1)]
)
def test_a_container_uses_its_share_of_the_machine(
    tmp_path: Path, text: str, share: int | None
) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert share_of_cpus(tmp_path / "cpu.max") == share
    assert share_of_cpus(tmp_path / "missing") is None
    assert usable_cores() >= 1
