"""A card as Markdown: the same words and tables, and each curve as a row with a sparkline."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chatapp.evaluation.card.document import Card, Chart, Section, Table, figure

_BARS = "▁▂▃▄▅▆▇█"
_SPARK = 24  # characters of a sparkline


def markdown(card: Card) -> str:
    """Return the whole page."""
    parts = [f"# {card.title}", card.summary]
    if card.tiles:
        parts.append(
            "\n".join(
                f"- **{tile.label}**: {tile.value}" + (f" ({tile.note})" if tile.note else "")
                for tile in card.tiles
            )
        )
    for section in card.sections:
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> list[str]:
    parts = [f"## {section.title}", *section.paragraphs]
    charts = (*section.charts, *section.further)
    if charts:
        parts.append(table(_curves(charts)))
    parts += [table(each) for each in section.tables]
    if section.items:
        parts.append("\n".join(f"- {item}" for item in section.items))
    parts += [f"### {title}\n\n```\n{text}\n```" for title, text in section.folded]
    return parts


def table(content: Table) -> str:
    """Return a table with its caption above it."""
    rule = ["---:" if side == "r" else "---" for side in content.align]
    rows = [content.columns, tuple(rule), *content.rows]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    caption = f"**{content.caption}**\n\n" if content.caption else ""
    return caption + "\n".join(lines)


def _curves(charts: Sequence[Chart]) -> Table:
    rows = []
    for chart in charts:
        for series in chart.series:
            values = [value for _, value in series.points if math.isfinite(value)]
            name = chart.title if len(chart.series) == 1 else f"{chart.title}, {series.label}"
            if values:
                ends = (figure(values[0]), figure(min(values)), figure(max(values)))
                rows.append((name, sparkline(values), *ends, figure(values[-1])))
    columns = ("measure", "curve", "first", "lowest", "highest", "last")
    return Table("", columns, "llrrrr", tuple(rows))


def sparkline(values: Sequence[float]) -> str:
    """Draw values as a row of bars, each the mean of its share of them."""
    size = max(1, math.ceil(len(values) / _SPARK))
    means = [
        math.fsum(values[at : at + size]) / len(values[at : at + size])
        for at in range(0, len(values), size)
    ]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)
