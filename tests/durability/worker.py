"""One window of a person who does everything at once, until it is killed.

`worker.py FILE JOURNAL NAME SEED` opens the conversation file and goes on for ever: it asks,
streams, stops, edits, asks again, renames, tags, forks, deletes and restores in conversations of
its own, and all workers ask in one conversation that they share.
"""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chatapp.conversations import ConversationStore, Outcome, StorageError
from chatapp.memory import Profile
from chatapp.memory.forgetting import forget
from tests.durability.journal import Journal

SHARED = "Everybody"
WORDS = ("river", "stone", "lantern", "quiet", "harbour", "north", "copper", "willow")


@dataclass
class Own:
    """A conversation of this worker, and its finished answers."""

    id: str
    answers: list[str] = field(default_factory=list)
    deleted: bool = False


class Worker:
    """Draws one action after the other; each is journalled before and after."""

    def __init__(self, store: ConversationStore, journal: Journal, name: str, seed: int) -> None:
        self.store, self.journal, self.name = store, journal, name
        self.random = random.Random(seed)
        self.numbers = itertools.count()
        self.seed = seed
        self.own: list[Own] = []

    def run(self) -> None:
        """Act until killed."""
        self.start()
        actions = (
            *(self.ask,) * 4,
            *(self.edit, self.regenerate, self.rename, self.tag, self.fork, self.start),
            *(self.delete, self.restore, self.delete_message, self.share, self.draft, self.purge),
            *(self.remember_and_forget,),
        )
        while True:
            self.random.choice(actions)()

    def text(self) -> str:
        """Return words that no other call of any worker returns."""
        words = " ".join(self.random.choices(WORDS, k=6))
        return f"{self.name}-{self.seed}-{next(self.numbers)} {words}"

    def pick(self, *, deleted: bool = False) -> Own | None:
        """Return one of the own conversations that are, or are not, deleted."""
        fitting = [own for own in self.own if own.deleted == deleted]
        return self.random.choice(fitting) if fitting else None

    def write(self, key: str, value: object, action: Callable[[], object]) -> None:
        """Journal, do, journal."""
        self.journal.tried(key, value)
        action()
        self.journal.done(key, value)

    def start(self) -> None:
        made = self.store.create(self.text())
        self.journal.done(f"title:{made.id}", made.title)
        self.own.append(Own(made.id))

    def ask(self, parent: str | None = None) -> None:
        if (own := self.pick()) is not None:
            self.converse(own, parent)

    def converse(self, own: Own, parent: str | None) -> None:
        answer = self.put(own.id, self.text(), parent)
        own.answers.append(answer)
        self.stream(own.id, answer)

    def put(self, conversation: str, question: str, parent: str | None = None) -> str:
        """Write a question; return the id of its empty answer."""
        key = f"asked:{conversation}:{question}"
        self.journal.tried(key, True)
        started = self.store.begin_turn(conversation, question, parent).result()
        self.journal.done(key, True)
        self.journal.done(f"text:{conversation}:{started.assistant.id}", "")
        return started.assistant.id

    def stream(self, conversation: str, answer: str, said: str = "") -> None:
        """Write an answer in pieces; now and then it is stopped by the person."""
        key = f"text:{conversation}:{answer}"
        for _ in range(self.random.randint(1, 6)):
            said += f"{self.text()} "
            self.write(key, said, lambda text=said: self.store.save_text(answer, text).result())
        if self.store.message(answer).status != "streaming":
            self.journal.done("fault", f"the living answer {answer} was declared dead")
        stopped = self.random.random() < 0.2
        outcome = Outcome(said, *(("interrupted",) * 2 if stopped else ("complete", "stop")))
        key = f"status:{conversation}:{answer}"
        self.write(key, outcome.status, lambda: self.store.finish(answer, outcome).result())

    def edit(self) -> None:
        """Ask something else in the place of an earlier question."""
        own = self.pick()
        if own is not None and own.answers:
            question = self.store.path_to(self.random.choice(own.answers))[-2]
            self.converse(own, question.parent_id or "")

    def regenerate(self) -> None:
        own = self.pick()
        if own is not None and own.answers:
            question = self.store.path_to(self.random.choice(own.answers))[-2]
            again = self.store.begin_answer(question.id).result()
            self.journal.done(f"text:{own.id}:{again.id}", "")
            own.answers.append(again.id)
            self.stream(own.id, again.id)

    def rename(self) -> None:
        if (own := self.pick()) is not None:
            title = self.text()
            self.write(f"title:{own.id}", title, lambda: self.store.rename(own.id, title))

    def tag(self) -> None:
        if (own := self.pick()) is not None:
            name = f"tag{self.random.randint(0, 9)}"
            self.write(f"tag:{own.id}:{name}", True, lambda: self.store.tag(own.id, name))

    def fork(self) -> None:
        own = self.pick()
        if own is not None and own.answers:
            made = self.store.fork(self.random.choice(own.answers))
            self.journal.done(f"title:{made.id}", made.title)

    def delete(self) -> None:
        if (own := self.pick()) is not None:
            self.write(f"deleted:{own.id}", True, lambda: self.store.delete(own.id))
            own.deleted = True

    def restore(self) -> None:
        if (own := self.pick(deleted=True)) is not None:
            self.write(f"deleted:{own.id}", False, lambda: self.store.restore(own.id))
            own.deleted = False

    def delete_message(self) -> None:
        own = self.pick()
        if own is not None and own.answers:
            answer = own.answers[-1]
            self.store.delete_message(answer)
            self.store.restore_message(answer)

    def purge(self) -> None:
        """Delete for good: nothing of it may come back."""
        if len(self.own) > 3 and (own := self.pick(deleted=True)) is not None:
            self.write(f"purged:{own.id}", True, lambda: self.store.purge(own.id))
            self.own.remove(own)

    def draft(self) -> None:
        if (own := self.pick()) is not None:
            text = self.text()
            self.write(f"draft:{own.id}", text, lambda: self.store.save_draft(own.id, text))

    def share(self) -> None:
        """Ask where everybody asks; another window may be writing there just now."""
        [shared] = [c for c in self.store.conversations(limit=1000) if c.title == SHARED]
        try:
            answer = self.put(shared.id, self.text())
        except StorageError as error:
            if "another window" not in error.message:
                raise
        else:
            self.stream(shared.id, answer)

    def remember_and_forget(self) -> None:
        value = f"{self.name}x{self.seed}x{next(self.numbers)}z"  # no other one begins with it
        fact = Profile(self.store).remember(f"The parcel has number {value}.").fact
        assert fact is not None
        self.journal.done(f"fact:{fact.id}", value)
        if self.random.random() < 0.3:
            self.write(f"fact:{fact.id}", None, lambda: forget(self.store, fact.id))
            self.journal.done(f"forgotten:{value}", True)


def main(file: str, journal: str, name: str, seed: str) -> None:
    """Open the file as a window does, and act until killed."""
    store = ConversationStore.open(Path(file), busy_seconds=60)
    print("open", flush=True)
    Worker(store, Journal(Path(journal)), name, int(seed)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
