"""Makes the pictures of docs/tour.md: the real app, driven by its own keys, drawn to PNG.

    python docs/tour.py [NAME …]        # all of them, or those named

The assistant, the store, the index with the handbook and the shipped model are the real ones, in a
scratch home. Needs Chromium on the PATH, which turns Textual's SVG into PNG, and Pillow.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "images" / "tour"
sys.path.insert(0, str(ROOT))
HOME = Path(tempfile.gettempdir()) / "chatapp"  # it is seen in the pictures
os.environ |= {"CHATAPP_HOME": str(HOME), "CHATAPP_NATIVE": "false", "OMP_NUM_THREADS": "1"}

from PIL import Image  # noqa: E402
from textual.pilot import Pilot  # noqa: E402

from chatapp import resources  # noqa: E402
from chatapp.assistant.assistant import Assistant  # noqa: E402
from chatapp.assistant.factory import build_assistant  # noqa: E402
from chatapp.conversations import ConversationStore  # noqa: E402
from chatapp.conversations.types import Outcome  # noqa: E402
from chatapp.memory import Profile  # noqa: E402
from chatapp.settings import Settings, load_settings  # noqa: E402
from chatapp.tui.app import ChatApp  # noqa: E402
from chatapp.tui.backend import Backend  # noqa: E402
from retrieval.web.http import taped  # noqa: E402
from retrieval.web.tape import Player  # noqa: E402
from tests.golden.session import TAPE  # noqa: E402

WIDE, SMALL = (120, 34), (60, 15)
PATIENCE = 90.0
MOST_BYTES = 150_000
COLOURS = 200

Scene = Callable[["Stage"], Awaitable[None]]
SCENES: dict[str, tuple[tuple[int, int], str, Scene]] = {}


def scene(size: tuple[int, int] = WIDE, theme: str = "chatapp-dark") -> Callable[[Scene], Scene]:
    """Register a picture; its number and name come from the function's."""

    def register(act: Scene) -> Scene:
        SCENES[act.__name__.removeprefix("_").replace("_", "-")] = (size, theme, act)
        return act

    return register


