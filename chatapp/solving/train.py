"""Train the solver: `python -m chatapp.solving.train --data DIR --out DIR`.

The data is GSM8K's training problems, from the shared pack, and problems that were written for this
project; SVAMP is left to measure. The encoder starts from MiniLM (extra `[minilm]`). A
GPU is used where there is one. At the end problems that were held out are solved, and the table is
printed from which the app's threshold was chosen.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from chatapp.solving import files
from chatapp.solving.lessons import OTHERS, WRITTEN, Lesson, Worked, held_out, lessons, load, others
from chatapp.solving.network import Problems, Said, SolverNetwork, SolverShape
from chatapp.solving.programs import answers_like
from chatapp.solving.solver import FEWEST, Solver, load_solver
from retrieval.embedding.minilm import minilm_directory
from retrieval.reading.encoder import Shape
from retrieval.reading.train import starting
from retrieval.reading.train.loop import Stage, learn

_RATE = 6e-4


def loss(network: SolverNetwork, batch: Lesson, device: str) -> Tensor:
    """Return the mean loss of a choice; any place that an operand may come from is right."""
    problems = Problems(*(part.to(device) for part in batch.problems))
    said = Said(*(part.to(device) for part in batch.said))
    with torch.autocast(device, dtype=torch.bfloat16):
        choices = network(problems, said)
    operations = batch.operations.to(device)
    total = F.cross_entropy(
        choices.operations.flatten(0, 1), operations.flatten(), ignore_index=-100, reduction="sum"
    )
    for logits, right in ((choices.lefts, batch.lefts), (choices.rights, batch.rights)):
        known = right.any(2)
        logits, right = logits[known.to(device)], right[known].to(device)
        chosen = logits.masked_fill(~right, -torch.inf).logsumexp(1)
        total = total + (logits.logsumexp(1) - chosen).sum()
    return total / (3 * batch.lefts.any(2).sum() + len(operations)).to(device)


def report(solver: Solver, problems: list[Worked]) -> None:
    """Print how many problems are solved, by source, and how right the surer ones are."""
    by_source: dict[str, list[tuple[float, bool]]] = {}
    for worked in problems:
        solution = solver.solve(worked.text)
        right = solution is not None and answers_like(solution.answer, worked.answer)
        probability = solution.probability if solution else 0.0
        by_source.setdefault(worked.source, []).append((probability, right))
    for source, found in sorted(by_source.items()):
        print(json.dumps({source: sum(right for _, right in found) / len(found), "n": len(found)}))
        for least in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
            shown = [right for probability, right in found if probability >= least]
            precision = sum(shown) / len(shown) if shown else float("nan")
            print(f"  from {least}: {len(shown) / len(found):.3f} shown, {precision:.3f} right")


def main() -> None:
    """Parse the command line, train, save, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the shared data pack")
    parser.add_argument("--out", type=Path, required=True, help="where the solver is written")
    parser.add_argument("--written", type=Path, default=WRITTEN, help="problems written for it")
    parser.add_argument("--steps", type=int, default=1_900, help="batches of 32 problems")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    taught = next((chosen.data / "reasoning").glob("gsm8k-train.jsonl*"))
    worked, idle = load([taught, chosen.written]), others(OTHERS, FEWEST)
    learnt = [one for one in [*worked, *idle, *idle] if not held_out(one)]  # few: shown twice
    tokenizer = files.tokenizer(minilm_directory())
    torch.manual_seed(chosen.seed)
    pieces = len(starting.pieces(minilm_directory()))
    network = SolverNetwork(SolverShape(Shape(pieces=pieces)))
    starting.begin(network.encoder, minilm_directory())
    stage = Stage(chosen.steps, rate=_RATE, last=0.02)
    chosen.out.mkdir(parents=True, exist_ok=True)
    source = lessons(learnt, tokenizer, stage.batch, random.Random(chosen.seed))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    weights = chosen.out / "work.safetensors"
    made = learn(network, source, stage, weights, loss, device=device, seed=chosen.seed)
    files.save(made.to("cpu"), minilm_directory(), chosen.out)
    report(load_solver(chosen.out), [one for one in [*worked, *idle] if held_out(one)])


if __name__ == "__main__":
    main()
