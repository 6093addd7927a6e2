"""`chatapp report`: everything a run left is shown, and what it did not leave is said."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.evaluation.card.chart import running_mean, svg, ticks
from chatapp.evaluation.card.circumstances import Circumstances
from chatapp.evaluation.card.content import card
from chatapp.evaluation.card.document import Chart, Series, count, duration, figure
from chatapp.evaluation.card.html import html
from chatapp.evaluation.card.markdown import markdown, sparkline
from chatapp.evaluation.card.run import NoRun, read_run
from tests.evaluation.conftest import MODEL

SETTINGS = {"seed": 7, "settings": {"sources": [{"path": "pretrain/a.jsonl"}]}}
LINE = {
    "metrics": {"hellaswag": {"accuracy": 0.3}, "texts": {"bits_per_byte": 1.5}},
    "stderr": {"hellaswag": {"accuracy": 0.05}, "texts": {"bits_per_byte": 0.01}},
    "counts": {"hellaswag": {"accuracy": 90}, "texts": {"bits_per_byte": 10}},
    "chance": {"hellaswag": {"accuracy": 0.25}, "texts": {"bits_per_byte": 3.0}},
    "n": 100,
    "config": {"suite": "lm", "data": ["h.jsonl"], "shots": 2, "seed": 0},
    "machine": {"cpu": "Test", "cores": 2},
}


def row(stage: str, step: int, **values: float) -> dict[str, Any]:
    return {"stage": stage, "step": step, "tokens": 10 * step, "seconds": 2.0 * step, **values}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a complete stage, a variant of one, and one that was cut off."""
    directory = tmp_path / "my-run"
    rows = [row("pretrain", n, loss=5 / n) for n in range(1, 100)]
    rows += [row("pretrain", n, bits_per_byte=3 - n / 100) for n in (50, 99)]
    for stage in ("ppo", "ppo-without-ptx"):
        rows += [row(stage, n, reward=n / 10, kl_k1=n / 50, clipped=0.1) for n in range(1, 6)]
    rows += [row("dpo", n, loss=math.nan) for n in range(1, 4)]
    rows += [row("reward", n, loss=1 / n) for n in range(1, 4)]
    files: dict[str, Any] = {
        "pretrain/done.json": {"steps": 99},
        "pretrain/settings.json": SETTINGS,
        "ppo/done.json": {"steps": 5},
        "ppo/result.json": {
            "start": {"held_out_reward": 0.25, "held_out_stderr": 0.5},
            "end": {"held_out_reward": 1.25, "held_out_stderr": 0.5},
            "updates": 5,
        },
        "reward/done.json": {},
        "reward/settings.json": {"seed": 7},
        "reward/result.json": {"model": {"all": {"accuracy": 0.75, "stderr": 0.02, "pairs": 9}}},
        "compare/settings.json": {},
        "compare/table.json": {
            "prompts": 8,
            "rows": [
                {"policy": "start", "reward": 0.5, "reward_stderr": 0.1, "kl": 0.0},
                {"policy": "best of 4", "reward": 1.5, "reward_stderr": 0.2, "kl": 0.6},
            ],
        },
        "ladder/settings.json": {},
        "ladder/done.json": {"rungs": 2},
        "bits_per_byte.json": {"model": 2.01, "5-gram": 2.5},
        "machine.json": {"cores": 2, "device": "cpu"},
        "evaluations/lm.json": LINE,
        "model/config.json": json.loads((MODEL / "config.json").read_text()),
    }
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    metrics = "".join(json.dumps(each) + "\n" for each in rows)
    (directory / "metrics.jsonl").write_text(metrics + '{"stage": "dp')
    return directory


