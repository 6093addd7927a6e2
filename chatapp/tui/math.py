"""Formulas in LaTeX as one can read them in a terminal: `\\frac{a}{b} \\le x^2` is `a/b ≤ x²`.

What is not known stays as it was written, so nothing is lost. The thing to know: this only makes
text; it lays nothing out above or below a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

LONGEST = 2_000
"""Characters of a formula; what is longer is shown as it was written."""

DEEPEST = 12
"""So many groups within groups are taken apart."""

_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lamda mu nu xi omicron pi rho "
_GREEK += "sigma tau upsilon phi chi psi omega"

_SYMBOLS = {
    **{name: unicodedata.lookup(f"GREEK SMALL LETTER {name}") for name in _GREEK.split()},
    **{name.title(): unicodedata.lookup(f"GREEK CAPITAL LETTER {name}") for name in _GREEK.split()},
    "lambda": "λ", "Lambda": "Λ", "varepsilon": "ε", "varphi": "φ", "vartheta": "ϑ",
    "times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "ast": "∗", "circ": "∘",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈",
    "equiv": "≡", "sim": "∼", "propto": "∝", "ll": "≪", "gg": "≫",
    "to": "→", "rightarrow": "→", "leftarrow": "←", "Rightarrow": "⇒", "Leftarrow": "⇐",
    "leftrightarrow": "↔", "iff": "⇔", "implies": "⇒", "mapsto": "↦",
    "in": "∈", "notin": "∉", "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩",
    "emptyset": "∅", "setminus": "∖", "forall": "∀", "exists": "∃", "neg": "¬",
    "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨", "oplus": "⊕", "otimes": "⊗",
    "sum": "∑", "prod": "∏", "int": "∫", "oint": "∮", "partial": "∂", "nabla": "∇",
    "infty": "∞", "ldots": "…", "cdots": "⋯", "dots": "…", "prime": "′", "degree": "°",
    "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
    "mid": "|", "parallel": "∥", "perp": "⊥", "angle": "∠", "star": "⋆", "ell": "ℓ", "hbar": "ℏ",
    "quad": "  ", "qquad": "    ", "left": "", "right": "", "displaystyle": "",
    ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "{": "{", "}": "}", "%": "%", "$": "$",
    "&": "&", "#": "#", "_": "_", "|": "‖",
}  # fmt: skip

_FUNCTIONS = "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp lim max min "
_FUNCTIONS += "sup inf arg det dim gcd deg ker Pr mod"
_NAMES = frozenset(_FUNCTIONS.split())
_FONTS = "text mathrm mathbf mathit mathsf mathtt operatorname boldsymbol"
_AS_IS = frozenset(_FONTS.split())
_RAISED = dict(zip("0123456789+-=()nix", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣ", strict=True))
_LOWERED = dict(zip("0123456789+-=()aeinjkx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢₙⱼₖₓ", strict=True))
_SETS = dict(zip("NZQRCP", "ℕℤℚℝℂℙ", strict=True))

_TOKEN = re.compile(r"\\([A-Za-z]+|.)|\s+|.", re.DOTALL)


def readable(formula: str) -> str:
    """Return a formula with Unicode characters in the place of LaTeX commands."""
    if len(formula) > LONGEST:
        return formula
    tokens = [match[0] for match in _TOKEN.finditer(formula.strip())]
    return re.sub(r" {2,}", " ", _Reader(tokens).until_end()).strip()


class _Reader:
    """Reads tokens from left to right; a group is read by a call of its own."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def until_end(self, end: str = "") -> str:
        """Return what stands before the token `end`, or before the end of the formula."""
        parts: list[str] = []
        while self._at < len(self._tokens):
            token = self._next()
            if token == end:
                break
            parts.append(self._read(token))
        return "".join(parts)

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _read(self, token: str) -> str:
        if token == "{":
            return self._group()
        if token == "^":
            return _shifted(self._argument(), _RAISED, "^")
        if token == "_":
            return _shifted(self._argument(), _LOWERED, "_")
        if token.isspace():
            return " "
        return self._command(token) if token.startswith("\\") else token

    def _group(self) -> str:
        return self._deeper(lambda: self.until_end("}"), "{")

    def _deeper(self, read: Callable[[], str], too_deep: str) -> str:
        """Return what `read` reads one level down, or `too_deep` where there are enough levels."""
        if self._depth >= DEEPEST:
            return too_deep
        self._depth += 1
        inside = read()
        self._depth -= 1
        return inside

    def _argument(self) -> str:
        """Return the group or the single token that follows."""
        while self._at < len(self._tokens) and self._tokens[self._at].isspace():
            self._at += 1
        if self._at >= len(self._tokens):
            return ""
        token = self._next()
        return self._deeper(lambda: self._read(token), token)

    def _command(self, token: str) -> str:
        name = token[1:]
        if name in ("frac", "dfrac", "tfrac"):
            return f"{_joined(self._argument())}/{_joined(self._argument())}"
        if name == "sqrt":
            return f"√{_joined(self._argument())}"
        if name == "mathbb":
            return "".join(_SETS.get(letter, letter) for letter in self._argument())
        if name in _AS_IS:
            return self._argument()
        if name in _NAMES:
            return name
        if name == "\\":
            return "; "
        return _SYMBOLS.get(name, token)


def _shifted(text: str, letters: dict[str, str], mark: str) -> str:
    """Return `text` raised or lowered if all of it can be, else behind its mark."""
    if text and all(letter in letters for letter in text):
        return "".join(letters[letter] for letter in text)
    return mark + _joined(text)


def _joined(text: str) -> str:
    """Return `text`, in brackets where it would otherwise fall apart."""
    return text if len(text) <= 1 or text.isdigit() else f"({text})"
