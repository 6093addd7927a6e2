"""Our own embedder: what it stores is what it learnt, and a query is read in context."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chatapp import resources
from retrieval.embedding import load_embedder
from retrieval.embedding.static import StaticEmbedder
from retrieval.embedding.training.save import as_stored, save
from retrieval.errors import EmbedderDamaged

VOCABULARY = ["gold", "iron", "melts", "river"]
BUCKETS = 64


def table(dimension: int = 32) -> np.ndarray:
    size = (len(VOCABULARY) + BUCKETS, dimension)
    return np.random.default_rng(3).normal(size=size).astype(np.float32)


def asking_weights(seed: int) -> tuple[dict[str, np.ndarray], object]:
    """Return weights of a query side that changes vectors, and the module they are from."""
    torch = pytest.importorskip("torch")
    from retrieval.embedding.training.asking import Asking
    from retrieval.embedding.training.settings import Settings

    torch.manual_seed(seed)
    settings = Settings(dimension=32, hidden=48, longest_query=8, heads=4)
    module = Asking(as_stored(table()), settings)
    with torch.no_grad():
        for weight in module.parameters():
            weight += 0.1 * torch.randn_like(weight)
            weight.copy_(weight.half().float())  # as it is stored
    return {name: w.detach().numpy() for name, w in module.weights.items()}, module


def test_the_query_side_is_the_one_that_was_trained(tmp_path: Path) -> None:
    """What runs in NumPy from the files gives the vectors of training; long texts are cut."""
    weights, module = asking_weights(seed=1)
    save(tmp_path, table(), VOCABULARY, asking=weights, heads=4)
    embedder = StaticEmbedder.load(tmp_path)
    rows = [np.array([0, 2]), np.array([3]), np.array([1, 2, 0, 3, 1, 2, 0, 3, 1, 1])]
    texts = [" ".join(VOCABULARY[row] for row in text) for text in rows]
    trained = module(rows).detach().numpy()  # type: ignore[operator]
    np.testing.assert_allclose(embedder.embed_queries(texts), trained, atol=1e-4)
    assert not np.allclose(embedder.embed_passages(texts), trained, atol=1e-2)


def test_an_untrained_query_side_changes_nothing() -> None:
    """With its output at zero a query is the plain sum of its rows."""
    torch = pytest.importorskip("torch")
    from retrieval.embedding.asking import AskingBlock
    from retrieval.embedding.training.asking import Asking
    from retrieval.embedding.training.settings import Settings

    torch.manual_seed(0)
    module = Asking(table(), Settings(dimension=32, hidden=48, longest_query=8, heads=4))
    block = AskingBlock({name: w.detach().numpy() for name, w in module.weights.items()}, heads=4)
    rows = table()[[0, 2, 5]]
    np.testing.assert_allclose(block(rows), rows.sum(axis=0), rtol=1e-5)


def test_a_part_of_the_query_side_that_is_missing_is_damage(tmp_path: Path) -> None:
    """The embedder says that it is damaged when it is loaded, not at the first question."""
    weights, _ = asking_weights(seed=2)
    del weights["mixed"]
    save(tmp_path, table(), VOCABULARY, asking=weights, heads=4)
    with pytest.raises(EmbedderDamaged, match="mixed"):
        StaticEmbedder.load(tmp_path)


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
