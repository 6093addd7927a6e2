"""What the reader learns from: questions made of raw text, and no record that measures."""

from __future__ import annotations

import itertools
import json
import math
import random
from pathlib import Path

import pytest
import torch

from retrieval.reading.network import Judged, ReaderNetwork
from retrieval.reading.train.cloze.maker import Maker
from retrieval.reading.train.corpus import build, measured_titles, records
from retrieval.reading.train.examples import Batch, Example, make_batch
from retrieval.reading.train.judged import (
    JUDGED,
    Found,
    JudgedSearch,
    Searches,
    divided,
    kept_back,
    load_judged,
)
from retrieval.reading.train.labels import (
    NOTES,
    TWINS,
    TYPED,
    Asked,
    Paired,
    held_out,
    load,
    names_its_subject,
)
from retrieval.reading.train.loop import Stage, batches, learn, loss_of, read_loss
from retrieval.reading.train.mining import found_example
from retrieval.reading.train.unanswerable import turned
from retrieval.reading.train.vectors import choose_vocabulary, train_vectors
from retrieval.reading.words import Vocabulary
from retrieval.splits import part_of
from tests.retrieval.reading.conftest import PIECES, SHAPE


def made(data: Path, count: int) -> tuple[list[Example], ReaderNetwork]:
    """Return examples of the small corpus, and an untrained network that can read them."""
    corpus = build(sorted((data / "knowledge").glob("*.jsonl")), set())
    vocabulary = choose_vocabulary(corpus, 60, PIECES)
    table = train_vectors(corpus, vocabulary, 8)
    examples = list(itertools.islice(Maker(corpus, vocabulary, table).examples(1), count))
    torch.manual_seed(1)
    return examples, ReaderNetwork(SHAPE)


def test_questions_from_raw_text_are_answered_by_their_passage(data: Path) -> None:
    """A span lies in the passage and not in its title; some questions have no answer there."""
    examples, _ = made(data, 300)
    answered = [example for example in examples if example.spans]
    assert answered
    assert any(example.reads and not example.spans for example in examples)
    assert any(not example.reads for example in examples)  # statements
    for example in answered:
        for first, last in example.spans:
            assert 0 <= first <= last < len(example.passage.keys)
            assert set(example.passage.sides[first : last + 1]) == {2}


def test_the_same_seed_makes_the_same_questions(data: Path) -> None:
    """A training can be repeated."""
    keys = [[e.question.keys.tolist() for e in made(data, 20)[0]] for _ in range(2)]
    assert keys[0] == keys[1]


def test_learning_lowers_the_loss(data: Path, tmp_path: Path) -> None:
    """A network that reads the same few questions again and again gets better at them."""
    examples, network = made(data, 64)
    source = batches(itertools.cycle(examples), 8, random.Random(0))
    batch = next(batches(iter(examples), 64, random.Random(0)))

    def loss(reads: ReaderNetwork) -> float:
        with torch.no_grad():
            return float(loss_of(reads(batch.question, batch.passage, batch.kind), batch))

    before = loss(network.eval())
    stage = Stage(steps=40, rate=3e-3, warmup=5, batch=8, encoder=1.0)
    assert loss(learn(network, source, stage, tmp_path / "weights", read_loss)) < before


def _question(part: str) -> str:
    """Return a question that falls into a part by its own words."""
    numbered = (f"Copied {number}?" for number in itertools.count())
    return next(text for text in numbered if part_of(text) == part)


