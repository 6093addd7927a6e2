"""Updates and abstention: statements are told one by one, then the person asks about themself.

An update is right when the newest value alone is answered and the older ones are history; the
reverse (back to the first value) too. Abstention is right when what was never told is not
answered; that only counts beside how often what was told is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatapp.conversations import ConversationStore
from chatapp.evaluation.estimates import estimate
from chatapp.evaluation.result import Metrics
from chatapp.evaluation.suite import present
from chatapp.memory import Profile
from chatapp.memory.questions import asks_about_person, facts_for


@dataclass(frozen=True)
class Topic:
    """One thing a person may tell: how it is said, asked, and asked about in the past."""

    says: tuple[str, ...]
    asks: str
    before: str
    values: tuple[str, ...]


_CITIES = ("Lisbon", "Nairobi", "Oslo", "Quito", "Hanoi", "Turin")
_FIRMS = ("Siemens", "Airbus", "Lidl", "Nokia", "Maersk", "Bosch")
TOPICS = (
    Topic(
        ("I live in {}.", "I moved to {}.", "We have moved to {}, by the way."),
        "Where do I live?",
        "Where did I live before?",
        _CITIES,
    ),
    Topic(
        ("I work at {}.", "I work for {} now.", "I've just joined {}."),
        "Where do I work?",
        "Where did I work before?",
        _FIRMS,
    ),
    Topic(
        ("My favourite colour is {}.", "{} is my favourite colour."),
        "What is my favourite colour?",
        "",
        ("teal", "red", "olive", "black", "pink", "gold"),
    ),
    Topic(
        ("My wife is called {}.", "My wife's name is {}."),
        "What is my wife's name?",
        "",
        ("Beatriz", "Ingrid", "Noor", "Amina", "Ruth", "Mei"),
    ),
    Topic(
        ("I drive a {}.", "My car is a {}."),
        "What car do I drive?",
        "",
        ("Honda Civic", "Fiat", "Volvo", "Tesla", "Dacia", "Mazda"),
    ),
    Topic(
        ("Call me {}.", "Please call me {}."),
        "What should you call me?",
        "",
        ("Max", "Bex", "Ziggy", "Kit", "Sam", "Jo"),
    ),
)
NEVER_TOLD = (
    "How old am I?",
    "When is my birthday?",
    "What is my name?",
    "Am I allergic to peanuts?",
    "Am I allergic to dust?",
    "What am I allergic to?",
    "What is my brother's name?",
    "Who is my boss?",
    "What is my dog called?",
    "What's my favourite book?",
    "What is my favourite food?",
    "Where did I work before?",
    "Where did I live before?",
    "What languages do I speak?",
    "Do I speak Dutch?",
    "What do I study?",
    "What am I learning?",
    "How many children do I have?",
    "Do I have any pets?",
    "What is my time zone?",
    "Where am I from?",
    "Where was I born?",
    "What is my diet?",
    "Am I vegan?",
    "What do I hate?",
    "Do I like olives?",
    "What am I working on?",
)
_TOLD = (
    "I live in Lisbon.",
    "I work at Siemens.",
    "My favourite colour is teal.",
    "My wife is called Noor.",
    "I drive a Honda Civic.",
    "I love jazz.",
)
_ASKED_OF_TOLD = (
    ("Where do I live?", "Lisbon"),
    ("which city do I live in", "Lisbon"),
    ("Who do I work for?", "Siemens"),
    ("what's my favorite colour?", "teal"),
    ("Who is my wife?", "Noor"),
    ("What car do I drive?", "Honda Civic"),
    ("What do I like?", "jazz"),
    ("Do I like jazz?", "jazz"),
)


def updates() -> Metrics:
    """Tell every topic's values in turn, forwards and back again, and ask after each."""
    forwards, backwards, history = [], [], []
    for topic in TOPICS:
        for first, second, third in _triples(topic.values):
            forwards.append(_right(topic, (first, second), second))
            backwards.append(_right(topic, (first, second, first), first))
            if topic.before:
                history.append(_right(topic, (first, second, third), second, before=True))
    return present(
        {
            "update": estimate(forwards),
            "reverse update": estimate(backwards),
            "history": estimate(history),
        }
    )


def abstention() -> Metrics:
    """Ask a person's profile for what was never told, and for what was."""
    with _told(_TOLD) as profile:
        kept_quiet = [float(not _answers(profile, question)) for question in NEVER_TOLD]
        answered = [
            float(_answers(profile, question)[:1] == [value]) for question, value in _ASKED_OF_TOLD
        ]
    return present({"abstention": estimate(kept_quiet), "answered when told": estimate(answered)})


def _triples(values: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for place in range(len(values) - 2):
        yield values[place], values[place + 1], values[place + 2]


def _right(topic: Topic, values: Sequence[str], wanted: str, *, before: bool = False) -> float:
    """Return 1.0 when the newest answer is the one wanted and, of what holds now, the only one."""
    said = [topic.says[place % len(topic.says)].format(value) for place, value in enumerate(values)]
    with _told(said) as profile:
        found = _answers(profile, topic.before if before else topic.asks)
    return float(found[:1] == [wanted] if before else found == [wanted])


def _answers(profile: Profile, question: str) -> list[str]:
    asked = asks_about_person(question)
    assert asked is not None, f"the benchmark asks what no rule reads: {question}"
    return [fact.value for fact in facts_for(profile, asked)]


class _told:
    """A profile that was told some things, each in a conversation of its own."""

    def __init__(self, said: Sequence[str]) -> None:
        self._store = ConversationStore.open(None)
        self._profile = Profile(self._store)
        for text in said:
            self._profile.learn(self._store.begin_turn(None, text).result().user)

    def __enter__(self) -> Profile:
        return self._profile

    def __exit__(self, *failure: object) -> None:
        self._store.close()