class Stage:
    """One app on the scratch home, and the keys that are pressed in it."""

    def __init__(self, app: ChatApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until `true()` is true."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, self.text()
            await asyncio.sleep(0.02)

    async def shows(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text() for text in texts))

    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Put text into the input and send it."""
        self.app.chat.composer.insert(text)
        await self.pilot.press("enter")

    async def ask(self, text: str) -> None:
        """Send a message and wait for the end of its answer."""
        entries = self.app.chat.transcript.entries
        before = len(entries)
        await self.type(text)
        await self.until(lambda: len(self.app.chat.transcript.entries) >= before + 2)
        await self.until(lambda: self.app.chat.answering.turn is None)
        await self.pilot.pause()


@scene()
async def _01_start(stage: Stage) -> None:
    await stage.press("ctrl+n")
    await stage.shows("Ask a question")


@scene()
async def _02_answer(stage: Stage) -> None:
    await stage.press("ctrl+n")
    await stage.ask("Where are my conversations stored?")
    await stage.shows("[1]")


@scene()
async def _03_source(stage: Stage) -> None:
    await stage.shows("[1]")
    await stage.press("shift+tab", "1")
    await stage.shows("the quote stands in the stored text")


@scene()
async def _04_trace(stage: Stage) -> None:
    await stage.press("ctrl+n")
    await stage.ask("How do I add my own files?")
    await stage.press("shift+tab", "b")


@scene()
async def _05_tree(stage: Stage) -> None:
    await open_titled(stage, "Which tree")
    await stage.press("shift+tab", "t")
    await stage.shows("linden")


@scene()
async def _06_search(stage: Stage) -> None:
    await stage.press("ctrl+f")
    await stage.until(lambda: stage.app.screen is not stage.app.chat)
    await stage.press(*"tree")
    await stage.shows("message")
    await stage.press("f3", "down")


@scene()
async def _07_memory(stage: Stage) -> None:
    await stage.press("ctrl+n")
    await stage.ask("I moved to Berlin.")
    await stage.press("shift+tab", "m")
    await stage.shows("Under this answer")


@scene()
async def _08_compare(stage: Stage) -> None:
    await open_titled(stage, "Which tree")
    await stage.press("shift+tab", "equals_sign")
    await stage.shows("Which answer is better?")


@scene()
async def _09_sampling(stage: Stage) -> None:
    await open_titled(stage, "Which tree")
    await stage.type("/sampling")
    await stage.shows("temperature")


@scene(theme="chatapp-contrast")
async def _10_palette(stage: Stage) -> None:
    await stage.press("ctrl+p")
    await stage.until(lambda: stage.app.screen is not stage.app.chat)
    await stage.press(*"re")
    await stage.shows("Remember")


@scene(theme="chatapp-light")
async def _11_private(stage: Stage) -> None:
    await stage.type("/private")
    await stage.shows("PRIVATE")
    await stage.ask("What leaves this machine?")


@scene(size=SMALL, theme="chatapp-ansi")
async def _12_small(stage: Stage) -> None:
    await open_titled(stage, "onversations")
    await stage.shows("[1]")


@scene()
async def _13_consent(stage: Stage) -> None:
    await stage.press("ctrl+n")
    await stage.type("When was the Eiffel Tower opened?")
    await stage.shows("Search the web?")
    await stage.press("ctrl+t")


@scene()
async def _14_web(stage: Stage) -> None:
    await stage.press("ctrl+n")
    await stage.type("/web on")
    await stage.shows("without asking you")
    await stage.ask("When was Marie Curie born?")
    await stage.shows("from the web")
    await stage.press("shift+tab", "b")


@scene()
async def _15_disagree(stage: Stage) -> None:
    await stage.press("ctrl+n")
    await stage.type("/web on")
    await stage.shows("without asking you")
    await stage.ask("When was the Eiffel Tower opened?")
    await stage.shows("Sources disagree")


async def open_titled(stage: Stage, title: str) -> None:
    """Open the conversation that has these words in its title."""
    await stage.until(lambda: stage.app.chat.sidebar.conversations)
    listed = stage.app.chat.sidebar.conversations
    await stage.app.chat.reading.open(next(c.id for c in listed if title in c.title))
    await stage.pilot.pause()


def furnish() -> None:
    """Write what a few weeks of use leave behind: chats with tags and branches, facts."""
    shutil.copytree(resources.handbook_dir(), HOME / "handbook")
    resources.handbook_dir = lambda: HOME / "handbook"  # where the sources shown are said to lie
    store = ConversationStore.open(HOME / "chatapp.sqlite3")
    rounds = {
        "Which tree for a small garden?": [
            "A small garden suits an amelanchier: it stays under five metres, flowers in April, "
            "feeds the birds in June and turns copper in October.",
            "Plant a linden. It grows to thirty metres, too much for a small garden, but bees like "
            "it.",
        ],
        "Plan a week of dinners": ["Monday soup, Tuesday rice with beans, Wednesday pasta."],
        "Notes on sparse attention": ["Local windows plus strided positions cover long texts."],
    }
    for question, answers in rounds.items():
        turn = store.begin_turn(None, question).result()
        message = turn.assistant
        for number, text in enumerate(answers):
            message = store.begin_answer(turn.user.id).result() if number else message
            outcome = Outcome(text, "complete", "stop", grounding="model", model="default")
            store.finish(message.id, outcome).result()
        if "tree" in question:
            store.tag(turn.conversation.id, "garden")
            store.organise(turn.conversation.id, pinned=True)
    profile = Profile(store)
    for fact in ("I live in Paris", "I like tea", "My sister is called Mia"):
        profile.remember(fact)
    store.close()


async def act(name: str, settings: Settings) -> str:
    """Play one scene and return its SVG."""
    size, theme, play = SCENES[name]

    def build(unsaved: bool) -> Assistant:
        return build_assistant(settings)

    backend = Backend(build)
    app = ChatApp(settings, backend)
    app.theme = theme
    async with app.run_test(size=size) as pilot:
        stage = Stage(app, cast("Pilot[int]", pilot))
        await stage.until(lambda: app.chat.status.state == "ready")
        await play(stage)
        await pilot.pause(0.3)
        svg = app.export_screenshot(title="chatapp")
    backend.close()
    return svg


def draw(svg: str, target: Path) -> None:
    """Turn an SVG into a PNG of the same size."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # fonts of the network
    svg = svg.replace("Fira Code", "DejaVu Sans Mono")
    _, _, width, height = (float(n) for n in re.findall(r'viewBox="([^"]+)"', svg)[0].split())
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        style = "<style>body{margin:0;background:transparent}svg{display:block}</style>"
        page.write_text(f"<!doctype html><meta charset=utf-8>{style}{svg}", encoding="utf-8")
        subprocess.run(
            [
                shutil.which("chromium") or "chromium",
                "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--window-size={int(width + 1)},{int(height + 1)}",
                f"--screenshot={target}", page.as_uri(),
            ],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(COLOURS).save(target, optimize=True)
    assert target.stat().st_size <= MOST_BYTES, f"{target.name}: {target.stat().st_size:,} bytes"


def main() -> None:
    """Play the scenes; what they know of the web stands on recorded pages."""
    assert not HOME.exists(), f"{HOME} is in the way"
    OUT.mkdir(parents=True, exist_ok=True)
    try:
        furnish()
        with taped(Player(ROOT / TAPE)):
            play(sys.argv[1:] or sorted(SCENES))
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


def play(names: Sequence[str]) -> None:
    """Make these pictures."""
    settings = load_settings().settings
    web = replace(settings.web, providers=("wikipedia",), wikipedia_url="https://wiki.example.org")
    settings = replace(settings, web=web)
    for name in names:
        target = OUT / f"{name}.png"
        draw(asyncio.run(act(name, settings)), target)
        print(f"{target.relative_to(ROOT)}  {target.stat().st_size // 1024} KB", flush=True)


if __name__ == "__main__":
    main()
