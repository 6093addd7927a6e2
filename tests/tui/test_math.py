"""Formulas stay readable: neither eaten by Markdown nor left as a row of commands."""

from __future__ import annotations

import pytest

from chatapp.tui.math import LONGEST, readable
from chatapp.tui.widgets.answer_markdown import make_parser
from tests.fakes import FakeGenerator
from tests.tui.conftest import Chat, ask, ready, screen_text, until


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"x_1^2 + y_{ij}", "x₁² + yᵢⱼ"),
        (r"\frac{a}{b}", "a/b"),
        (r"\frac{a+1}{2n}", "(a+1)/(2n)"),
        (r"\sqrt{x + 1} \le \sqrt 2", "√(x + 1) ≤ √2"),
        (r"\sum_{i=1}^{n} i", "∑ᵢ₌₁ⁿ i"),
        (r"e^{i\pi} = -1", "e^(iπ) = -1"),
        (r"\Theta(n \log n)", "Θ(n log n)"),
        (r"\forall x \in \mathbb{R}: \text{if } x > 0", "∀ x ∈ ℝ: if x > 0"),
        (r"\left( \alpha \cdot \beta \right)", "( α · β )"),
        (r"\unknown{x}", r"\unknownx"),
        ("a_", "a_"),
        ("}{", "}"),
    ],
)
def test_a_formula_reads_as_it_would_be_said(latex: str, shown: str) -> None:
    """What is not known stays as it is."""
    assert readable(latex) == shown


@pytest.mark.parametrize("latex", ["{" * 1000, r"\frac" * 300, "^" * 900, "_{" * 500, "x" * 9000])
def test_a_formula_made_to_go_deep_ends(latex: str) -> None:
    """No recursion without end, and nothing of an overlong one is touched."""
    assert readable(latex) or len(latex) <= LONGEST


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("so $a_1 * b_1 * c$ holds", "so a₁ * b₁ * c holds"),
        (r"and \(x_1\) or \[y^2\]", "and x₁ or y²"),
        ("$$\na \\le b\n$$", "a ≤ b"),
        ("it costs $5 and $10", "it costs $5 and $10"),
        ("from $5 to 10$", "from 5 to 10"),
        ("`$x_1$` stays", "$x_1$ stays"),
    ],
)
def test_markdown_leaves_formulas_alone(source: str, text: str) -> None:
    """Underscores and stars of a formula are no emphasis; prices and code are no formulas."""
    (inline,) = (token for token in make_parser().parse(source) if token.type == "inline")
    assert "".join(child.content for child in inline.children or ()).strip() == text


async def test_an_answer_with_formulas_can_be_read(chat: Chat) -> None:
    """On the screen, beside a table and a list."""
    chat.generator = FakeGenerator(r"The cost is $T(n) = 2T(\frac{n}{2}) + n$, so $\Theta(n^2)$.")
    app = chat.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await ready(app)
        await ask(pilot, "hello")
        await until(lambda: "The cost is T(n) = 2T(n/2) + n, so Θ(n²)." in screen_text(app))
