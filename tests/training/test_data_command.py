"""`chatapp data` as a person types it: files in, records out, plain words when it goes wrong."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chatapp.cli.main import cli, main
from chatapp.training.recipe import Source
from chatapp.training.records import read_texts


def chatapp(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["data", *map(str, arguments)], catch_exceptions=False)


def test_texts_are_imported_once_each_with_the_fields_of_the_schema(tmp_path: Path) -> None:
    """Columns are renamed, foreign ones dropped, missing ids made, copies left out and counted."""
    body = "The very same words stand in this text, in this order, and once more besides."
    rows = [{"body": body, "stars": 3}, {"body": body.upper()}, {"body": "Another text."}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "new" / "out.jsonl.xz"
    done = chatapp(
        "import", tmp_path / "in.jsonl", "--kind", "text", "--out", out,
        "--field", "text=body", "--deduplicate", "near", "--output", "json",
    )  # fmt: skip
    told = json.loads(done.output)
    assert (told["records"], told["copies"], told["near_copies"]) == (2, 1, 0)
    written = [json.loads(line) for line in lzma.decompress(out.read_bytes()).splitlines()]
    assert written == [
        {"id": "in.jsonl:1", "text": body},
        {"id": "in.jsonl:3", "text": "Another text."},
    ]
    assert len(list(read_texts(tmp_path, Source("new/out.jsonl.xz")))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "chat", "--out", "x.jsonl"], "a chat record needs a list 'messages'"),
        (["--kind", "code", "--out", "x.jsonl"], "in.jsonl:1"),
        (["--kind", "text", "--out", "x.csv"], "cannot write x.csv"),
        (["--kind", "text", "--out", "x.jsonl", "--field", "text"], "write OURS=COLUMN"),
    ],
)
def test_what_cannot_be_imported_is_said_and_nothing_is_left(
    tmp_path: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text('{"text": "Only a text."}\n')
    assert main(["data", "import", "in.jsonl", *arguments]) != 0
    errors = capsys.readouterr().err
    assert message in errors
    assert "Traceback" not in errors
    assert not list(tmp_path.glob("x.*"))


def test_shards_can_be_made_ahead_of_training(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """What `prepare` leaves is what training would have made: a second run makes nothing anew."""
    out = tmp_path / "run"
    arguments = ("prepare", recipe_file, "--data", records, "--out", out, "--output", "json")
    told = json.loads(chatapp(*arguments).stdout)["shards"]
    assert set(told) == {
        f"{stage}-{part}" for stage in ("pretrain", "finetune") for part in ("train", "validation")
    }
    assert told["pretrain-train"]["documents"] + told["pretrain-validation"]["documents"] == 40
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    assert json.loads(chatapp(*arguments).stdout)["shards"] == told
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")} == before


def test_copies_in_the_data_are_left_out_of_the_shards(
    recipe_file: Path, records: Path, tmp_path: Path
) -> None:
    """With `deduplicate`, a file given twice counts once, and `repeat` still repeats it."""
    (records / "again.jsonl").write_text((records / "text.jsonl").read_text())
    sources = '[{ path = "text.jsonl", repeat = 2 }, { path = "again.jsonl" }]'
    counts = {}
    for kind in ("none", "exact"):
        done = chatapp(
            "prepare", recipe_file, "--data", records, "--out", tmp_path / kind, "--output", "json",
            "--set", f"pretrain.sources={sources}", "--set", f"data.deduplicate={kind}",
        )  # fmt: skip
        told = json.loads(done.stdout)["shards"]
        counts[kind] = sum(told[f"pretrain-{p}"]["documents"] for p in ("train", "validation"))
    assert counts == {"none": 120, "exact": 80}


def test_contamination_is_reported_by_id(records: Path, tmp_path: Path) -> None:
    asked = tmp_path / "eval.jsonl"
    page = json.loads((records / "text.jsonl").read_text().splitlines()[7])
    rows = [
        {"id": "seen", "question": page["text"], "answers": ["x"]},
        {
            "id": "new",
            "question": "Which words has nobody ever put in this order yet?",
            "answers": [],
        },
    ]
    asked.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = tmp_path / "report.json"
    arguments = ("contamination", "--train", records / "text.jsonl", "--eval", asked)
    done = chatapp(*arguments, "--report", report, "--output", "json")
    told = json.loads(done.output)
    assert told == json.loads(report.read_text())
    assert [one["id"] for one in told["flagged"]] == ["seen"]
    assert "t7" in told["flagged"][0]["found_in"]
    assert chatapp(*arguments).output.startswith("1 of 2 records are contaminated (50.0% of")
