"""Rows out of files, whatever the files are: each with the place it came from and its size.

    *.jsonl, *.jsonl.xz, *.jsonl.gz    one JSON object a line
    *.jsonl.zst, *.parquet             the same through pyarrow (extra `hub`)
    a directory, *.txt, *.md           one document a file
    hub:OWNER/NAME[/CONFIG][:SPLIT]    a Hugging Face dataset, streamed (extra `hub`)

What the rows mean is the business of `records`.
"""

from __future__ import annotations

import functools
import gzip
import importlib
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from chatapp.training.recipe import Source
from chatapp.training.tables import MissingFile

HUB = "hub:"
TEXT_SUFFIXES = (".txt", ".md")
_DAMAGED = (lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError)


class RecordError(ValueError):
    """A record that cannot be read; the message names file and line."""


class Row(NamedTuple):
    """One raw record: where it stands (`file:line`), its fields, and its bytes in the file."""

    where: str
    fields: dict[str, Any]
    size: int


def source_files(root: Path, source: Source) -> list[Path]:
    """Return the files a source names, sorted; a directory stands for the texts below it.

    Raises:
        MissingFile: the glob matches nothing.
    """
    whole = root / source.path  # an absolute path stays one
    found = [whole] if whole.exists() else sorted(_matches(whole))
    files: list[Path] = []
    for path in found:
        files += sorted(_texts_below(path)) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise MissingFile(f"no data at {whole}; give the directory of the records with --data DIR")
    return files


def read_rows(root: Path, source: Source) -> Iterator[Row]:
    """Yield a source's rows, an equal share of its cap from each file, its columns renamed.

    Raises:
        MissingFile: the source names nothing, or a library that it needs is not installed.
        RecordError: a file is damaged or a line is no record.
    """
    if source.path.startswith(HUB):
        parts = [_hub_rows(source.path.removeprefix(HUB))]
    else:
        parts = [read_file(file) for file in source_files(root, source)]
    share = source.max_mb * 1e6 / len(parts)
    for part in parts:
        taken = 0
        for row in part:
            if share and taken >= share:
                break
            taken += row.size
            yield row._replace(fields=_renamed(row, source)) if source.fields else row


def read_file(file: Path) -> Iterator[Row]:
    """Yield the rows of one file.

    Raises:
        RecordError: the kind of file is unknown, it is damaged, or a line is no record.
    """
    suffixes = file.suffixes[-2:]
    if file.suffix == ".parquet":
        return _parquet_rows(file)
    if file.suffix in TEXT_SUFFIXES:
        return _text_row(file)
    if ".jsonl" in suffixes and file.suffix in _OPENERS:
        return _json_rows(file)
    raise RecordError(
        f"{file}: cannot read {file.suffix or 'a file without a suffix'}; known: "
        ".jsonl (also .xz, .gz, .zst), .parquet, .txt, .md, and directories of texts"
    )


def _matches(pattern: Path) -> Iterator[Path]:
    """Yield what an absolute or a relative glob matches."""
    return Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))


def _texts_below(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.suffix in TEXT_SUFFIXES)


def _renamed(row: Row, source: Source) -> dict[str, Any]:
    """Return the row's fields with those that the source maps under the names we know."""
    for ours, theirs in source.fields.items():
        if theirs not in row.fields:
            raise RecordError(
                f"{row.where}: there is no column {theirs!r} for {ours!r}; "
                f"the record has {', '.join(row.fields)}"
            )
    taken = set(source.fields.values())
    kept = {key: value for key, value in row.fields.items() if key not in taken}
    return kept | {ours: row.fields[theirs] for ours, theirs in source.fields.items()}


def _json_rows(file: Path) -> Iterator[Row]:
    with _OPENERS[file.suffix](file) as lines:
        number = 0
        try:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    where = f"{file}:{number}"
                    yield Row(where, _parse(line, where), len(line))
        except (*_DAMAGED, OSError) as error:
            raise RecordError(
                f"{file}: damaged {file.suffix[1:]} file after line {number}: {error}"
            ) from error


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{where}: not a JSON record: {error}") from error
    if not isinstance(record, dict):
        raise RecordError(f"{where}: a record is a JSON object, not {type(record).__name__}")
    return record


def _text_row(file: Path) -> Iterator[Row]:
    raw = file.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RecordError(f"{file}: not UTF-8 text: {error}") from error
    if text.strip():
        yield Row(str(file), {"id": f"{file.parent.name}/{file.name}", "text": text}, len(raw))


def _parquet_rows(file: Path) -> Iterator[Row]:
    arrow = _library("pyarrow.parquet", "Parquet files")
    number = 0
    try:
        for batch in arrow.ParquetFile(file).iter_batches(batch_size=256):
            for record in batch.to_pylist():
                number += 1
                yield Row(f"{file}:{number}", record, _text_bytes(record))
    except (ValueError, OSError) as error:  # pyarrow's own errors are these
        raise RecordError(f"{file}: damaged parquet file after row {number}: {error}") from error


def _hub_rows(name: str) -> Iterator[Row]:
    """Stream a Hugging Face dataset; a directory on this machine may stand for `OWNER/NAME`."""
    datasets = _library("datasets", "Hugging Face datasets")
    path, _, split = name.partition(":")
    config = None
    if not Path(path).is_dir() and path.count("/") == 2:
        path, _, config = path.rpartition("/")
    try:
        stream = datasets.load_dataset(path, config, split=split or "train", streaming=True)
        for number, record in enumerate(stream, start=1):
            yield Row(f"{HUB}{name}:{number}", dict(record), _text_bytes(record))
    except (OSError, ValueError) as error:  # the library's own errors are these
        raise MissingFile(f"cannot read the dataset {path!r}: {error}") from error


def _text_bytes(record: dict[str, Any]) -> int:
    return len(json.dumps(record, ensure_ascii=False, default=str).encode())


def _open_zst(file: Path) -> IO[bytes]:
    arrow = _library("pyarrow", "zst files")
    return io.BufferedReader(arrow.CompressedInputStream(str(file), "zstd"))


def _library(name: str, purpose: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingFile(
            f"{purpose} need the library {name.partition('.')[0]}; "
            "in the repository of chatapp, type .venv/bin/pip install -e '.[hub]'"
        ) from None


_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".jsonl": functools.partial(open, mode="rb"),
    ".xz": lzma.open,
    ".gz": gzip.open,
    ".zst": _open_zst,
}
