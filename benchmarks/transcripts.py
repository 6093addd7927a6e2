"""Writes `docs/transcripts.md`: conversations with the shipped system, as they came, unedited.

What is said stands in `transcripts.json`, and was written before it was first answered. The whole
app answers (`chatapp run`), with the index, the reader and the model that `CHATAPP_HOME` and the
settings name, with the default sampling and one seed. The web is off.

    CHATAPP_HOME=HOME python -m benchmarks.transcripts --seed 1 --index "what the index holds"
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BADGES = {
    "grounded": "from sources",
    "partly": "partly from sources",
    "model": "from the model alone",
    "written": "a written reply",
    "memory": "from memory",
    "tool": "from a tool",
    "worked_out": "worked out by the solver",
    "not_found": "not found",
}


def main() -> None:
    """Run all conversations in one session and write the page."""
    arguments = parse()
    sections: dict[str, list[list[str]]] = json.loads(
        (HERE / "transcripts.json").read_text("utf-8")
    )
    conversations = [turns for section in sections.values() for turns in section]
    began = time.monotonic()
    sampling = ["--seed", str(arguments.seed), "--model", arguments.model]
    events = answers(conversations, sampling)
    out: Path = arguments.out
    out.write_text("\n".join(page(sections, events, arguments)) + "\n", encoding="utf-8")
    said = [event for event in events if event["type"] == "message.done"]
    grounding = {kind: sum(one["grounding"] == kind for one in said) for kind in BADGES}
    print(
        json.dumps(
            {
                "metrics": {"answers": len(said), "grounding": grounding},
                "n": len(conversations),
                "config": {"seed": arguments.seed, "seconds": round(time.monotonic() - began, 1)},
            }
        )
    )


def parse() -> argparse.Namespace:
    """Read the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=HERE.parent / "docs" / "transcripts.md")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--model", default="default")
    options.add_argument("--index", default="no index", help="what the index holds, for the page")
    return options.parse_args()


def answers(conversations: list[list[str]], options: list[str]) -> list[dict[str, Any]]:
    """Run the conversations one after the other; return the events of the session.

    `options` are more of `chatapp run`.
    """
    operations: list[Any] = []
    for turns in conversations:
        operations += ["new", *({"user": text} for text in turns)]
    command = ["-m", "chatapp", "run", "-", *options, "--ephemeral"]
    done = subprocess.run(
        [sys.executable, *command, "--keep-going", "--output", "jsonl"],
        input=json.dumps(operations),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def page(
    sections: dict[str, list[list[str]]],
    events: list[dict[str, Any]],
    arguments: argparse.Namespace,
) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Conversations with the shipped system"
    yield ""
    yield (
        "Thirty conversations and questions, as they came: nothing was left out, chosen or edited. "
        "`benchmarks/transcripts.json` holds what is said, and "
        f"`python -m benchmarks.transcripts --seed {arguments.seed}` wrote this page. The whole "
        "app answered, with its default settings and the web off. Its index held "
        f"{arguments.index}. Behind each answer stands where the app says it comes from."
    )
    turns = turns_of(events)
    for title, conversations in sections.items():
        yield f"\n## {title}"
        for number, said in enumerate(conversations, 1):
            yield f"\n### {number}"
            for text in said:
                yield from _turn(text, next(turns))


def turns_of(events: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the events of each turn."""
    turn: list[dict[str, Any]] = []
    for event in events:
        if event["type"] == "turn.start":
            turn = []
        turn.append(event)
        if event["type"] == "turn.end":
            yield turn


def _turn(text: str, events: list[dict[str, Any]]) -> Iterator[str]:
    done = next(event for event in events if event["type"] == "message.done")
    yield f"\n**Person:** {text}\n"
    badge = BADGES.get(done["grounding"], done["grounding"])
    yield f"**chatapp** *({badge})*: {done['text']}"
    for event in events:
        if event["type"] == "citation":
            yield f"\n> [{event['n']}] {event['title']}: “{event['quote']}”"


if __name__ == "__main__":
    main()
