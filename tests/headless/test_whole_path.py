"""Nothing faked: the shipped handbook, a real index and the small fixture model, from the shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from chatapp import paths
from chatapp.cli.main import main
from retrieval.index import Index
from retrieval.quotes import verify_quote
from retrieval.types import Quote

FIXTURE_MODEL = Path(__file__).resolve().parents[1] / "fixtures" / "model"

SCRIPT = """
{"user": "hello"}
{"expect": {"regex": "\\\\w+", "grounding": "model"}}
{"interrupt": {"after_tokens": 3}}
{"user": "how are you?"}
"continue"
{"user": "Where are my conversations stored?"}
{"expect": {"contains": "chatapp.sqlite3", "cites": 1, "grounding": "grounded"}}
{"user": "Who wrote Don Quixote?"}
{"expect": {"contains": "I did not find this in the sources.", "grounding": "not_found"}}
"""


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Return a function that runs SCRIPT as JSON lines and gives code, lines and raw text."""
    monkeypatch.setenv("CHATAPP_MODEL", str(FIXTURE_MODEL))
    monkeypatch.setattr(sys, "stdin", None)
    script = tmp_path / "script.jsonl"
    script.write_text(SCRIPT)

    def once(*options: str) -> tuple[int, list[dict], str]:
        code = main(["run", str(script), "--output", "jsonl", *options])
        out = capsys.readouterr().out
        return code, [json.loads(line) for line in out.splitlines()], out

    return once


def test_a_fresh_home_answers_from_the_handbook_with_quotes_that_can_be_opened(run):
    code, lines, _ = run()
    assert code == 0
    citations = [line for line in lines if line["type"] == "citation"]
    assert citations
    index = Index.open(paths.index_path(), embedder_dir=Path("none"))
    for line in citations:
        quote = Quote(
            line["quote"], line["passage"], line["document"], line["uri"], line["title"],
            line["start"], line["end"], line["score"],
        )  # fmt: skip
        assert verify_quote(quote, index.document(line["document"]))
    index.close()


def test_a_greedy_session_with_a_fixed_clock_is_the_same_to_the_byte(run):
    options = ("--greedy", "--seed", "1", "--clock", "2026-01-01T00:00:00Z", "--ephemeral")
    run(*options)  # the first run indexes the handbook
    first, second = run(*options), run(*options)
    assert first[0] == 0
    assert first[2] == second[2]
    assert not paths.database_path().exists()
