"""A chat to be killed: `streaming_child.py PATH QUESTION` streams a slow answer until the end.

Each piece of text is printed, with the time, the moment the reader of the events has it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from chatapp.assistant.assistant import Assistant
from chatapp.assistant.events import MessageDelta
from chatapp.conversations import ConversationStore
from chatapp.settings import Settings
from tests.fakes import FakeGenerator

ANSWER = " ".join(f"word{number}" for number in range(100_000))


async def main(path: str, question: str) -> None:
    """Answer `question` in a new conversation of the store at `path`, ten milliseconds a word."""
    assistant = Assistant(
        ConversationStore.open(Path(path)),
        settings=Settings(),
        open_index=None,
        load_generator=lambda: FakeGenerator(ANSWER, delay=0.01),
    )
    assistant.sample(max_tokens=100_000)
    async for event in assistant.turn(None, question):
        if isinstance(event, MessageDelta):
            print(json.dumps([time.monotonic(), event.text]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
