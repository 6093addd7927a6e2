"""Examples shown below each command's `--help`, in the manual page, and held by tests.

One table, so that they can be checked together: each names options that exist, and those that need
nothing are run.
"""

from __future__ import annotations

import click

EXAMPLES: dict[str, tuple[str, ...]] = {
    "ask": (
        'chatapp ask "Where are my conversations stored?"',
        'chatapp ask "And how do I delete one?" --last',
        'git log -5 | chatapp ask "Summarise this:" --stdin --no-sources',
        'chatapp ask "What does it say about heat?" --attach paper.pdf --output json',
        'chatapp ask "When does the next leap year begin?" --allow web',
    ),
    "run": (
        "chatapp run tour.yaml",
        "chatapp run tour.yaml --ephemeral --greedy --seed 1 --clock 2026-01-01T00:00:00Z",
        'echo \'{"user": "hello"}\' | chatapp run - --output jsonl',
        "chatapp run --schema script",
    ),
    "replay": (
        "chatapp run tour.yaml --ephemeral --output jsonl > tour.jsonl",
        "chatapp replay tour.jsonl",
        "chatapp replay tour.jsonl --model my-new-model",
    ),
    "conversations archive": ("chatapp conversations archive ID",),
    "conversations backups": ("chatapp conversations backups",),
    "conversations delete": ("chatapp conversations delete ID",),
    "conversations export": ("chatapp conversations export ID --format json > talk.json",),
    "conversations import": ("chatapp conversations import talk.json",),
    "conversations list": ("chatapp conversations list --limit 5 --output jsonl",),
    "conversations pin": ("chatapp conversations pin ID",),
    "conversations purge": ("chatapp conversations purge ID --yes",),
    "conversations recover": ("chatapp conversations recover",),
    "conversations rename": ('chatapp conversations rename ID "Holiday plans"',),
    "conversations restore": ("chatapp conversations restore ID",),
    "conversations search": ("chatapp conversations search whales krill",),
    "conversations show": ("chatapp conversations show ID",),
    "conversations tag": ("chatapp conversations tag ID work",),
    "conversations tags": ("chatapp conversations tags",),
    "conversations verify": ("chatapp conversations verify",),
    "memory add": ('chatapp memory add "I live in Berlin"',),
    "memory confirm": ("chatapp memory confirm ID",),
    "memory edit": ("chatapp memory edit ID Hamburg",),
    "memory export": ("chatapp memory export -o memories.json",),
    "memory forget": ("chatapp memory forget peanuts", "chatapp memory forget ID --yes"),
    "memory import": ("chatapp memory import memories.json",),
    "memory reject": ("chatapp memory reject ID",),
    "memory show": ("chatapp memory show ID",),
    "memory list": ("chatapp memory list --all",),
    "feedback export": ("chatapp feedback export --schema preference -o pairs.jsonl",),
    "feedback list": ("chatapp feedback list",),
    "index add": (
        "chatapp index add ~/Documents",
        "chatapp index add notes.md --collection notes",
        "chatapp index add 'papers/**/*.pdf'",
        "chatapp index add simplewiki.xml.bz2 --ray local",
    ),
    "index install": (
        "chatapp index install simplewiki",
        "chatapp index install simplewiki --from simplewiki-pages-articles.xml.bz2",
    ),
    "index problems": ("chatapp index problems",),
    "index rebuild": ("chatapp index rebuild",),
    "index remove": ("chatapp index remove ~/Documents/old.pdf",),
    "index search": ('chatapp index search "sparse attention" -k 3',),
    "index status": ("chatapp index status",),
    "index watch": ("chatapp index watch ~/notes", "chatapp index watch /mnt/share --poll"),
    "data contamination": ("chatapp data contamination --train train.jsonl --eval dev.jsonl",),
    "data import": ("chatapp data import talks.json --kind chat --out talks.jsonl",),
    "data teach": ("chatapp data teach --data DATA --out lesson.jsonl",),
    "data prepare": ("chatapp data prepare recipe.toml --out prepared",),
    "train": (
        "chatapp train recipe.toml --plan",
        "chatapp train recipe.toml --out runs/first",
        "chatapp train recipe.toml --out runs/first --resume",
    ),
    "model export": ("chatapp model export default exported",),
    "model import": ("chatapp model import ./SmolLM2-135M --name smol",),
    "model info": ("chatapp model info",),
    "model list": ("chatapp model list",),
    "eval code": ("chatapp eval code --data problems.jsonl --limit 50",),
    "eval filter": ("chatapp eval filter --data bad.jsonl --harmless good.jsonl",),
    "eval grounded": (
        "chatapp eval grounded --data questions.jsonl --limit 50",
        "chatapp eval grounded --data questions.jsonl --journal answers.jsonl",
    ),
    "eval injection": ("chatapp eval injection", "chatapp eval injection --output json"),
    "eval lm": ("chatapp eval lm --data choices.jsonl --output json",),
    "eval math": ("chatapp eval math --data sums.jsonl --limit 100",),
    "eval memory": ("chatapp eval memory --data talks.jsonl --output json",),
    "eval preference": ("chatapp eval preference --data pairs.jsonl",),
    "eval qa": ("chatapp eval qa --data questions.jsonl --limit 100",),
    "eval retrieval": ("chatapp eval retrieval --data questions.jsonl --limit 300",),
    "serve": ("chatapp serve", "chatapp serve --port 0 --model default"),
    "web": ("chatapp web", "chatapp web --port 9000"),
    "report": ("chatapp report runs/first",),
    "doctor": ("chatapp doctor", "chatapp doctor --online", "chatapp doctor --output json"),
    "config path": ("chatapp config path",),
    "config show": ("chatapp config show --origin",),
    "completion": ("chatapp completion bash",),
    "manual": ("chatapp manual | man -l -",),
}


def add_examples(name: str, command: click.Command) -> None:
    """Put the examples below the help of a command and of all its subcommands."""
    if isinstance(command, click.Group):
        for each, subcommand in command.commands.items():
            add_examples(f"{name} {each}", subcommand)
    examples = EXAMPLES.get(name, ())
    if examples and not command.epilog:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)
