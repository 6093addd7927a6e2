"""Tensors on disk: one safetensors file, or several with an index, as the Hugging Face hub has it.

A directory holds `model.safetensors`, or `model-00001-of-0000N.safetensors` files and
`model.safetensors.index.json`, whose `weight_map` names the file of each tensor. Tensors keep the
dtype that they were stored in. Files are written beside their target and renamed at the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

SINGLE_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
_PART = "model-*.safetensors"


class WeightsError(ValueError):
    """Weights that cannot be read; the message names the file."""


class WeightsMissing(WeightsError):
    """A weight file is not there; `file` is its name."""

    def __init__(self, file: str, directory: Path) -> None:
        super().__init__(f"{file} is missing in {directory}")
        self.file = file


class WeightFiles:
    """The tensors of a directory, read one by one when they are asked for.

    Raises:
        WeightsError: no weights, or an index that is damaged or points outside the directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file_of = self._locate()

    def _locate(self) -> dict[str, Path]:
        single, index = self.directory / SINGLE_FILE, self.directory / INDEX_FILE
        if single.is_file():
            return dict.fromkeys(_names(single), single)
        if not index.is_file():
            raise WeightsMissing(SINGLE_FILE, self.directory)
        try:
            weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
            files = {str(name): str(file) for name, file in weight_map.items()}
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise WeightsError(f"{index} is damaged: it has no readable weight_map") from error
        for file in set(files.values()):
            if Path(file).name != file:
                raise WeightsError(f"{index} names {file!r}, which is outside its directory")
            if not (self.directory / file).is_file():
                raise WeightsMissing(file, self.directory)
        return {name: self.directory / file for name, file in files.items()}

    @property
    def files(self) -> list[Path]:
        """The weight files, in order of their names."""
        return sorted(set(self._file_of.values()))

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.stat().st_size for file in self.files)

    def names(self) -> list[str]:
        """Return the names of all tensors."""
        return list(self._file_of)

    def read(self, name: str) -> Tensor:
        """Return one tensor in the dtype it is stored in.

        Raises:
            WeightsError: the file is damaged or has no such tensor.
        """
        file = self._file_of[name]
        try:
            with safe_open(file, framework="pt") as tensors:
                return tensors.get_tensor(name)  # type: ignore[no-any-return]
        except (SafetensorError, OSError) as error:
            raise WeightsError(f"{file.name} is damaged: {error}") from error

    def read_float(self, name: str) -> Tensor:
        """Return one tensor as `read` does, but an int8 matrix multiplied out, in float32."""
        tensor, scale = self.read(name), f"{name}_scale"
        if scale not in self._file_of:
            return tensor
        return tensor.float() * self.read(scale)[:, None]

    @property
    def int8(self) -> bool:
        """Whether matrices are stored in 8 bits, with scales (see `chatapp.model.int8`)."""
        return any(name.endswith(".weight_scale") for name in self._file_of)

    def items(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every tensor with its name, file by file.

        Raises:
            WeightsError: a file is damaged or lacks a tensor that the index names.
        """
        for file in self.files:
            names = [name for name, its in self._file_of.items() if its == file]
            try:
                with safe_open(file, framework="pt") as tensors:
                    yield from ((name, tensors.get_tensor(name)) for name in names)
            except (SafetensorError, OSError) as error:
                raise WeightsError(f"{file.name} is damaged: {error}") from error

    def digests(self) -> dict[str, str]:
        """Return the sha256 of each file by its name."""
        return {file.name: _sha256(file) for file in self.files}


class WeightWriter:
    """Writes tensors in files of at most `max_bytes` each (a larger tensor gets its own).

    Nothing in the directory changes before `finish`, but for files whose names end in `.tmp`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._max_bytes = directory, max_bytes
        self._metadata = {"format": "pt", **(metadata or {})}
        self._pending: dict[str, Tensor] = {}
        self._pending_bytes = 0
        self._written: list[tuple[Path, list[str], int]] = []

    def add(self, name: str, tensor: Tensor) -> None:
        """Take one tensor; a file is written whenever enough have come."""
        full = self._max_bytes and self._pending_bytes + tensor.nbytes > self._max_bytes
        if self._pending and full:
            self._flush()
        self._pending_bytes += tensor.nbytes
        self._pending[name] = tensor.detach().cpu().contiguous()

    def finish(self) -> dict[str, str]:
        """Write what is left, put all files in place and return their sha256 by file name."""
        self._flush()
        stale = {self._directory / SINGLE_FILE, self._directory / INDEX_FILE}
        stale.update(self._directory.glob(_PART))
        count, digests, weight_map = len(self._written), {}, {}
        for number, (temporary, names, _) in enumerate(self._written, start=1):
            file = SINGLE_FILE if count == 1 else f"model-{number:05}-of-{count:05}.safetensors"
            digests[file] = _sha256(temporary)
            temporary.replace(self._directory / file)
            stale.discard(self._directory / file)
            weight_map.update(dict.fromkeys(names, file))
        if count > 1:
            self._write_index(weight_map)
            stale.discard(self._directory / INDEX_FILE)
        for old in stale:
            old.unlink(missing_ok=True)
        return digests

    def _flush(self) -> None:
        temporary = self._directory / f"model-{len(self._written):05}.safetensors.tmp"
        save_file(self._pending, temporary, metadata=self._metadata)
        temporary.chmod(0o644)  # the library writes it for its owner alone
        self._written.append((temporary, list(self._pending), self._pending_bytes))
        self._pending, self._pending_bytes = {}, 0

    def _write_index(self, weight_map: dict[str, str]) -> None:
        total = sum(size for _, _, size in self._written)
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        temporary = self._directory / (INDEX_FILE + ".tmp")
        temporary.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        temporary.replace(self._directory / INDEX_FILE)


def _names(file: Path) -> list[str]:
    try:
        with safe_open(file, framework="pt") as tensors:
            return list(tensors.keys())
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file.name} is damaged: {error}") from error


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