def test_nothing_that_measures_is_learnt_from(tmp_path: Path) -> None:
    """Neither a measuring question, nor its paragraph under another name, nor its article."""
    titles = [f"Article {number}" for number in range(40)]
    contexts = {
        title: " ".join(f"w{place}of{title[8:]}" for place in range(15)) for title in titles
    }
    records = [
        {"question": f"Who built {title}?", "answers": ["w1"], "title": title}
        | {"context": contexts[title], "unanswerable": False}
        for title in titles
    ]
    copies = [{**record, "title": "", "question": _question("learn")} for record in records]
    (tmp_path / "qa").mkdir()
    for name, lines in (("first", records), ("second", copies)):
        text = "\n".join(json.dumps(line) for line in lines)
        (tmp_path / "qa" / f"{name}.jsonl").write_text(text + "\n")
    measuring = {
        title for title in titles if part_of("", title=title, context=contexts[title]) == "measure"
    }
    assert 0 < len(measuring) < len(titles)
    assert measured_titles(tmp_path) == {title.casefold() for title in measuring}
    learnt = load(tmp_path, ["first"])
    assert {asked.title for asked in learnt} == set(titles) - measuring
    elsewhere = tmp_path / "written.v2.jsonl"
    elsewhere.write_bytes((tmp_path / "qa" / "second.jsonl").read_bytes())
    more = load(tmp_path, ["first"], more=[elsewhere])
    assert {asked.source for asked in more} == {"first", "written.v2"}
    assert {asked.context for asked in more} == {asked.context for asked in learnt}
    copied = {asked.context for asked in load(tmp_path, ["first", "second"])}
    assert copied == {contexts[title] for title in titles if title not in measuring}


def test_twins_stay_together() -> None:
    """A paragraph whose words were changed is held out with the one that it was made of."""
    for count, name in enumerate("abcdefghijkl"):
        one = Asked("Who?", ("Ann",), "Ann did.", f"{name} {count}", "twins")
        assert held_out(one) == held_out(one._replace(context="Ann did not.", answers=()))
        assert not names_its_subject(one)


def test_twins_are_read_one_after_the_other(vocabulary: Vocabulary) -> None:
    """In whatever order the pairs come: the answered question, then the one that is not."""
    answered = [Asked(f"Who wrote the book {n}?", ("orn",), "orn was", "", "twins") for n in "abc"]
    questions = [twin for one in answered for twin in (one, one._replace(answers=()))]
    read = list(Paired(vocabulary, questions).epoch(random.Random(0)))
    assert len(read) == len(questions)
    assert [bool(example.spans) for example in read] == [True, False] * len(answered)
    for first, second in zip(read[::2], read[1::2], strict=True):
        assert first.question.keys.tolist() == second.question.keys.tolist()


@pytest.mark.skipif(not TWINS.exists(), reason="in a checkout only")
@pytest.mark.parametrize("file", [TWINS, NOTES], ids=lambda file: file.name)
def test_every_twin_has_its_sibling(file: Path) -> None:
    """Half of the records are not answered, and what answers the others stands in the text."""
    questions = list(records(file))
    answered = [one for one in questions if one["answers"]]
    assert 0.49 < len(answered) / len(questions) < 0.51
    assert all(answer in one["context"] for one in answered for answer in one["answers"])


@pytest.mark.skipif(not TYPED.exists(), reason="in a checkout only")
def test_typed_questions_are_answered_and_none_is_of_an_article_that_measures() -> None:
    """Every answer stands in its passage."""
    for one in records(TYPED):
        assert one["answers"]
        assert all(answer in one["context"] for answer in one["answers"])
        assert part_of("", title=one["title"], context=one["context"]) == "learn"


def test_a_turned_question_differs_in_one_thing_from_the_one_that_is_answered() -> None:
    """Another name or number of the paragraph, or an opposite; the answer is never put in."""
    context = (
        "The largest bridge, built by Anna Berg in 1889, stands near Halm; Otto Lund left 1894."
    )
    question = "Who built the largest bridge near Halm in 1889?"
    found = {turned(question, context, ("Anna Berg",), random.Random(n)) for n in range(40)}
    assert "Who built the smallest bridge near Halm in 1889?" in found
    assert "Who built the largest bridge near Halm in 1894?" in found
    assert question not in found
    assert not any("Anna" in (one or "") for one in found)
    assert turned("Why?", context, (), random.Random(1)) is None


