"""What happens on a small disk and on a read-only one: `places_child.py CASE DIRECTORY`.

It runs in a mount namespace of its own, where it may mount; it prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from chatapp.conversations import ConversationStore, StorageError
from tests.conversations.helpers import say


def mount(*options: str) -> None:
    """Mount something, in this namespace only."""
    subprocess.run(["mount", *options], check=True)


def full(path: Path) -> dict[str, object]:
    """Write until the disk is full, then free some space and go on."""
    ballast = path.parent / "ballast"
    store = ConversationStore.open(path)
    ballast.write_bytes(bytes(500_000))
    acknowledged, said = [], ""
    try:
        while True:
            acknowledged.append(say(store, "Question " + "q" * 5000).user.id)
    except StorageError as error:
        said = f"{error.message} {error.hint}"
    ballast.unlink()
    after = say(store, "And now there is space").user.id
    store.close()
    again = ConversationStore.open(path)
    lost = [one for one in [*acknowledged, after] if not again.message(one).text]
    problems = [problem.said for problem in again.verify()]
    again.close()
    return {"said": said, "written": len(acknowledged), "lost": lost, "problems": problems}


def read_only(path: Path) -> dict[str, object]:
    """Open a closed file on a disk that was remounted for reading only."""
    store = ConversationStore.open(path)
    say(store, "About the platypus?")
    store.close()
    return _look(path)


def read_only_with_log(path: Path) -> dict[str, object]:
    """The same with a log beside the file, as a crash leaves it."""
    if not os.fork():
        say(ConversationStore.open(path), "About the platypus?")
        os._exit(0)
    os.wait()
    assert path.with_name(f"{path.name}-wal").stat().st_size > 0
    return _look(path)


def _look(path: Path) -> dict[str, object]:
    mount("-o", "remount,ro", str(path.parent.parent))
    store = ConversationStore.open(path)
    seen = {"notices": list(store.notices), "hits": len(store.search("platypus"))}
    try:
        store.create("x")
    except StorageError as error:
        seen["said"] = f"{error.message} {error.hint}"
    store.close()
    return seen


if __name__ == "__main__":
    directory = Path(sys.argv[2])
    mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory))
    print(json.dumps(globals()[sys.argv[1]](directory / "home" / "chat.sqlite3")))
