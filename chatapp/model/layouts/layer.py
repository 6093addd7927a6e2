"""What a model's cache asks of the storage of one layer."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from chatapp.kernels.step import CacheViews


class LayerCache(Protocol):
    """Keys and values of one layer for a fixed number of rows (sequences)."""

    def read(self, rows: slice, start: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Store T new keys and values of some rows at `start..start+T-1` and attend.

        Args:
            rows: B neighbouring rows, which all hold `start` positions.
            start: first new position.
            q: (B, H, T, D).
            k: (B, Hkv, T, D).
            v: like k.

        Returns:
            (B, H, T, D).
        """
        ...

    def store(self, positions: Tensor, k: Tensor, v: Tensor) -> None:
        """Store one new position of every row, without the host knowing where.

        Args:
            positions: int64, shape (B,), on the device.
            k: (B, Hkv, 1, D).
            v: like k.
        """
        ...

    def settle(self, row: int, reached: int) -> None:
        """Take notice that `store` has written a row's positions before `reached`."""
        ...

    def views(self, rows: slice) -> CacheViews:
        """Return some rows' buffers in the form that `chatapp.kernels.step` reads."""
        ...

    def can_resume(self, row: int, length: int) -> bool:
        """Say whether a row can be cut to `length` and go on exactly."""
        ...

    def resume(self, row: int, length: int) -> None:
        """Cut a row to `length`; only where `can_resume`."""
        ...

    def copy(self, source: int, target: int, length: int) -> None:
        """Make row `target` hold what row `source` holds in its `length` positions."""
        ...

    def buffers(self) -> list[Tensor]:
        """Return the tensors that take the memory."""
        ...
