"""A conversation file in a fresh directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp.conversations import ConversationStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the conversations go; its directory does not exist yet."""
    return tmp_path / "home" / "chat.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[ConversationStore]:
    """Return an open store."""
    opened = ConversationStore.open(path)
    yield opened
    opened.close()