class Page(HTMLParser):
    """Collects what a page refers to, its text, and its elements."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [v for k, v in attrs if k in ("src", "href") and v and v[0] != "#"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_card_says_what_ran_and_how_it_ended(run: Path) -> None:
    """Stages, figures with errors, evaluations with chance, seed, energy and licences."""
    text = markdown(card(read_run(run), Circumstances({"pretrain/a.jsonl": "CC0"})))
    for said in [
        "# Report card: my-run",
        "5 of 7 stages complete",
        "| accuracy | 0.750 ± 0.020 |",
        "| best of 4 |",
        "1.500 ± 0.200",
        "**PPO reward gain**: +1.000",
        "**Reward accuracy**: 0.750 (± 0.020, chance 0.5)",
        "| pretrain | complete | 99 | 990 | 3 min | loss 5 → 0.05051; bits per byte 2.5 → 2.01 |",
        "| dpo | not finished |",
        "1.250 ± 0.500",
        "**ppo: updates 5**",
        "Ranking loss",
        "| lm | hellaswag | accuracy | 0.300 | 0.050 | 90 | 0.250 |",
        "shots 2, seed 0",
        "Seed: 7.",
        "| pretrain | pretrain/a.jsonl | CC0 |",
        "kWh if each of 2 cores draws 15 W, which is an assumption",
    ]:
        assert said in text, said


def test_a_prediction_stands_beside_what_was_reached(run: Path) -> None:
    """Made before the run, with its interval; the error is stated, inside or outside."""
    made = {"metric": "bits_per_byte", "predicted": 2.0, "low": 1.9, "high": 2.1, "level": 0.9}
    rung = {"width": 64, "bits_per_byte": 2.4}
    (run / "ladder" / "prediction.json").write_text(json.dumps({**made, "rungs": [rung]}))
    text = markdown(card(read_run(run), Circumstances({})))
    assert "2 bits per byte, 90 % interval 1.9 to 2.1" in text
    assert "What the large model reached was not recorded" in text
    outcome = {"measured": 2.01, "relative_error": -0.005, "inside": True}
    (run / "ladder" / "outcome.json").write_text(json.dumps(outcome))
    text = markdown(card(read_run(run), Circumstances({})))
    assert (
        "Reached: 2.01, which is inside the interval; the error of the prediction is -0.50 %"
        in text
    )


def test_what_is_missing_is_said_plainly(run: Path) -> None:
    """A cut-off stage, values that are no numbers, torn lines, unknown licences."""
    (run / "evaluations" / "torn.json").write_text("{")
    (run / "evaluations" / "other.json").write_text('{"a": 1}')
    text = markdown(card(read_run(run), Circumstances({})))
    for said in [
        "The stage dpo is not finished",
        "The stage dpo has values that are not numbers",
        "metrics.jsonl has 1 broken lines",
        "evaluations/torn.json cannot be read",
        "evaluations/other.json is no line of `chatapp eval`",
        "Some licences are not known",
        "No loss was predicted before the run",
        "no figure above has an error bar over seeds",
    ]:
        assert said in text, said


def test_the_page_needs_nothing_from_outside(run: Path) -> None:
    """One file: no script, no image, no style sheet and no address; every chart has words."""
    page = Page(html(card(read_run(run), Circumstances({}))))
    assert page.outside == []
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert page.tags.count("svg") == page.tags.count("desc") >= 5
    assert page.tags.count("h1") == 1


def test_variants_of_a_stage_share_their_charts(run: Path) -> None:
    """`ppo` and `ppo-without-ptx` are two lines of one chart, told apart by a legend."""
    sections = card(read_run(run), Circumstances({})).sections
    (curves,) = [section for section in sections if section.title == "Curves"]
    (reward,) = [chart for chart in curves.charts if chart.title == "ppo: Reward"]
    assert [series.label for series in reward.series] == ["ppo", "ppo-without-ptx"]
    assert [chart.title for chart in curves.further] == ["ppo: Clipped"]


def test_a_chart_is_well_formed_and_holds_hostile_values() -> None:
    """Names are escaped; infinite, single and constant values draw without an error."""
    hostile = Chart("<b>&", (Series('"x"', ((1, 2.0), (2, math.inf), (3, 2.0))),), ("a<b", 1e30))
    tree = ElementTree.fromstring(svg(hostile, 1))
    assert tree.find("title") is not None
    assert "nothing" not in svg(Chart("one", (Series("s", ((1, 1.0),)),)), 2)
    empty = svg(Chart("none", (Series("s", ((1, math.nan),)),)), 3)
    assert "no finite value" in empty


def test_ticks_are_round_and_inside() -> None:
    """About as many as asked for, whatever the range."""
    assert ticks(0.0, 1.0, 4) == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert ticks(3, 3, 4) == [3]
    for low, high in [(0.1, 0.13), (-5, 900), (1e-9, 3e-9)]:
        found = ticks(low, high, 4)
        assert 2 <= len(found) <= 6
        assert all(low - 1e-12 <= tick <= high + 1e-12 for tick in found)


def test_the_running_mean_starts_at_the_first_value_and_follows() -> None:
    """It is unbiased: a constant stays constant from the first point on."""
    assert running_mean([(n, 3.0) for n in range(90)])[0] == (0, pytest.approx(3.0))
    risen = running_mean([(n, float(n > 45)) for n in range(90)])
    assert 0.9 < risen[-1][1] <= 1.0


def test_small_texts() -> None:
    """Numbers, spans and sparklines as people read them."""
    assert [figure(v) for v in (0.0, 12345, 1.53712, 1e-7, math.nan, "x", 123456.7)] == [
        *("0", "12,345", "1.537", "1e-07", "not a number", "x", "123,457")
    ]
    assert [duration(s) for s in (5, 600, 7200)] == ["5 s", "10 min", "2.0 h"]
    assert [count(n) for n in (7, 1500, 12.5e6, 175e9)] == ["7", "1.5k", "12.5M", "175B"]
    assert sparkline([1, 2, 3, 8]) == "▁▂▃█"
    assert sparkline([2.0] * 100) == "▁" * 20


def test_the_command_writes_both_files(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the run, or where --out says; the paths are what it prints."""
    assert main(["report", str(run)]) == ExitCode.OK
    shown = capsys.readouterr().out.splitlines()
    assert shown == [str(run / "report" / name) for name in ("report.md", "report.html")]
    manifest = {"files": [{"file": "pretrain/a.jsonl", "licence": "CC0-1.0"}]}
    (run / "manifest.json").write_text(json.dumps(manifest))
    command = ["report", str(run), "--out", str(run / "x"), "--data", str(run), "--watts", "1000"]
    assert main([*command, "--output", "json"]) == ExitCode.OK
    written = json.loads(capsys.readouterr().out)
    text = Path(written["markdown"]).read_text()
    assert "CC0-1.0" in text
    assert "kWh at the given 1,000 W" in text


def test_a_directory_without_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written for what is no run, and a broken manifest is named."""
    with pytest.raises(NoRun, match="no training run"):
        read_run(tmp_path)
    assert main(["report", str(tmp_path / "none")]) == ExitCode.NOT_FOUND
    assert "there is no directory" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_least_that_is_a_run_still_gives_a_card(tmp_path: Path) -> None:
    """A stage that was begun and never took a step."""
    (tmp_path / "pretrain").mkdir()
    (tmp_path / "pretrain" / "settings.json").write_text("{}")
    text = markdown(card(read_run(tmp_path), Circumstances({})))
    assert "| pretrain | not finished, no metrics |" in text
    assert "The run recorded no sources." in text
