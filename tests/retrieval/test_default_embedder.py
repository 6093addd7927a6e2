"""Our own embedder: what it stores is what it learnt, and one command makes it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chatapp import resources
from retrieval.embedding import load_embedder
from retrieval.embedding.static import StaticEmbedder
from retrieval.embedding.training.save import quantised, save
from retrieval.errors import EmbedderDamaged

VOCABULARY = ["gold", "iron", "melts", "river"]
BUCKETS = 64


def table(dimension: int = 32) -> np.ndarray:
    size = (len(VOCABULARY) + BUCKETS, dimension)
    return np.random.default_rng(3).normal(size=size).astype(np.float32)


def asking(seed: int = 5) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(size=len(table())) / 4).astype(np.float32)


def test_texts_lie_where_they_lay_in_training(tmp_path: Path) -> None:
    """Weights of queries and the damping of repeated words are those that were trained with."""
    torch = pytest.importorskip("torch")
    from retrieval.embedding.training.table import Batch, Table

    codes, scales = quantised(table())
    stored = codes * scales[:, None].astype(np.float32)
    module = Table(stored, np.zeros(len(table()), dtype=np.float32), 0.5)
    with torch.no_grad():
        module.log_weights[1] = torch.from_numpy(np.log(asking()))
    save(tmp_path, module.folded(), VOCABULARY, asking=module.asking(), repeat_power=0.5)
    embedder = StaticEmbedder.load(tmp_path)
    rows = [np.array([0, 2]), np.array([3]), np.array([1, 2, 0, 3, 1, 2, 0, 3, 1, 1])]
    texts = [" ".join(VOCABULARY[row] for row in text) for text in rows]
    batch = Batch()
    stated, asked = batch.add(rows), batch.add(rows, asked=True)
    trained = module(batch).detach().numpy()
    np.testing.assert_allclose(embedder.embed_passages(texts), trained[stated], atol=1e-3)
    np.testing.assert_allclose(embedder.embed_queries(texts), trained[asked], atol=1e-3)
    assert not np.allclose(trained[stated][0], trained[asked][0], atol=1e-2)


def test_query_weights_that_do_not_fit_are_damage(tmp_path: Path) -> None:
    """The embedder says that it is damaged when it is loaded, not at the first question."""
    save(tmp_path, table(), VOCABULARY, asking=asking()[:-1], repeat_power=0.5)
    with pytest.raises(EmbedderDamaged, match="query weights"):
        StaticEmbedder.load(tmp_path)


def data_pack(directory: Path) -> Path:
    """Write a tiny data pack: articles, questions with and without paragraphs, talk."""
    rng = np.random.default_rng(1)
    names = ["".join(rng.choice(list("bcdfgklmnprst"), 4)) + "ia" for _ in range(150)]
    articles = [
        {
            "id": str(number),
            "title": name.title(),
            "text": f"{name.title()} is a town on the river {names[number - 1].title()}. "
            f"Its people grow {rng.choice(['rice', 'wheat', 'tea'])} and trade in {name} cloth.",
            "url": None,
            "source": "written",
        }
        for number, name in enumerate(names)
    ]
    questions = [
        {
            "id": str(number),
            "question": f"On which river does {name.title()} lie?",
            "answers": [names[number - 1].title()],
            "context": articles[number]["text"] if number % 2 else None,
            "title": name.title() if number % 2 else None,
            "unanswerable": False,
            "choices": None,
            "source": "written",
        }
        for number, name in enumerate(names)
    ]
    talk = [
        {
            "id": str(number),
            "messages": [
                {"role": "user", "content": f"I saw {name.title()} last year."},
                {"role": "assistant", "content": "Was the cloth good?"},
            ],
            "source": "written",
        }
        for number, name in enumerate(names)
    ]
    files = {
        "knowledge/towns": articles,
        "qa/squad-train-sample": questions,
        "chat/self-dialogue": talk,
    }
    for name, records in files.items():
        file = directory / f"{name}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return directory


def test_one_command_makes_an_embedder_and_goes_on_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between two steps, it ends with the very bytes of a run that was not."""
    pytest.importorskip("torch")
    from retrieval.embedding import train
    from retrieval.embedding.training import settings, table

    small = settings.Settings(
        dimension=32, vocabulary=300, buckets=50, documents=8, talk=4, asked=16, taught=8,
        taught_short=16, kept_every=4,
    )  # fmt: skip
    monkeypatch.setattr(train, "Settings", lambda: small)
    shipped = load_embedder(resources.embedder_dir())
    monkeypatch.setattr(train, "load_embedder", lambda choice: shipped)
    data = data_pack(tmp_path / "data")

    def run(name: str, work: str) -> Path:
        arguments = ["train", "--data", str(data), "--out", str(tmp_path / name), "--table-steps"]
        monkeypatch.setattr("sys.argv", [*arguments, "12", "--work", str(tmp_path / work)])
        train.main()
        return tmp_path / name

    whole = run("whole", "one")
    learnt, losses = table._losses, []

    def stopping(*arguments: object) -> object:
        losses.append(1)
        if len(losses) == 7:
            raise KeyboardInterrupt
        return learnt(*arguments)

    monkeypatch.setattr(table, "_losses", stopping)
    with pytest.raises(KeyboardInterrupt):
        run("stopped", "two")
    resumed = run("stopped", "two")
    assert len(losses) == 7 + 8  # the last state was kept after the fourth step
    for file in ("config.json", "model.safetensors", "vocabulary.json"):
        assert (whole / file).read_bytes() == (resumed / file).read_bytes()
    vectors = StaticEmbedder.load(whole).embed_queries(["On which river does it lie?"])
    assert vectors.shape == (1, 32)


@pytest.mark.parametrize("text", ["", "?!", " \n"])
def test_a_text_without_words_has_no_direction(text: str) -> None:
    """Nothing is near to it, and nothing fails."""
    embedder = load_embedder(resources.embedder_dir())
    assert embedder is not None
    assert not embedder.embed_queries([text]).any()
    assert not embedder.embed_passages([text]).any()


def test_the_shipped_embedder_tells_what_is_meant() -> None:
    """A question is nearest to the passage that answers it, in other words."""
    embedder = load_embedder(resources.embedder_dir())
    assert embedder is not None
    passages = embedder.embed_passages(
        [
            "Mozart\n\nThe composer wrote his last symphony in Vienna.",
            "Photosynthesis\n\nPlants turn sunlight into sugar.",
            "Football\n\nThe striker scored twice in the final.",
        ]
    )
    asked = ["Which musician made the piece?", "How do leaves use light?", "Who won the match?"]
    nearest = (embedder.embed_queries(asked) @ passages.T).argmax(axis=1)
    assert nearest.tolist() == [0, 1, 2]


def test_the_shipped_embedder_is_small() -> None:
    """At most 20 MB come with the app for it."""
    files = resources.embedder_dir().iterdir()
    assert sum(file.stat().st_size for file in files) <= 20_000_000
