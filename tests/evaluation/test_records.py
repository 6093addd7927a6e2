"""Reading questions: both packings, a fixed sample, and errors that name the line."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from chatapp.evaluation.records import DataError
from chatapp.evaluation.schemas import read_questions, sample


def record(n: int, **changes: object) -> dict[str, object]:
    """Return one qa record of the published schema."""
    fields = {"id": f"q{n}", "question": f"What is {n}?", "answers": [str(n)]}
    return {**fields, "context": None, "title": None, "unanswerable": False, **changes}


def write(path: Path, *records: object) -> Path:
    """Write records as lines, packed when the name ends in .xz."""
    data = "".join(json.dumps(each) + "\n" for each in records).encode()
    path.write_bytes(lzma.compress(data) if path.suffix == ".xz" else data)
    return path


@pytest.mark.parametrize("name", ["qa.jsonl", "qa.jsonl.xz"])
def test_plain_and_packed_files_read_the_same(name: str, tmp_path: Path) -> None:
    """The suffix decides how a file is read, and an unanswerable question says so."""
    path = write(tmp_path / name, record(1), record(2, answers=[], unanswerable=True))
    first, second = read_questions(path)
    assert (first.id, first.text, first.answers) == ("q1", "What is 1?", ("1",))
    assert (first.answerable, second.answerable) == (True, False)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("[1]", "not a JSON object"),
        ('{"question": ', "not JSON"),
        (json.dumps(record(2, question=" ")), "'question' must be text"),
        (json.dumps(record(2, answers="two")), "'answers' must be a list"),
        (json.dumps(record(2, answers=[2])), "'answers' must be a list"),
        (json.dumps(record(2, answers=[])), "empty exactly when"),
        (json.dumps(record(2, unanswerable=True)), "empty exactly when"),
    ],
)
def test_a_bad_record_names_its_file_and_line(bad: str, said: str, tmp_path: Path) -> None:
    """The run stops at the line, so that no figure is taken over a part of a file."""
    path = tmp_path / "qa.jsonl"
    path.write_text(json.dumps(record(1)) + "\n\n" + bad + "\n")
    with pytest.raises(DataError, match="line 3") as caught:
        list(read_questions(path))
    assert str(path) in caught.value.message
    assert said in caught.value.message


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    """Missing, empty, truncated and no text: each is named."""
    packed = lzma.compress(json.dumps(record(1)).encode() * 200)
    for name, data, said in [
        ("none.jsonl", None, "does not exist"),
        ("empty.jsonl", b"", "is empty"),
        ("blank.jsonl", b"\n \n", "is empty"),
        ("cut.jsonl.xz", packed[:-20], "cannot read"),
        ("wrong.jsonl.xz", b"plain", "cannot read"),
        ("bytes.jsonl", b"\xff\xfe", "cannot read"),
    ]:
        path = tmp_path / name
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(DataError, match=said) as caught:
            list(read_questions(path))
        assert str(path) in caught.value.message


def test_the_seed_fixes_the_sample_and_a_larger_one_extends_it(tmp_path: Path) -> None:
    """Two runs ask the same questions; a longer run asks them first."""
    path = write(tmp_path / "qa.jsonl", *map(record, range(50)))
    chosen = sample([path], 10, seed=3)
    assert chosen == sample([path], 10, seed=3)
    assert chosen == sample([path], 20, seed=3)[:10]
    assert chosen != sample([path], 10, seed=4)
    assert len(sample([path, path], None, seed=0)) == 100
