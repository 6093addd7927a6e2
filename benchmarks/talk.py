"""How well does a chat model expect everyday replies that it has not read? And what does it say?

Each reply of held-out conversations is scored after all that came before it, in bits per byte;
errors are over conversations. With `--replies N` the greedy replies to N first messages are
printed on stderr, to be read.

    python -m benchmarks.talk --model DIR --replies 20
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
from pathlib import Path

import torch

from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.likelihood import LikelihoodModel
from chatapp.inference.generator import ChatMessage, SamplingParams, TextDelta
from chatapp.inference.load import load_generator
from chatapp.model.checkpoint import load_model
from chatapp.resources import default_model_dir
from chatapp.training.recipe import Source
from chatapp.training.records import read_chats

HELD_OUT = Path("data/samples/talk/talk-held-out.jsonl.xz")


def main() -> None:
    """Measure; print one JSON line on stdout."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", type=Path, default=default_model_dir())
    options.add_argument("--data", type=Path, default=HELD_OUT, help="chat records")
    options.add_argument("--replies", type=int, default=0, help="replies to print")
    options.add_argument("--threads", type=int, default=1)
    arguments = options.parse_args()
    torch.set_num_threads(arguments.threads)
    source = Source(path=arguments.data.name)
    talks = [record.messages for record in read_chats(arguments.data.parent, source)]
    bits = estimate(bits_per_byte(arguments.model, talks))
    if bits is None:
        sys.exit(f"{arguments.data} holds no conversation")
    generator = load_generator(arguments.model, threads=arguments.threads)
    for talk in talks[: arguments.replies]:
        asked = ChatMessage("user", talk[0][1])
        params = SamplingParams(greedy=True, max_tokens=80)
        parts = generator.stream([asked], params, lambda: False)
        said = "".join(part.text for part in parts if isinstance(part, TextDelta))
        print(f"> {asked.content}\n{said}\n", file=sys.stderr)
    print(
        json.dumps(
            {
                "metrics": {"bits_per_byte": bits.mean},
                "n": bits.n,
                "stderr": {"bits_per_byte": bits.stderr},
                "config": {"model": arguments.model.name, "data": arguments.data.name},
                "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
            }
        )
    )


def bits_per_byte(directory: Path, talks: list[tuple[tuple[str, str], ...]]) -> list[float]:
    """Return for each conversation the bits per byte of all its replies."""
    model = LikelihoodModel(*load_model(directory))
    found = []
    for talk in talks:
        places = [place for place, (role, _) in enumerate(talk) if role == "assistant"]
        heads = [model.tokenizer.encode_prompt(talk[:place]) for place in places]
        replies = [model.tokenizer.encode(talk[place][1]) for place in places]
        requests = [
            model.fit([*head, *reply], len(head))
            for head, reply in zip(heads, replies, strict=True)
        ]
        scored = model.score(requests, lambda _: None)
        size = sum(len(talk[place][1].encode()) for place in places)
        found.append(-sum(one.log_prob for one in scored) / math.log(2) / size)
    return found


if __name__ == "__main__":
    main()
