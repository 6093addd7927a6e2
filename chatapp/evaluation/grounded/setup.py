"""What `eval grounded` measures with: index, model, reader and web, opened when first needed."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from chatapp import resources
from chatapp.evaluation.grounded.drawing import Draws
from chatapp.evaluation.grounded.journal import Journal, Kept, KeptDraws
from chatapp.evaluation.grounded.judges import ReaderJudge, WordsJudge

if TYPE_CHECKING:
    from chatapp.browsing.chooser import Chooser
    from chatapp.evaluation.grounded.answers import Answerer, Sampler
    from chatapp.evaluation.grounded.browsing import Browsing, LearnedSampler, MakeWorld, Showing
    from chatapp.evaluation.grounded.judges import Judge
    from chatapp.evaluation.grounded.plain import OneShot
    from chatapp.evaluation.grounded.policies import Policy
    from chatapp.inference.generator import Generator
    from chatapp.settings import Settings
    from retrieval.browser.judge import Judge as PageJudge
    from retrieval.browser.world import World
    from retrieval.index import Index
    from retrieval.reading.reader import Reader


@dataclass(frozen=True)
class Choice:
    """What a person chose: an index, a wiki to browse ("" for none), the longest browse, the
    directory of a learned policy's head (None: the model spells its commands itself), and a file
    that keeps the answers (None: none does).
    """

    index: Path
    web: str
    seconds: float
    policy: Path | None = None
    journal: Path | None = None


class Kit:
    """Opens things once, and closes them with `closing`."""

    def __init__(self, choice: Choice, settings: Settings, closing: ExitStack) -> None:
        self._choice, self._settings, self._closing = choice, settings, closing
        self._journal: Journal | None = None

    def open_journal(self) -> None:
        """Keep the answers from now on, if that was chosen. Raises OSError, ValueError."""
        if self._choice.journal is not None:
            self._journal = Journal(self._choice.journal, self._made_with())
            self._closing.callback(self._journal.close)

    def answerer(self, row: str) -> Answerer:
        """Return the answerer of a row of the table."""
        found = self._answerer(row)
        return found if self._journal is None else Kept(found, self._journal, self._kept_as(row))

    def _answerer(self, row: str) -> Answerer:
        from chatapp.evaluation.grounded.plain import ClosedBook, CopyTop

        match row:
            case "closed_book":
                return ClosedBook(self.generator)
            case "copy_top_passage":
                return CopyTop(self.index)
            case "one_shot":
                return self.one_shot
            case "scripted":
                return self.scripted
            case "with_sources":
                return self._with_sources(row)
            case "learned":
                return self._sampler
        raise ValueError(f"there is no row {row!r}")

    def judge(self, name: str) -> Judge:
        """Return a judge of citations by its name."""
        return ReaderJudge(self.reader) if name == "reader" else WordsJudge()

    def draws(self, count: int) -> Draws:
        """Return how often the learned policy is drawn from for each question."""
        sampler: Sampler = self._sampler
        if self._journal is not None:
            sampler = KeptDraws(sampler, self._journal, self._kept_as(sampler.name))
        return Draws(sampler, count)

    def _kept_as(self, row: str) -> str:
        """Return the name of a row in the journal; a policy is one by what it has learnt."""
        from chatapp.browsing.chooser import HEAD_FILE

        policy = self._choice.policy
        if row != "learned" or policy is None:
            return row
        return f"{row} {hashlib.sha256((policy / HEAD_FILE).read_bytes()).hexdigest()[:16]}"

    def _made_with(self) -> dict[str, object]:
        """Return what the answers depend on, by the names that a person knows it by."""
        from chatapp.assistant.catalogue import model_dir
        from chatapp.model.checkpoint import weights_digest

        choice, web = self._choice, self._settings.web
        return {
            "model": weights_digest(model_dir(self._settings)),
            "reader": self.reader.id,
            "index": str(choice.index.resolve()),
            "web": choice.web,
            "retrieval settings": asdict(self._settings.retrieval),
            "limits": [choice.seconds, web.max_pages, web.max_actions],
        }

    @cached_property
    def one_shot(self) -> OneShot:
        """One search of the index."""
        from chatapp.evaluation.grounded.plain import OneShot

        return OneShot(self.index, self._settings.retrieval, self._showing.supports)

    @cached_property
    def scripted(self) -> Browsing:
        """The scripted policy, with the limits of the settings."""
        from chatapp.evaluation.grounded.browsing import Browsing
        from chatapp.evaluation.grounded.policies import Scripted
        from retrieval.browser.scripted import Effort
        from retrieval.browser.state import Limits

        web, retrieval = self._settings.web, self._settings.retrieval
        limits = Limits(actions=web.max_actions)
        effort = Effort(pages=web.max_pages, threshold=retrieval.threshold)
        policy = Scripted(self.page_judge, limits, effort)
        return Browsing("scripted", policy, self.world, self._choice.seconds, self._showing)

    def _with_sources(self, name: str) -> Answerer:
        from chatapp.evaluation.grounded.browsing import WithSources

        return WithSources(name, self.one_shot, self.scripted, self._showing)

    @cached_property
    def _sampler(self) -> LearnedSampler:
        from chatapp.evaluation.grounded.browsing import LearnedSampler
        from chatapp.evaluation.grounded.policies import ByHead, Learned

        def policy(seed: int | None) -> Policy:
            if self._choice.policy is None:
                return Learned(self.generator, self.page_judge, seed=seed)
            return ByHead(self.chooser, self.page_judge, seed=seed)

        return LearnedSampler(policy, self.world, self._choice.seconds, self._showing)

    @cached_property
    def _showing(self) -> Showing:
        from chatapp.evaluation.grounded.browsing import Showing

        retrieval = self._settings.retrieval
        return Showing(retrieval.threshold, retrieval.max_quotes, self.reader.supports)

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
    def chooser(self) -> Chooser:
        """The learned policy's head, over the chat model of the settings."""
        from chatapp.assistant.catalogue import model_dir
        from chatapp.browsing.chooser import load_chooser

        assert self._choice.policy is not None, "asked for where there is one"
        return load_chooser(self._choice.policy, model_dir(self._settings))

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
        from retrieval.web.cache import PageCache
        from retrieval.web.fetch import Fetcher
        from retrieval.web.limits import FetchSettings
        from retrieval.web.providers.chain import ProviderChain
        from retrieval.web.providers.guarded import GuardedApi
        from retrieval.web.providers.mediawiki import MediaWiki

        seconds = self._choice.seconds  # a page may take all of it: how busy we are is no answer
        manners = FetchSettings(
            agent=f"chatapp/{__version__}", allow=(base,), delay=0.0, parse_seconds=seconds
        )
        kept = Path(self._closing.enter_context(TemporaryDirectory())) / "web.sqlite3"
        cache = PageCache(kept)  # as the app has one: many questions lead to the same pages
        self._closing.callback(cache.close)
        fetcher = Fetcher(manners, cache)
        self._closing.callback(fetcher.close)
        wiki = MediaWiki(GuardedApi(fetcher, [base]), base, manners.user_agent)

        def world(deadline: float) -> World:
            # A chain of its own, so that one slow answer does not rest the wiki for all questions.
            chain = ProviderChain([wiki])
            return WebWorld(chain, fetcher, deadline=deadline, page_seconds=seconds)

        return world
