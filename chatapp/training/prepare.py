"""From records to token shards: what a stage does once, before its first step.

Rank 0 reads and writes; the others wait and then map the same files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from chatapp.model.checkpoint import TOKENIZER_FILE
from chatapp.model.tokenizer import ChatTokenizer
from chatapp.training.augmentation import Augmentation
from chatapp.training.console import progress, say
from chatapp.training.dedupe import Deduplicator
from chatapp.training.durable import lock
from chatapp.training.recipe import Recipe, RecipeError, Source
from chatapp.training.records import ChatRecord, TextRecord, read_chats, read_texts
from chatapp.training.shards import Shard, is_validation, tokenise_chats, tokenise_texts
from chatapp.training.stages import RunContext


def text_shards(context: RunContext, stage: str, sources: Iterable[Source]) -> tuple[Shard, Shard]:
    """Return the training and the validation shard of text records."""
    return _shards(context, stage, sources, read_texts, tokenise_texts)


def chat_shards(
    context: RunContext,
    stage: str,
    sources: Iterable[Source],
    augmentation: Augmentation | None = None,
) -> tuple[Shard, Shard]:
    """Return the training and the validation shard of chat records.

    Args:
        augmentation: changes a source's second and further readings, held-out records aside.
    """
    permille = context.recipe.validation_permille

    def augmented(record: ChatRecord, reading: int) -> ChatRecord:
        if augmentation is None or is_validation(record.id, permille):
            return record
        return augmentation.apply(record, seed=context.recipe.seed, repetition=reading)

    return _shards(context, stage, sources, read_chats, tokenise_chats, augmented)


def prepare_shards(recipe: Recipe, out: Path) -> dict[str, dict[str, int]]:
    """Make the tokenizer and the shards of a run, without training.

    Returns:
        documents, tokens and bytes of text of each shard, by its name.
    """
    with lock(out):
        context = RunContext(recipe, out, tokenizer_of(recipe, out))
        made = {"pretrain": text_shards(context, "pretrain", recipe.pretrain.sources)}
        if "finetune" in recipe.stages:
            made["finetune"] = chat_shards(context, "finetune", recipe.finetune.sources)
    return {
        f"{stage}-{part}": {
            "documents": len(shard.offsets) - 1,
            "tokens": len(shard.tokens),
            "text_bytes": shard.text_bytes,
        }
        for stage, shards in made.items()
        for part, shard in zip(("train", "validation"), shards, strict=True)
    }


def tokenizer_of(recipe: Recipe, out: Path) -> ChatTokenizer:
    """Return the run's tokenizer, learning it from the recipe's records if it is not there."""
    path = out / "tokenizer.json"
    if path.is_file():
        return ChatTokenizer.load(path)
    if recipe.start is not None:
        tokenizer = ChatTokenizer.load(Path(recipe.start.path) / TOKENIZER_FILE)
    else:
        say("training the tokenizer")
        tokenizer = ChatTokenizer.train(_tokenizer_texts(recipe), recipe.tokenizer.vocab_size)
    temporary = path.with_suffix(".tmp")
    tokenizer.save(temporary)
    temporary.replace(path)
    return tokenizer


def _share(source: Source, megabytes: float) -> Source:
    """Return a part of a source, each record once."""
    return dataclasses.replace(source, max_mb=megabytes, repeat=1)


def _tokenizer_texts(recipe: Recipe) -> Iterator[str]:
    share = recipe.tokenizer.mb_per_source
    for source in recipe.pretrain.sources:
        for text in read_texts(recipe.root, _share(source, share)):
            yield text.text
    for source in recipe.finetune.sources if "finetune" in recipe.stages else ():
        for chat in read_chats(recipe.root, _share(source, share)):
            yield from (content for _, content in chat.messages)


def _shards(
    context: RunContext,
    stage: str,
    sources: Iterable[Source],
    read: Callable[[Path, Source], Iterable[Any]],
    tokenise: Callable[..., tuple[Shard, Shard]],
    change: Callable[[Any, int], Any] = lambda record, reading: record,
) -> tuple[Shard, Shard]:
    directories = [context.out / "shards" / f"{stage}-{part}" for part in ("train", "validation")]
    mark = context.tokenizer.fingerprint
    if context.world.leads and any(Shard.load(place, mark) is None for place in directories):
        records = _records(context.recipe, stage, sources, read, change)
        with progress(f"{stage}: tokenising", None, "B", shown=True) as bar:
            done = 0

            def advance(count: int) -> None:
                nonlocal done
                done += count
                bar.to(done)

            made = tokenise(records, context.tokenizer, context.recipe.validation_permille, advance)
        for shard, directory in zip(made, directories, strict=True):
            shard.save(directory, mark)
    context.world.wait()
    train, validation = (Shard.load(directory, mark) for directory in directories)
    assert train is not None
    assert validation is not None
    if len(validation.offsets) < 2:
        raise RecipeError(
            f"[{stage}]: no record fell into the validation split; raise data.validation_permille "
            f"above {context.recipe.validation_permille}, delete {context.out / 'shards'}, and "
            "run again"
        )
    return train, validation


def _records(
    recipe: Recipe,
    stage: str,
    sources: Iterable[Source],
    read: Callable[[Path, Source], Iterable[Any]],
    change: Callable[[Any, int], Any],
) -> Iterator[Any]:
    """Yield the records of every source as often as it says; documents only once if so asked.

    `change` is given each record and how often it was read before.
    """
    unique = Deduplicator(recipe.deduplicate)
    for source in sources:
        repeated: set[int] = set()
        for reading in range(source.repeat):
            for number, record in enumerate(read(recipe.root, source)):
                if reading == 0 and isinstance(record, TextRecord) and unique.is_repeat(record):
                    repeated.add(number)
                if number not in repeated:
                    yield change(record, reading)
    if unique.seen:
        say(
            f"{stage}: left out {unique.exact} copies and {unique.near} near copies "
            f"of {unique.seen} documents"
        )
