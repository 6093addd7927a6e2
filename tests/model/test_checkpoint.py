"""A model directory is read whole or refused with the reason."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from chatapp.model.checkpoint import ModelUnavailable, load_model, save_model
from chatapp.model.int8 import quantise_model

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FIXTURE, tmp_path / "model"))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model, tokenizer = load_model(FIXTURE)
    save_model(tmp_path, model, tokenizer)
    again, _ = load_model(tmp_path)
    tokens = torch.arange(20)[None]
    torch.testing.assert_close(again(tokens), model(tokens), rtol=0, atol=0)
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelUnavailable, match=name):
        load_model(copy)


def test_one_flipped_bit_in_the_weights_is_noticed(copy: Path) -> None:
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-100] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelUnavailable, match="damaged"):
        load_model(copy)


@pytest.mark.parametrize("size", [0, 7, 5000])
def test_truncated_weights_are_noticed_without_a_checksum_too(copy: Path, size: int) -> None:
    config = json.loads((copy / "config.json").read_text())
    del config["weights_sha256"]
    (copy / "config.json").write_text(json.dumps(config))
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(weights[:size])
    with pytest.raises(ModelUnavailable, match="cannot be read"):
        load_model(copy)


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text()) | {"d_ff": 64}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailable, match="do not fit"):
        load_model(copy)


def test_a_config_that_is_no_json_is_refused(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    with pytest.raises(ModelUnavailable, match="not JSON"):
        load_model(copy)


def test_weights_in_several_files_are_the_weights_in_one(tmp_path: Path) -> None:
    """No file is larger than asked for, and a later save in one file leaves none of them behind."""
    model, tokenizer = load_model(FIXTURE)
    save_model(tmp_path, model, tokenizer, max_file_bytes=40_000)
    parts = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(parts) > 3
    largest = max(tensor.nbytes for tensor in model.state_dict().values())
    assert all(part.stat().st_size <= max(40_000, largest) + 4096 for part in parts)
    again, _ = load_model(tmp_path)
    tokens = torch.arange(20)[None]
    torch.testing.assert_close(again(tokens), model(tokens), rtol=0, atol=0)
    save_model(tmp_path, model, tokenizer)
    assert [file.name for file in tmp_path.glob("model*")] == ["model.safetensors"]


@pytest.fixture
def split(tmp_path: Path) -> Path:
    save_model(tmp_path, *load_model(FIXTURE), max_file_bytes=40_000)
    return tmp_path


def test_one_flipped_bit_in_one_of_several_files_is_noticed(split: Path) -> None:
    part = sorted(split.glob("model-*.safetensors"))[2]
    weights = bytearray(part.read_bytes())
    weights[-100] ^= 1
    part.write_bytes(weights)
    with pytest.raises(ModelUnavailable, match=f"{part.name} is damaged"):
        load_model(split)


def test_one_missing_file_of_several_is_named(split: Path) -> None:
    part = sorted(split.glob("model-*.safetensors"))[2]
    part.unlink()
    with pytest.raises(ModelUnavailable, match=f"{part.name} is missing"):
        load_model(split)


@pytest.mark.parametrize(
    "index",
    ["", "[]", '{"weight_map": 3}', '{"weight_map": {"a": "../other.safetensors"}}'],
)
def test_an_index_that_leads_nowhere_is_refused(split: Path, index: str) -> None:
    (split / "model.safetensors.index.json").write_text(index)
    with pytest.raises(ModelUnavailable, match=r"model\.safetensors\.index\.json"):
        load_model(split)


def test_loading_does_not_load_the_compiler_of_pytorch(tmp_path: Path) -> None:
    """It takes longer than loading the model, of floats or of int8."""
    model, tokenizer = load_model(FIXTURE)
    save_model(tmp_path, quantise_model(model), tokenizer)
    code = (
        "import sys\nfrom pathlib import Path\nfrom chatapp.model.checkpoint import load_model\n"
        "for name in sys.argv[1:]:\n    load_model(Path(name))\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(FIXTURE), str(tmp_path)], check=False)
    assert done.returncode == 0
