"""Rows come out of every kind of file alike, and a damaged file is named with the place."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path

import pytest

from chatapp.training import readers
from chatapp.training.readers import RecordError, read_rows
from chatapp.training.recipe import MissingFile, Source
from chatapp.training.records import read_chats, read_preferences, read_ratings, read_texts

ROWS = [{"id": f"r{i}", "text": f"Text {i}.", "title": None} for i in range(5)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def fields(root: Path, path: str) -> list[dict[str, object]]:
    return [row.fields for row in read_rows(root, Source(path))]


def write_parquet(path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="extra hub")
    import pyarrow.parquet as parquet

    parquet.write_table(arrow.Table.from_pylist(ROWS), path)


def write_zst(path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="extra hub")
    with arrow.CompressedOutputStream(str(path), "zstd") as file:
        file.write(LINES)


@pytest.mark.parametrize("suffix", ["", ".xz", ".gz", ".zst"])
def test_json_lines_read_the_same_however_they_are_packed(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.jsonl{suffix}"
    match suffix:
        case ".zst":
            write_zst(path)
        case ".xz":
            path.write_bytes(lzma.compress(LINES))
        case ".gz":
            path.write_bytes(gzip.compress(LINES))
        case _:
            path.write_bytes(LINES)
    assert fields(tmp_path, path.name) == ROWS


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".zst"])
def test_a_damaged_pack_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.jsonl{suffix}"
    if suffix == ".zst":
        write_zst(path)
    else:
        path.write_bytes({".xz": lzma, ".gz": gzip}[suffix].compress(LINES))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(RecordError, match=rf"x\.jsonl\{suffix}: damaged {suffix[1:]} file"):
        fields(tmp_path, path.name)


def test_a_parquet_file_reads_like_json_lines_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet")
    assert fields(tmp_path, "x.parquet") == ROWS
    (tmp_path / "x.parquet").write_bytes(b"PAR1 this is none")
    with pytest.raises(RecordError, match="damaged parquet file"):
        fields(tmp_path, "x.parquet")


def test_a_folder_of_texts_is_one_document_a_file(tmp_path: Path) -> None:
    """Sub-folders count, other files do not, and ids do not depend on where the folder lies."""
    (tmp_path / "notes" / "deep").mkdir(parents=True)
    (tmp_path / "notes" / "a.txt").write_text("First.")
    (tmp_path / "notes" / "deep" / "b.md").write_text("Second.")
    (tmp_path / "notes" / "c.png").write_bytes(b"\x89PNG")
    (tmp_path / "notes" / "empty.txt").write_text(" \n")
    read = list(read_texts(tmp_path, Source("notes")))
    assert [(record.id, record.text) for record in read] == [
        ("notes/a.txt", "First."),
        ("deep/b.md", "Second."),
    ]
    (tmp_path / "notes" / "a.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(RecordError, match=r"a\.txt: not UTF-8"):
        list(read_texts(tmp_path, Source("notes")))


def test_a_hub_dataset_is_streamed_into_the_same_records(tmp_path: Path) -> None:
    """A directory in the Hub's layout stands for a dataset of the Hub; columns are renamed."""
    pytest.importorskip("datasets", reason="extra hub")
    write_parquet(tmp_path / "test-00000-of-00001.parquet")
    source = Source(f"hub:{tmp_path}:test", fields={"title": "id"})
    read = list(read_texts(tmp_path, source))
    assert [record.text for record in read] == [f"r{i}\n\nText {i}." for i in range(5)]
    with pytest.raises(MissingFile, match="cannot read the dataset"):
        list(read_texts(tmp_path, Source(f"hub:{tmp_path}:nonsense")))


def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(readers.importlib, "import_module", absent)
    (tmp_path / "x.parquet").write_bytes(b"")
    with pytest.raises(MissingFile, match=r"pip install -e '\.\[hub\]'"):
        fields(tmp_path, "x.parquet")


def test_columns_of_other_names_serve_and_an_absent_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"key": "a", "body": "Text."}\n')
    source = Source("x.jsonl", fields={"id": "key", "text": "body"})
    assert [(r.id, r.text) for r in read_texts(tmp_path, source)] == [("a", "Text.")]
    with pytest.raises(RecordError, match=r"x\.jsonl:1: there is no column 'boby' for 'text'"):
        list(read_texts(tmp_path, Source("x.jsonl", fields={"text": "boby"})))


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n")
    with pytest.raises(RecordError, match=r"x\.csv: cannot read \.csv; known: \.jsonl"):
        fields(tmp_path, "x.csv")


def write(tmp_path: Path, record: dict[str, object]) -> Source:
    (tmp_path / "x.jsonl").write_text(json.dumps(record) + "\n")
    return Source("x.jsonl")


def test_a_record_of_another_kind_is_named(tmp_path: Path) -> None:
    """The message says what the record is, or which schemas there are."""
    source = write(tmp_path, {"messages": [{"role": "user", "content": "Hi"}]})
    with pytest.raises(RecordError, match=r"x\.jsonl:1: a text record .*; this is a chat record"):
        list(read_texts(tmp_path, source))
    source = write(tmp_path, {"body": "x"})
    with pytest.raises(RecordError, match=r"with body fits no known schema: preference \(mess"):
        list(read_texts(tmp_path, source))


@pytest.mark.parametrize(
    ("record", "question", "answer"),
    [
        ({"question": "Why?", "answers": ["So."]}, "Why?", "So."),
        ({"question": "Why?", "answers": [], "context": "It is."}, "It is.\n\nWhy?", "The text"),
        (
            {"question": "Which?", "answers": ["b"], "choices": ["a", "b"]},
            "Which?\nOptions:\n- a\n- b",
            "b",
        ),
        ({"question": "2+2?", "answer": "4", "solution": "Add."}, "2+2?", "Add.\n#### 4"),
        ({"question": "2+2?", "answer": "4", "solution": None}, "2+2?", "#### 4"),
        ({"prompt": "Add.", "code": "a + b", "tests": []}, "Add.", "a + b"),
    ],
)
def test_questions_can_be_tuned_on_as_conversations(
    tmp_path: Path, record: dict[str, object], question: str, answer: str
) -> None:
    (read,) = read_chats(tmp_path, write(tmp_path, record))
    assert read.messages[0] == ("user", question)
    assert read.messages[1][0] == "assistant"
    assert read.messages[1][1].startswith(answer)


def test_preferences_and_ratings_are_read_and_checked(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "Hi"}]
    source = write(tmp_path, {"messages": asked, "chosen": "Hello.", "rejected": "Go."})
    (pair,) = read_preferences(tmp_path, source)
    assert (pair.messages, pair.chosen, pair.rejected) == ((("user", "Hi"),), "Hello.", "Go.")
    source = write(tmp_path, {"messages": asked, "response": "Hello.", "reward": 1})
    (rating,) = read_ratings(tmp_path, source)
    assert (rating.response, rating.reward) == ("Hello.", 1.0)
    with pytest.raises(RecordError, match="needs strings 'chosen' and 'rejected'; this is a rati"):
        list(read_preferences(tmp_path, source))
    with pytest.raises(RecordError, match="the reward must lie between 0 and 1, not 3"):
        list(
            read_ratings(
                tmp_path, write(tmp_path, {"messages": asked, "response": "", "reward": 3})
            )
        )
