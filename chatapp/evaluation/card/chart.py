"""One chart as inline SVG: thin lines, a quiet grid, and the last value at the end of its line.

Colours are CSS variables of the page (`--series-1`…, `--grid`, `--muted`), so that light, dark and
print each have their own. A long noisy curve is drawn faint, and its running mean over it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from chatapp.evaluation.card.document import Chart, Series, figure

WIDTH, HEIGHT = 380, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 76, 12, 26
_MOST_POINTS = 400  # a curve is thinned to this many
_NOISY = 60  # from so many points on, a running mean is drawn over the curve

Points = Sequence[tuple[float, float]]


def svg(chart: Chart, number: int) -> str:
    """Return the chart as an <svg> element; `number` makes its ids unique on the page."""
    drawn = [Series(s.label, _finite(s.points)) for s in chart.series]
    drawn = [series for series in drawn if series.points]
    if not drawn:
        return f'<p class="empty">{escape(chart.title)}: no finite value was recorded.</p>'
    scale = _Scale(drawn, chart.reference)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="c{number}t c{number}d">',
        f'<title id="c{number}t">{escape(chart.title)}</title>',
        f'<desc id="c{number}d">{escape(described(chart))}</desc>',
        *_grid(scale),
    ]
    if chart.reference:
        parts += _reference(chart.reference, scale)
    for place, series in enumerate(drawn):
        parts += _curve(series, scale, place)
    parts += _ends(drawn, chart.reference, scale)
    return "".join([*parts, "</svg>"])


def described(chart: Chart) -> str:
    """Say in words what the chart shows."""
    sentences = []
    for series in chart.series:
        points = _finite(series.points)
        if points:
            sentences.append(
                f"{series.label}: from {figure(points[0][1])} at step {figure(points[0][0])} to "
                f"{figure(points[-1][1])} at step {figure(points[-1][0])}."
            )
    if chart.reference:
        sentences.append(f"{chart.reference[0]}: {figure(chart.reference[1])}.")
    return " ".join(sentences)


def _finite(points: Points) -> tuple[tuple[float, float], ...]:
    return tuple((x, y) for x, y in points if math.isfinite(y))


class _Scale:
    """Where data stand on the page."""

    def __init__(self, series: Sequence[Series], reference: tuple[str, float] | None) -> None:
        xs = [x for each in series for x, _ in each.points]
        ys = [y for each in series for _, y in each.points]
        if reference:
            ys.append(reference[1])
        self.x_low, self.x_high = min(xs), max(xs)
        low, high = _trimmed(sorted(ys))
        margin = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        self.y_ticks = ticks(low - margin, high + margin, 4)
        self.y_low, self.y_high = min(low - margin, self.y_ticks[0]), high + margin
        steps = ticks(self.x_low, self.x_high, 4)
        self.x_ticks = [step for step in steps if step == int(step)]

    def x(self, value: float) -> float:
        span = (self.x_high - self.x_low) or 1.0
        return _LEFT + (value - self.x_low) / span * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        inside = min(max(value, self.y_low), self.y_high)
        share = (inside - self.y_low) / (self.y_high - self.y_low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _trimmed(ordered: Sequence[float]) -> tuple[float, float]:
    """Return the range, without the outermost hundredth where there are points enough."""
    cut = len(ordered) // 100 if len(ordered) > 200 else 0
    return ordered[cut], ordered[len(ordered) - 1 - cut]


def ticks(low: float, high: float, wanted: int) -> list[float]:
    """Return round numbers inside a range, about `wanted` of them, at least one."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough)
    first = math.ceil(low / step)
    found = [round(n * step, 12) for n in range(first, math.floor(high / step) + 1)]
    return found or [low]


def _grid(scale: _Scale) -> list[str]:
    parts = []
    for tick in scale.y_ticks:
        y = scale.y(tick)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
            f"{figure(tick)}</text>"
        )
    base = HEIGHT - _BOTTOM + 16
    parts.append(f'<text class="tick" x="{WIDTH - _RIGHT + 18}" y="{base}">step</text>')
    for tick in scale.x_ticks:
        parts.append(
            f'<text class="tick" x="{scale.x(tick):.1f}" y="{base}" text-anchor="middle">'
            f"{figure(tick)}</text>"
        )
    return parts


def _reference(reference: tuple[str, float], scale: _Scale) -> list[str]:
    y = scale.y(reference[1])
    return [
        f'<line class="reference" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    ]


def _curve(series: Series, scale: _Scale, place: int) -> list[str]:
    style = f"stroke:var(--series-{place % 4 + 1})"
    noisy = len(series.points) > _NOISY
    parts = []
    if noisy:
        parts.append(f'<path class="raw" style="{style}" d="{_path(series.points, scale)}"/>')
    shown = running_mean(series.points) if noisy else series.points
    parts.append(f'<path class="line" style="{style}" d="{_path(shown, scale)}"/>')
    if len(series.points) <= 16:
        parts += [
            f'<circle class="dot" style="fill:var(--series-{place % 4 + 1})" cx="{scale.x(x):.1f}" '
            f'cy="{scale.y(y):.1f}" r="3"><title>step {figure(x)}: {figure(y)}</title></circle>'
            for x, y in series.points
        ]
    return parts


def _ends(drawn: Sequence[Series], reference: tuple[str, float] | None, scale: _Scale) -> list[str]:
    """Write last values, and the level to compare with, at the right edge, pushed apart."""
    edge = WIDTH - _RIGHT + 9
    labels: list[tuple[float, str, str]] = []
    parts = []
    for place, series in enumerate(drawn):
        shown = running_mean(series.points) if len(series.points) > _NOISY else series.points
        (x, value), colour = shown[-1], f"var(--series-{place % 4 + 1})"
        y = scale.y(value)
        parts.append(f'<circle style="fill:{colour}" cx="{scale.x(x):.1f}" cy="{y:.1f}" r="3"/>')
        key = f'<tspan style="fill:{colour}">● </tspan>' if len(drawn) > 1 else ""
        labels.append((y, "end", key + figure(value)))
    if reference:
        labels.append(
            (scale.y(reference[1]), "tick", f"{escape(reference[0])} {figure(reference[1])}")
        )
    lowest = -math.inf
    for y, kind, text in sorted(labels):
        lowest = max(y, lowest + 13)
        parts.append(f'<text class="{kind}" x="{edge}" y="{lowest + 4:.1f}">{text}</text>')
    return parts


def _path(points: Points, scale: _Scale) -> str:
    step = max(1, len(points) // _MOST_POINTS)
    kept = [*points[::step], points[-1]]
    return "M" + "L".join(f"{scale.x(x):.1f} {scale.y(y):.1f}" for x, y in kept)


def running_mean(points: Points) -> list[tuple[float, float]]:
    """Return the exponential mean over about a thirtieth of the curve, unbiased at its start."""
    keep = 1 - 1 / max(2.0, len(points) / 30)
    mean = weight = 0.0
    found = []
    for x, y in points:
        mean = keep * mean + (1 - keep) * y
        weight = keep * weight + (1 - keep)
        found.append((x, mean / weight))
    return found
