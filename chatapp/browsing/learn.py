"""Teach the head to browse, and measure every step of it against the scripted policy.

    python -m chatapp.browsing.learn --index FILE --data DIR --out DIR

In order: imitate all browses of the scripted policy; imitate only those that quoted a right answer;
draw several browses and keep the best (best of n); PPO. Only questions of the learning part take
part; some of them are kept to measure on. What each step reaches is printed and kept in DIR as it
is known, with its head: the same command goes on where it was cut short. All of it is printed as
JSON in the last line.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

import torch

from chatapp import resources
from chatapp.browsing.chooser import Chooser, Head, Listener
from chatapp.browsing.lessons import Lessons
from chatapp.browsing.school import Plan, RememberingJudge, School
from chatapp.model.checkpoint import load_model, weights_digest
from retrieval.browser.judge import PassageJudge
from retrieval.browser.local import IndexWorld
from retrieval.index import Index
from retrieval.reading.reader import load_reader
from retrieval.reading.train.labels import Asked, held_out, load

FILES = ("squad-v1.1-dev-a",)
_ORDER = 7  # seed of the order of the questions


def main() -> None:
    """Read the arguments, teach, and save the head."""
    chosen = _arguments()
    torch.manual_seed(_ORDER)  # of the first head, which has learnt nothing
    embedder, reader = resources.embedder_dir(), load_reader(resources.reader_dir())
    listener = Listener(*load_model(chosen.model))
    chooser = Chooser(listener, Head(listener.width))
    made_with = {
        "model": weights_digest(chosen.model),
        "reader": reader.id,
        "index": str(chosen.index.resolve()),
        "plan": [chosen.learn, chosen.measure, chosen.rounds],
    }
    try:
        lessons = Lessons(chosen.out, chooser, chosen.model, made_with)
    except ValueError as error:
        sys.exit(f"{error}; give another --out, or delete it")
    questions = unseen(chosen.data)[: chosen.learn + chosen.measure]
    parts = questions[chosen.measure :], questions[: chosen.measure]
    judge = RememberingJudge(PassageJudge(embedder, reader))
    index = Index.open(chosen.index, embedder_dir=embedder, read_only=True)
    try:
        plan = Plan(rounds=chosen.rounds)
        School(chooser, IndexWorld(index), judge, parts, plan, lessons).run()
    finally:
        index.close()
    chooser.save(chosen.out, chosen.model)
    print(json.dumps({"metrics": lessons.figures, "n": chosen.measure}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chatapp.browsing.learn")
    parser.add_argument("--index", type=Path, required=True, help="index of the world to browse")
    parser.add_argument("--data", type=Path, required=True, help="the data pack")
    parser.add_argument("--out", type=Path, required=True, help="directory for the head")
    parser.add_argument("--model", type=Path, default=resources.default_model_dir())
    parser.add_argument("--learn", type=int, default=60, help="questions to learn from")
    parser.add_argument("--measure", type=int, default=40, help="questions to measure on")
    parser.add_argument("--rounds", type=int, default=Plan.rounds, help="rounds of PPO")
    return parser.parse_args()


def unseen(data: Path) -> list[Asked]:
    """Return questions to learn from whose articles the reader has not read: it is surer of those.

    In an order of their own, and each with an answer.
    """
    questions = [asked for asked in load(data, FILES) if held_out(asked) and asked.answers]
    random.Random(_ORDER).shuffle(questions)
    return questions


if __name__ == "__main__":
    main()