def test_of_a_judged_search_right_and_wrong_passages_are_read(vocabulary: Vocabulary) -> None:
    """A passage that answers has its span, one that does not has none, and relevance says which."""
    right = Found("orn", "The orn was the book of Ann.", "Ann")
    wrong = [Found("orn", f"The book {n} was read by Ann.", "") for n in "abc"]
    one = JudgedSearch("Who wrote the book?", ("Ann",), (right, *wrong))
    none = JudgedSearch("Where was the book?", ("Rome",), (wrong[0], wrong[1]))
    read = list(itertools.islice(Searches(vocabulary, [one, none]).endless(random.Random(0)), 42))
    assert sum(bool(example.spans) for example in read) == 7
    sizes = [len(list(group)) for _, group in itertools.groupby(read, lambda each: each.search)]
    assert sorted(sizes) == [2] * 7 + [4] * 7
    for example in read:
        assert example.relevance == float(bool(example.spans))
        for first, last in example.spans:
            assert first == last  # one word
            assert set(example.passage.sides[first : last + 1]) == {2}


def test_passages_of_a_search_are_told_apart_by_one_softmax(vocabulary: Vocabulary) -> None:
    """A wrong span costs more where it outdoes the right one of another passage of its search."""
    right = found_example(vocabulary, "Who wrote the book?", "orn", "Ann wrote the book.", ["Ann"])
    wrong = found_example(vocabulary, "Who wrote the book?", "orn", "Ben read the book.", [])
    apart = make_batch([right, wrong])
    together = make_batch([right._replace(search=1), wrong._replace(search=1)])
    nothing = make_batch([wrong._replace(search=1), wrong._replace(search=1)])
    *_, length, longest = together.spans.shape

    def loss(batch: Batch, of_wrong: float) -> float:
        spans = torch.full((2, length, longest), -50.0)
        spans[0][together.spans[0]] = 1.0  # over "no answer", as much as a wrong one
        spans[1, 0, 0] = of_wrong
        null = torch.zeros(2)
        return float(loss_of(Judged(spans, null, null, null), batch))

    def added(batch: Batch, of_wrong: float) -> float:
        alone = batch._replace(search=torch.zeros_like(batch.search))
        return loss(batch, of_wrong) - loss(alone, of_wrong)

    e = math.e
    assert added(apart, 1.0) == 0
    assert added(together, 1.0) == pytest.approx(0.5 * math.log((2 * e + 1) / e), abs=1e-5)
    assert added(together, -50.0) == pytest.approx(0.5 * math.log((e + 1) / e), abs=1e-5)
    assert added(nothing, -50.0) == pytest.approx(0.5 * math.log(e + 1), abs=1e-5)


def test_a_search_stays_in_one_batch(vocabulary: Vocabulary) -> None:
    """Long and short passages of a search stand side by side, whatever else is in the pool."""

    def found(search: int, words: int) -> Example:
        example = found_example(vocabulary, "Who wrote it?", "orn", "the book " * words, [])
        return example._replace(search=search)

    pool = [found(search, words) for search in (0, 1, 2) for words in (9, 1, 6, 3)]
    random.Random(1).shuffle(pool)
    made = list(batches(iter(pool), 4, random.Random(0)))
    assert sorted(batch.search.tolist() for batch in made) == [[0] * 4, [1] * 4, [2] * 4]


@pytest.mark.skipif(not JUDGED.exists(), reason="in a checkout only")
def test_every_judged_answer_stands_in_its_passage() -> None:
    """Of the questions some are held out, with their passages; most have one that answers.

    The same question is asked once.
    """
    searches = load_judged(JUDGED)
    assert len({one.question.casefold() for one in searches}) == len(searches) > 1_000
    assert 0.15 < sum(map(kept_back, searches)) / len(searches) < 0.25
    assert all(found.answer in found.text for one in searches for found in one.found)
    learnt, kept = divided(searches)
    texts = [{found.text for one in part for found in one.found} for part in (learnt, kept)]
    assert len(learnt) + len(kept) == len(searches)
    assert not texts[0] & texts[1]
    answered = [one for one in searches if any(found.answer for found in one.found)]
    assert 0.6 < len(answered) / len(searches) < 1
