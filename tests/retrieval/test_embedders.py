"""Choosing an embedder: ours, MiniLM, any encoder of `transformers`; one that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from retrieval.embedding import load_embedder, minilm
from retrieval.errors import EmbedderDamaged, EmbedderUnavailable
from retrieval.index import Index

TEXTS = ["The river flows into the sea.", "A king", "", "Gold melts. " * 300]


@pytest.fixture(scope="module")
def encoder_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real, tiny BERT with random weights and a tokenizer of some words, as on the hub."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    directory = tmp_path_factory.mktemp("encoder")
    names = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "river",
        "flows",
        "sea",
        "king",
        "gold",
        "melts",
        ".",
        "query",
        ":",
    ]
    tokenizer = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(directory)
    return directory


def test_any_encoder_makes_unit_vectors_that_do_not_depend_on_the_batch(encoder_dir: Path) -> None:
    """A directory from the hub is an embedder; its texts are cut to what it can read."""
    embedder = load_embedder(str(encoder_dir))
    assert embedder is not None
    assert embedder.dimension == 32
    together = embedder.embed_passages(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([embedder.embed_passages([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=0.02)
    assert embedder.id.startswith(encoder_dir.name)


def test_pooling_and_prompts_are_read_from_the_files_beside_the_model(
    encoder_dir: Path, tmp_path: Path
) -> None:
    """Queries get the words before them that the model was trained with."""
    for file in encoder_dir.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    prompts = {"prompts": {"query": "query: ", "document": ""}}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    embedder = load_embedder(tmp_path)
    assert embedder is not None
    np.testing.assert_allclose(
        embedder.embed_queries(["king"]), embedder.embed_passages(["query: king"]), atol=1e-6
    )
    (tmp_path / "modules.json").write_text('[{"type": "sentence_transformers.models.Dense"}]')
    with pytest.raises(EmbedderDamaged, match="Dense"):
        load_embedder(tmp_path)


@pytest.mark.parametrize("name", ["nobody/nothing-here", "no such thing", "../elsewhere"])
def test_a_choice_that_is_not_here_names_the_ways(name: str) -> None:
    """Nothing is downloaded: the error says what can be given."""
    with pytest.raises(EmbedderUnavailable, match="on this machine") as caught:
        load_embedder(name)
    assert "hf download" in caught.value.hint


def test_a_changed_choice_makes_all_vectors_anew(
    encoder_dir: Path, embedder_dir: Path, tmp_path: Path
) -> None:
    """Until it is rebuilt, an index is searched by words; then by the new vectors."""
    path = tmp_path / "index.sqlite3"
    index = Index.open(path, embedder_dir=embedder_dir)
    for number, text in enumerate(("The river flows.", "Gold melts.")):
        index.add_text(f"n:{number}", f"T{number}", text, collection="n")
    index.close()
    changed = Index.open(path, embedder_dir=str(encoder_dir))
    assert changed.search("river", mode="dense") == []
    seen: list[int] = []
    status = changed.rebuild(lambda progress: seen.append(progress.done_bytes))
    assert (status.vectors, status.embedder) == (2, changed.status().embedder)
    assert seen
    assert len(changed.search("river", mode="dense")) == 2
    changed.close()


def test_minilm_is_the_published_model() -> None:
    """Both hashes are checked, and near sentences are nearer than far ones."""
    pytest.importorskip(minilm.PACKAGE)
    embedder = load_embedder("minilm")
    assert embedder is not None
    assert embedder.dimension == 384
    passages = embedder.embed_passages(["A man is eating food.", "The moon orbits the earth."])
    near, far = (passages @ embedder.embed_queries(["Somebody has a meal."])[0]).tolist()
    assert near > 0.4 > 0.2 > far


def test_another_file_under_the_name_of_minilm_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that carries other weights is not loaded."""
    package = tmp_path / "false_minilm"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(minilm, "PACKAGE", "false_minilm")
    with pytest.raises(EmbedderDamaged, match="not the published file"):
        load_embedder("minilm")
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    with pytest.raises(EmbedderUnavailable, match="not installed"):
        load_embedder("minilm")
