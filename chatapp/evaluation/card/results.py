"""Tables of figures: what the stages found, and what was evaluated afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from chatapp.evaluation.card.document import Section, Table, figure, words
from chatapp.evaluation.card.run import Record, RunRecord


def result_section(run: RunRecord) -> Section | None:
    tables = [
        result_table(stage.name, stage.result) for stage in run.stages.values() if stage.result
    ]
    if run.bits_per_byte:
        rows = tuple((words(key), figure(value)) for key, value in run.bits_per_byte.items())
        tables.insert(0, Table("Bits per byte after pretraining", ("what", "value"), "lr", rows))
    return Section("Results of the stages", tables=tuple(tables)) if tables else None


def result_table(name: str, result: Record) -> Table:
    """Lay a nested result out: one row for each group of figures, one column for each measure."""
    scalars = {k: v for k, v in result.items() if not isinstance(v, dict | list)}
    nested = {k: v for k, v in result.items() if isinstance(v, dict | list)}
    groups = dict(_groups(nested, ())) or {"all": scalars}
    measures = list(dict.fromkeys(key for found in groups.values() for key in found))
    shown = [key for key in measures if not _error_of(key, measures)]
    wide = len(shown) > len(groups)

    def cell(group: str, measure: str) -> str:
        found = groups[group]
        error = next((key for key in found if _error_of(key, [measure]) == measure), None)
        spread = f" ± {_rounded(found[error])}" if error else ""
        return _rounded(found[measure]) + spread if measure in found else ""

    beside = [f"{words(key)} {_rounded(value)}" for key, value in scalars.items()]
    title = ": ".join([name, ", ".join(beside)]) if beside else name
    if wide:
        rows = tuple((words(m), *(cell(g, m) for g in groups)) for m in shown)
        return Table(title, ("measure", *groups), "l" + "r" * len(groups), rows)
    rows = tuple((g, *(cell(g, m) for m in shown)) for g in groups)
    columns = ("", *(words(m) for m in shown))
    return Table(title, columns, "l" + "r" * len(shown), rows)


def _error_of(key: str, measures: list[str]) -> str | None:
    """Return the measure whose standard error `key` is: `x_stderr`, `held_out_stderr`, `stderr`."""
    if not key.endswith("stderr"):
        return None
    stem = key.removesuffix("stderr")
    candidates = (stem.rstrip("_"), f"{stem}reward", f"{stem}accuracy")
    return next((measure for measure in candidates if measure in measures), None)


def _groups(value: Record, path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield (path of names, figures) for every object that holds figures."""
    figures = {k: v for k, v in value.items() if not isinstance(v, dict | list) and v is not None}
    if figures:
        yield " ".join(path) or "all", figures
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _groups(inner, (*path, key))
        elif isinstance(inner, list) and all(isinstance(row, dict) for row in inner):
            for number, row in enumerate(inner, 1):
                yield _named_row(row, f"{key} {number}")


def _named_row(row: Record, otherwise: str) -> tuple[str, dict[str, object]]:
    """Name a row of a table by its first text, which then is no figure."""
    named = next((key for key, value in row.items() if isinstance(value, str)), None)
    figures = {k: v for k, v in row.items() if k != named and v is not None}
    return (str(row[named]) if named else otherwise), figures


def evaluation_section(run: RunRecord) -> Section | None:
    if not run.evaluations:
        return None
    figures = [(name, *row) for name, line in run.evaluations.items() for row in _line_rows(line)]
    columns = ("evaluation", "of", "measure", "value", "standard error", "n", "chance")
    return Section(
        "Evaluations",
        paragraphs=("Chance is what guessing would reach.",),
        tables=(
            Table("", columns, "lllrrrr", tuple(figures)),
            Table("How they were taken", *_how(run)),
        ),
    )


def _line_rows(line: Record) -> Iterator[tuple[str, ...]]:
    """Yield (variant, measure, value, error, n, chance) of one line of `chatapp eval`."""
    for variant, metrics in _by_variant(line["metrics"]).items():
        for measure, value in metrics.items():
            beside = [
                _by_variant(line.get(part) or {}).get(variant, {}).get(measure)
                for part in ("stderr", "counts", "chance")
            ]
            error, n, chance = beside
            yield (
                variant or _data_name(line),
                words(measure),
                _rounded(value),
                _rounded(error),
                figure(line["n"] if n is None else n),
                _rounded(chance),
            )


def _data_name(line: Record) -> str:
    """Return the name of the one file that a line without variants was measured on."""
    data = (line.get("config") or {}).get("data")
    return str(data[0]).partition(".jsonl")[0] if isinstance(data, list) and data else ""


def _rounded(value: object) -> str:
    """Write a measured value no finer than its error deserves."""
    if value is None:
        return ""
    three = isinstance(value, float) and 0.001 <= abs(value) < 100
    return f"{value:.3f}" if three else figure(value)


def _by_variant(part: Record) -> dict[str, Record]:
    nested = {name: found for name, found in part.items() if isinstance(found, dict)}
    return nested or {"": part}


def _how(run: RunRecord) -> tuple[tuple[str, ...], str, tuple[tuple[str, ...], ...]]:
    """Return columns, alignment and rows of the evaluations' circumstances."""
    rows = []
    for name, line in run.evaluations.items():
        config = line.get("config") or {}
        said = {
            key: value
            for key, value in config.items()
            if key not in ("suite", "data", "model", "sources") and (value or key == "seed")
        }
        data = config.get("data")
        rows.append(
            (
                name,
                str(config.get("suite", "")),
                ", ".join(map(str, data)) if isinstance(data, list) else str(data or ""),
                str(config.get("model", "")),
                ", ".join(f"{words(key)} {value}" for key, value in said.items()),
            )
        )
    return ("evaluation", "suite", "data", "model", "settings"), "lllll", tuple(rows)
