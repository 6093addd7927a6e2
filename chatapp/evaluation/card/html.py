"""A card as one HTML page that needs nothing else: no network, no script, its style inside."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from itertools import count

from chatapp.evaluation.card.chart import svg
from chatapp.evaluation.card.document import Card, Chart, Section, Table, Tile


def html(card: Card) -> str:
    """Return the whole page."""
    style = files("chatapp.evaluation.card").joinpath("style.css").read_text(encoding="utf-8")
    numbers = count(1)
    body = [
        f"<header><h1>{escape(card.title)}</h1><p>{escape(card.summary)}</p></header>",
        _tiles(card.tiles),
        _contents(card),
        *(_section(section, place, numbers) for place, section in enumerate(card.sections, 1)),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(card.title)}</title><style>{style}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _tiles(tiles: tuple[Tile, ...]) -> str:
    if not tiles:
        return ""
    shown = "".join(
        f"<div><dt>{escape(tile.label)}</dt><dd>{escape(tile.value)}"
        f"<small>{escape(tile.note)}</small></dd></div>"
        for tile in tiles
    )
    return f'<dl class="tiles">{shown}</dl>'


def _contents(card: Card) -> str:
    links = "".join(
        f'<li><a href="#s{place}">{escape(section.title)}</a></li>'
        for place, section in enumerate(card.sections, 1)
    )
    return f'<nav aria-label="Sections"><ul>{links}</ul></nav>'


def _section(section: Section, place: int, numbers: Iterator[int]) -> str:
    parts = [f'<section id="s{place}"><h2>{escape(section.title)}</h2>']
    parts += [f"<p>{escape(paragraph)}</p>" for paragraph in section.paragraphs]
    parts.append(_charts(section.charts, numbers))
    if section.further:
        parts.append(
            f"<details><summary>{len(section.further)} further curves</summary>"
            f"{_charts(section.further, numbers)}</details>"
        )
    parts += [_table(table) for table in section.tables]
    if section.items:
        parts.append(f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in section.items)}</ul>")
    parts += [
        f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"
        for title, text in section.folded
    ]
    return "".join([*parts, "</section>"])


def _charts(charts: tuple[Chart, ...], numbers: Iterator[int]) -> str:
    if not charts:
        return ""
    figures = "".join(
        f"<figure><figcaption>{escape(chart.title)}{_legend(chart)}</figcaption>"
        f"{svg(chart, next(numbers))}</figure>"
        for chart in charts
    )
    return f'<div class="charts">{figures}</div>'


def _legend(chart: Chart) -> str:
    if len(chart.series) == 1:
        return ""
    keys = "".join(
        f'<span><i style="background:var(--series-{place % 4 + 1})"></i>{escape(series.label)}'
        "</span>"
        for place, series in enumerate(chart.series)
    )
    return f'<span class="legend">{keys}</span>'


def _table(table: Table) -> str:
    sides = ["number" if side == "r" else "text" for side in table.align]
    head = "".join(
        f'<th scope="col" class="{side}">{escape(column)}</th>'
        for side, column in zip(sides, table.columns, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="{side}">{escape(cell)}</td>' for side, cell in zip(sides, row, strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return (
        f'<div class="scroll" tabindex="0"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
