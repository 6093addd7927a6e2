"""`chatapp doctor` on web search: what is set up, and with `--online` whether it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp import resources
from chatapp.cli.doctor import web as checks
from chatapp.cli.main import main
from chatapp.settings import Settings
from retrieval.web.providers.build import NAMES
from tests.miniweb import Fault, MiniWeb
from tests.miniweb.samples import ARTICLES


@pytest.fixture(scope="module")
def _web() -> Iterator[MiniWeb]:
    with MiniWeb(ARTICLES, resources.embedder_dir()) as opened:
        yield opened


@pytest.fixture
def web(_web: MiniWeb, chatapp_home: Path, monkeypatch: pytest.MonkeyPatch) -> MiniWeb:
    """A mini-web that the settings name, and nothing else that could be asked."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for variable in ("BRAVE_API_KEY", "TAVILY_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    _web.faults.set()
    _web.log.clear()
    (chatapp_home / "config.toml").write_text(
        f'[web]\nproviders = ["wikipedia", "searxng", "brave"]\nwikipedia_url = "{_web.base}"\n'
        f'searxng_url = "{_web.base}"\n'
    )
    return _web


def test_the_settings_and_the_providers_know_the_same_names() -> None:
    """The settings list them without importing what they stand for."""
    assert Settings().web.providers == NAMES


def test_without_the_flag_nobody_is_asked(web: MiniWeb) -> None:
    """The check says who would be asked, and what the others lack."""
    found = checks.web()
    assert found.status == "ok"
    assert "set up: wikipedia, searxng; not set up: brave (there is no key)" in found.detail
    assert web.log == []


def test_online_each_provider_is_tried_and_each_problem_has_a_fix(
    web: MiniWeb, capsys: pytest.CaptureFixture[str]
) -> None:
    """One works, one is kept out by a CAPTCHA, one has no key."""
    web.faults.set(Fault("captcha", "/search"))
    main(["doctor", "--online", "--output", "json"])
    told = {c["name"]: c for c in json.loads(capsys.readouterr().out)["checks"]}
    assert told["web wikipedia"]["status"] in ("ok", "warn")
    assert told["web searxng"]["status"] == "warn"
    assert told["web searxng"]["detail"].startswith("blocked: ")
    assert told["web searxng"]["fix"]
    assert "BRAVE_API_KEY" in told["web brave"]["detail"]


def test_a_provider_that_needs_another_setting_fails(web: MiniWeb) -> None:
    """A SearXNG without its JSON form is told how to get it."""
    web.faults.set(Fault("forbidden", "/search"))
    [_, searxng, _] = checks.providers()
    assert (searxng.status, "settings.yml" in searxng.fix) == ("fail", True)


def test_where_the_web_is_off_nobody_is_tried(chatapp_home: Path) -> None:
    """`never` means never."""
    (chatapp_home / "config.toml").write_text('web.consent = "never"\n')
    assert checks.providers() == []
    assert "switched off" in checks.web().detail
