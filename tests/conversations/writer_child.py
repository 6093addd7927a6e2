"""A window of its own: `writer_child.py PATH TURNS NAME` writes turns, or streams until killed."""

from __future__ import annotations

import sys
from pathlib import Path

from chatapp.conversations import ConversationStore, Outcome


def main(path: str, turns: str, name: str) -> None:
    """Write `turns` turns; with 0, leave an answer streaming and wait for the end of stdin."""
    store = ConversationStore.open(Path(path), busy_seconds=60)
    for number in range(int(turns)):
        started = store.begin_turn(None, f"{name} asks {number}").result()
        store.save_text(started.assistant.id, "half").result()
        store.finish(started.assistant.id, Outcome(f"{name} {number}", "complete", "stop")).result()
    if turns == "0":
        started = store.begin_turn(None, f"{name} asks").result()
        store.save_text(started.assistant.id, "half an ans").result()
        print(started.assistant.id, flush=True)
        sys.stdin.read()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
