"""What one check of `chatapp doctor` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """The outcome of one check; `fix` is empty when there is nothing to do.

    `storage` marks the checks of stored data, whose failure has an exit code of its own.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""
    storage: bool = False
