"""Embedding through Ray Data gives the vectors of the local path. Skips where Ray is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.embedding.static import StaticEmbedder
from tests.retrieval.conftest import article, write_records

ROOT = Path(__file__).resolve().parents[2]

# In a process of its own: Ray leaves threads and warnings behind that are not ours to judge.
_COMPARE = """
import json, sys
from pathlib import Path
from retrieval.embedding.spread import cluster
from retrieval.embedding.static import StaticEmbedder
from retrieval.index import Index
directory, records, home = map(Path, sys.argv[1:])
texts = [f"the cat {n} sat on the moon {n % 7} and {'river ' * (n % 30)}" for n in range(1500)]
local = StaticEmbedder.load(directory)
with cluster("local") as spread:
    far = spread(local)
    same = (local.embed_passages(texts) == far.embed_passages(texts)).all()
    index = Index.open(home / "ray.sqlite3", embedder_dir=directory, through=spread)
    index.add([records])
    index.close()
plain = Index.open(home / "plain.sqlite3", embedder_dir=directory)
plain.add([records])
again = Index.open(home / "ray.sqlite3", embedder_dir=directory)
found = [[(h.passage.id, h.score) for h in i.search("subject7 moon", 9)] for i in (plain, again)]
vectors = [i.status().vectors for i in (plain, again)]
print(json.dumps({"same": bool(same), "found": found[0] == found[1], "vectors": vectors}))
plain.close()
again.close()
"""


@pytest.mark.timeout(600)  # a cluster's workers start slowly on a busy machine
def test_vectors_and_results_are_those_of_the_local_path(
    embedder_dir: Path, tmp_path: Path
) -> None:
    """A real cluster of this machine, real workers: every bit of every vector is equal."""
    pytest.importorskip("ray", reason="extra ray")
    records = write_records(tmp_path / "a.jsonl", [article(n) for n in range(900)])
    done = subprocess.run(
        [sys.executable, "-c", _COMPARE, embedder_dir, records, tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["same"]
    assert result["found"]
    assert result["vectors"][0] == result["vectors"][1] > 900


def test_without_ray_the_fix_is_named(embedder_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback of an import, but what to install."""
    from retrieval.embedding.spread import RayUnavailable, cluster

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RayUnavailable) as caught, cluster("local"):
        raise AssertionError("there is no cluster")
    assert "'.[ray]'" in caught.value.hint
    assert StaticEmbedder.load(embedder_dir).id
