"""What `eval grounded` measures with: index, model, reader and web, opened when first needed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chatapp import resources
from chatapp.evaluation.grounded.drawing import Draws
from chatapp.evaluation.grounded.judges import ReaderJudge, WordsJudge

if TYPE_CHECKING:
    from chatapp.evaluation.grounded.answers import Answerer
    from chatapp.evaluation.grounded.browsing import MakeWorld
    from chatapp.evaluation.grounded.judges import Judge
    from chatapp.inference.generator import Generator
    from chatapp.settings import Settings
    from retrieval.browser.judge import Judge as PageJudge
    from retrieval.browser.world import World
    from retrieval.index import Index
    from retrieval.reading.reader import Reader


@dataclass(frozen=True)
class Choice:
    """What a person chose: an index, a wiki to browse ("" for none), and the longest browse."""

    index: Path
    web: str
    seconds: float


class Kit:
    """Opens things once, and closes them with `closing`."""

    def __init__(self, choice: Choice, settings: Settings, closing: ExitStack) -> None:
        self._choice, self._settings, self._closing = choice, settings, closing

    def answerer(self, row: str) -> Answerer:
        """Return the answerer of a row of the table."""
        from chatapp.evaluation.grounded.browsing import Browsing
        from chatapp.evaluation.grounded.plain import ClosedBook, CopyTop, OneShot
        from chatapp.evaluation.grounded.policies import Learned, Scripted

        seconds = self._choice.seconds
        match row:
            case "closed_book":
                return ClosedBook(self.generator)
            case "copy_top_passage":
                return CopyTop(self.index)
            case "one_shot":
                return OneShot(self.index, self._settings.retrieval)
            case "scripted":
                return Browsing(row, Scripted(self.page_judge), self.world, seconds)
            case "learned":
                policy = Learned(self.generator, self.page_judge)
                return Browsing(row, policy, self.world, seconds)
        raise ValueError(f"there is no row {row!r}")

    def judge(self, name: str) -> Judge:
        """Return a judge of citations by its name."""
        return ReaderJudge(self.reader) if name == "reader" else WordsJudge()

    def draws(self, count: int) -> Draws:
        """Return how often the learned policy is drawn from for each question."""
        from chatapp.evaluation.grounded.browsing import LearnedSampler

        seconds = self._choice.seconds
        sampler = LearnedSampler(self.generator, self.page_judge, self.world, seconds)
        return Draws(sampler, count)

    @cached_property
    def index(self) -> Index:
        """The index that is searched without browsing."""
        from retrieval.index import Index

        opened = Index.open(
            self._choice.index, embedder_dir=resources.embedder_dir(), read_only=True
        )
        self._closing.callback(opened.close)
        return opened

    @cached_property
    def generator(self) -> Generator:
        """The chat model of the settings."""
        from chatapp.assistant.catalogue import model_dir
        from chatapp.inference.load import load_generator

        settings = self._settings
        return load_generator(
            model_dir(settings), threads=settings.threads, longest=settings.context_length
        )

    @cached_property
    def reader(self) -> Reader:
        """The shipped reader."""
        from retrieval.reading.reader import load_reader

        return load_reader(resources.reader_dir())

    @cached_property
    def page_judge(self) -> PageJudge:
        """What finds the sentences of a page that answer, for both policies alike."""
        from chatapp.assistant.reading import shipped_reader
        from retrieval.browser.judge import PassageJudge

        judge = PassageJudge(resources.embedder_dir(), shipped_reader())
        self._closing.callback(judge.close)
        return judge

    @cached_property
    def world(self) -> MakeWorld:
        """Makes the world of a browse: the wiki over HTTP, or the index as if it were the web."""
        if not self._choice.web:
            from retrieval.browser.local import IndexWorld

            return lambda deadline: IndexWorld(self.index)
        return self._web(self._choice.web)

    def _web(self, base: str) -> MakeWorld:
        """Return worlds over one wiki; it is our own, so no pauses are kept between requests."""
        from chatapp.version import __version__
        from retrieval.browser.web import WebWorld
        from retrieval.web.fetch import Fetcher
        from retrieval.web.limits import FetchSettings
        from retrieval.web.providers.chain import ProviderChain
        from retrieval.web.providers.direct import DirectApi
        from retrieval.web.providers.mediawiki import MediaWiki

        manners = FetchSettings(agent=f"chatapp/{__version__}", allow=(base,), delay=0.0)
        fetcher = Fetcher(manners)
        self._closing.callback(fetcher.close)
        wiki = MediaWiki(DirectApi(), base, manners.user_agent)

        def world(deadline: float) -> World:
            # A chain of its own, so that one slow answer does not rest the wiki for all questions.
            return WebWorld(ProviderChain([wiki]), fetcher, deadline=deadline)

        return world
