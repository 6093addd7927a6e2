"""What a card is made of, whatever it is written as."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tile:
    """A figure that stands out, with its name and a word beside it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text; `align` has an "l" or an "r" for each column."""

    caption: str
    columns: tuple[str, ...]
    align: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Series:
    """A named curve: (step, value) in order of steps."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """Curves of one measure over steps, and perhaps a level to compare with."""

    title: str
    series: tuple[Series, ...]
    reference: tuple[str, float] | None = None


@dataclass(frozen=True)
class Section:
    """A heading with what belongs to it; `further` charts are shown folded."""

    title: str
    paragraphs: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    further: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    items: tuple[str, ...] = ()
    folded: tuple[tuple[str, str], ...] = ()  # heading and preformatted text


@dataclass(frozen=True)
class Card:
    """A whole report card."""

    title: str
    summary: str
    tiles: tuple[Tile, ...] = ()
    sections: tuple[Section, ...] = field(default=())


def figure(value: object) -> str:
    """Write a number for people: whole ones with commas, others with four significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value != value or abs(value) == float("inf"):
        return "not a number" if value != value else "infinite"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) < 0.001 or abs(value) >= 1e9:
        return f"{value:.3g}"
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Write a span of time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def count(value: float) -> str:
    """Write a large count with a unit: 12.5M."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.0f}"


def words(name: str) -> str:
    """Write a key of a file as words."""
    return name.replace("_", " ")
