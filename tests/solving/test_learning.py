"""Learning to solve: a small network learns a kind of problem and solves it with other numbers."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from chatapp.solving import files
from chatapp.solving.lessons import (
    Worked,
    exchanged,
    held_out,
    lesson,
    lessons,
    load,
    others,
)
from chatapp.solving.network import Said, SolverNetwork, SolverShape
from chatapp.solving.problems import collate, read
from chatapp.solving.programs import OPERANDS, answers_like, taught
from chatapp.solving.quantities import quantities
from chatapp.solving.solver import Solver, load_solver
from chatapp.solving.train import loss
from retrieval.errors import ReaderDamaged
from retrieval.reading.encoder import Shape

NAMES = ("Ann", "Bob", "Eve", "Kim")
WORDS = (
    "[PAD]",
    "[UNK]",
    *NAMES,
    *["has", "apples", "gets", "more", "eats", "how", "many", "are", "left", "now"],
    *["?", ".", "and", "of", "the"],
)
SMALL = SolverShape(Shape(pieces=64, width=48, heads=4, inner=96, layers=1, longest=64), layers=1)


def tokenizer() -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return made


def problem(name: str, has: int, changes: int, *, more: bool) -> Worked:
    verb, sign = ("gets", "+") if more else ("eats", "-")
    text = f"{name} has {has} apples and {verb} {changes}. How many now?"
    outcome = has + changes if more else has - changes
    steps = taught([(f"{has}{sign}{changes}", str(outcome))], quantities(text))
    return Worked(text, str(outcome), tuple(steps), "test")


def test_it_learns_and_solves_with_other_numbers() -> None:
    """Which operation, and which number comes first, are read from the words; idle talk is left."""
    torch.manual_seed(0)
    order = random.Random(0)
    network = SolverNetwork(SMALL, dropout=0.0)
    idle = Worked("Bob and Ann are left of the 3 and 7 apples", "", (), "others")
    known = [
        idle,
        *(
            problem(
                order.choice(NAMES), order.randint(40, 99), order.randint(11, 39), more=n % 2 > 0
            )
            for n in range(31)
        ),
    ]
    source = lessons(known, tokenizer(), 16, order)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(120):
        made = loss(network.train(), next(source), "cpu")
        optimiser.zero_grad()
        made.backward()
        optimiser.step()
    solver = Solver(network.eval(), tokenizer(), "small")
    for more in (True, False):
        new = problem("Kim", 731, 316, more=more)
        solution = solver.solve(new.text)
        assert solution is not None
        assert answers_like(solution.answer, new.answer)
        assert solution.probability > 0.8
        assert solution.lines == ((f"731 {'+' if more else '−'} 316 = {new.answer}"),)
    nothing = solver.solve(idle.text)
    assert nothing is None or nothing.probability < 0.5
    assert solver.solve("Ann has 3 apples") is None


def test_later_choices_do_not_change_earlier_ones() -> None:
    """And padding changes nothing, nor can a number be chosen that is not there."""
    torch.manual_seed(1)
    network = SolverNetwork(SMALL).eval()
    read_ = [
        read(text, tokenizer())
        for text in ("Ann has 3 apples and 4 more", "Bob eats 2 of 9 apples and gets 8 more . now")
    ]
    said = Said(*torch.tensor([[[1, 3], [2, 4]], [[0, 1], [1, 2]], [[1, 0], [0, 1]]]))
    other = Said(*(part.clone() for part in said))
    other.operations[:, 1] = 4
    with torch.inference_mode():
        first, second = network(collate(read_), said), network(collate(read_), other)
        alone = network(collate(read_[:1]), Said(*(part[:1] for part in said)))
    assert torch.equal(first.operations[:, :2], second.operations[:, :2])
    assert torch.equal(first.lefts[:, :1].softmax(2), second.lefts[:, :1].softmax(2))
    assert torch.allclose(first.operations[0], alone.operations[0], atol=1e-5)
    assert first.lefts.shape == (2, 2, OPERANDS)
    assert float(first.lefts[0, 0].softmax(0)[2]) == 0  # it has two numbers
    assert float(first.lefts[0, 0].softmax(0)[-1]) == 0  # and no result yet


def test_a_lesson_marks_every_place_that_is_right() -> None:
    """Of a number that stands twice in the text, both places count."""
    worked = problem("Ann", 5, 5, more=True)
    made = lesson([read(worked.text, tokenizer())], [worked.program], random.Random(0))
    assert made.lefts[0, 0].nonzero().flatten().tolist() == [0, 1]
    assert made.operations.tolist() == [[1, 0]]
    assert made.said.lefts[0, 0] in (0, 1)


def test_exchanged_numbers_leave_what_everybody_knows() -> None:
    """Equal numbers change alike, to as many digits; 60, percentages and words stay."""
    text = "He runs 47 of 47 laps in 60 minutes, 25% slower than the two who paid $1,300 for 8500."
    for seed in range(20):
        new = exchanged(Worked(text, "", (), ""), random.Random(seed))
        old, found = quantities(text), quantities(new)
        assert len(found) == len(old)
        assert found[0].value == found[1].value
        assert 11 <= found[0].value <= 99
        assert [q.value for q in found[2:6]] == [60, 25, 2, 1300]
        assert 1000 < found[6].value < 10_000
        assert found[6].value % 100 == 0
    assert any(
        exchanged(Worked(text, "", (), ""), random.Random(seed)) != text for seed in range(5)
    )


def test_what_may_come_from_elsewhere_is_not_exchanged() -> None:
    """A 2 that is "half" as well, or a number that was worked out, would be taught wrongly."""
    text = "2 pounds cost 10, half of 17. 12 of 5 are left."
    steps = taught([("10/2", "5"), ("5+17", "22")], quantities(text))
    for seed in range(20):
        other = exchanged(Worked(text, "", tuple(steps), ""), random.Random(seed))
        new = [quantity.value for quantity in quantities(other)]
        assert [new[place] for place in (0, 2, 4, 5)] == [
            Fraction(value) for value in (2, 2, 12, 5)
        ]
        assert other != text


def test_records_are_read_and_those_without_a_trace_left_out(tmp_path: Path) -> None:
    """Texts of other kinds come from questions and from what people say."""
    file = tmp_path / "problems.jsonl"
    good = {"question": "5 and 6?", "solution": "<<5+6=11>>\n#### 11", "answer": "11"}
    bad = {"question": "5 and 6?", "solution": "<<5+17=22>>\n#### 22", "answer": "22"}
    other = {**good, "answer": "12"}  # the marked steps stop before the answer
    file.write_text("".join(json.dumps(record) + "\n" for record in (good, bad, other)))
    assert [worked.answer for worked in load([file])] == ["11"]
    talk = tmp_path / "talk.jsonl"
    said = [
        {"role": "user", "content": "we are 2 adults and 3 kids"},
        {"role": "assistant", "content": "1 2"},
    ]
    asked = {"question": "Who won in 1919 and 1920?"}
    talk.write_text(
        "".join(
            json.dumps(record) + "\n"
            for record in ({"messages": said}, asked, {"question": "Who?"})
        )
    )
    assert [worked.text for worked in others([talk], 2)] == [said[0]["content"], asked["question"]]


def test_one_in_twenty_is_held_out() -> None:
    """By the text alone."""
    kept = [held_out(Worked(f"problem {number}", "", (), "")) for number in range(2_000)]
    assert 60 < sum(kept) < 140


def test_files_are_written_and_checked(tmp_path: Path) -> None:
    """The same network comes back, to int8; a flipped byte is found."""
    source = tmp_path / "source"
    source.mkdir()
    tokenizer().save(str(source / files.TOKENIZER_NAME))
    torch.manual_seed(2)
    network = SolverNetwork(SMALL)
    files.save(network, source, tmp_path / "solver")
    loaded, _, name = files.load(tmp_path / "solver")
    assert name.startswith("solver-")
    for (key, one), other in zip(
        network.state_dict().items(), loaded.state_dict().values(), strict=True
    ):
        assert torch.allclose(one, other, atol=0.02), key
    weights = tmp_path / "solver" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ReaderDamaged, match="solver"):
        load_solver(tmp_path / "solver")


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        (Fraction(10, 3), "3.33", True),
        (Fraction(10, 3), "3", False),
        (Fraction(1250), "1,250", True),
        (Fraction(5), "$5.00", True),
        (Fraction(5), "five", False),
        (Fraction(100), "1E+2", True),
    ],
)
def test_answers_are_compared_as_they_are_written(answer: Fraction, gold: str, right: bool) -> None:
    """To the last decimal that the right answer has."""
    assert answers_like(answer, gold) is right
