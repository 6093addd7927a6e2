"""What settings exist: one dataclass a section, and the flat list of keys derived from them.

Keys, types, limits and help all come from the dataclass fields; nothing repeats them. Tables that
a person names, such as `[remotes.NAME]`, are in `named`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatapp.settings.keys import Key, keys_of, setting
from chatapp.settings.named import McpServer, Remote

# What starts programs, opens folders, sends text or lets others in: a file that came with a
# project somebody downloaded must not set it.
PERSONAL = frozenset({"index", "tools", "mcp", "remotes", "server", "web"})


@dataclass(frozen=True)
class GenerationSettings:
    """How the model chooses its words."""

    max_tokens: int = setting(256, "Longest answer of the model, in tokens.", low=1, high=32768)
    temperature: float = setting(0.4, "Higher is more varied; 0 is greedy.", low=0, high=5)
    top_k: int = setting(50, "Choose among this many best tokens; 0 means all.", low=0)
    top_p: float = setting(0.95, "Choose among the best tokens of this total.", low=0, high=1)
    repetition_penalty: float = setting(1.1, "Above 1 discourages repeats.", low=0.1, high=10)


@dataclass(frozen=True)
class RetrievalSettings:
    """How sources are searched and quoted."""

    enabled: bool = setting(True, "Answer questions from the index.")
    top_k: int = setting(8, "Passages to read for one question.", low=1, high=200)
    max_quotes: int = setting(3, "Quotes in one answer at most.", low=1, high=20)
    # retrieval.quotes.DEFAULT_THRESHOLD; importing it here would load numpy, so a test compares.
    embedder: str = setting(
        "default", "`default`, `minilm`, a directory, or the id of an encoder you fetched."
    )
    threshold: float = setting(
        0.35, "Support a quote needs to be shown; below it: not found.", low=0, high=1
    )


@dataclass(frozen=True)
class IndexSettings:
    """Where the index is kept."""

    dsn: str = setting("", "PostgreSQL database for the index; empty: a file.", secret=True)


@dataclass(frozen=True)
class MemorySettings:
    """What is remembered about the person."""

    enabled: bool = setting(True, "Learn from what you type and use it.")
    summary: bool = setting(
        False, "Let the model summarise rounds that outgrow its window, and be told that."
    )


@dataclass(frozen=True)
class UiSettings:
    """How the terminal UI looks."""

    theme: str = setting("chatapp-dark", "Name of the colour theme: ours or one of Textual's.")
    enter: str = setting("send", "What Enter does in the input: `send`, `newline`.", check="enter")


@dataclass(frozen=True)
class ToolsSettings:
    """What tools may do without asking, and what they may reach."""

    allow: tuple[str, ...] = setting((), "Tools that run without asking; `*` stands for anything.")
    folders: tuple[str, ...] = setting((), "Folders whose files the tools may read.", check="path")
    python: bool = setting(True, "Offer the Python tool where its sandbox is safe.")
    seconds: float = setting(15.0, "Longest time of one call of a tool.", low=0.1, high=600)
    output_characters: int = setting(
        16_000, "Longest output of one call of a tool.", low=100, high=1_000_000
    )


@dataclass(frozen=True)
class WebSettings:
    """Whether the web may be searched, whom it is asked through, and how much is read of it."""

    consent: str = setting(
        "ask", "Whether the web may be used: `ask`, `always` or `never`.", check="consent"
    )
    providers: tuple[str, ...] = setting(
        ("wikipedia", "searxng", "brave", "tavily", "ddgs", "index"),
        "Whom to ask, first choice first; those that are not set up are left out.",
        check="provider",
    )
    wikipedia_url: str = setting(
        "https://en.wikipedia.org", "Address of the wiki that is searched.", check="url"
    )
    searxng_url: str = setting("", "Address of a SearXNG of yours.", check="url")
    brave_key_env: str = setting(
        "BRAVE_API_KEY", "Variable that holds a key of Brave Search.", check="variable"
    )
    tavily_key_env: str = setting(
        "TAVILY_API_KEY", "Variable that holds a key of Tavily.", check="variable"
    )
    contact: str = setting("", "Mail or web address that wikis and sites may reach you at.")
    seconds: float = setting(
        30.0, "Longest time that one question spends on the web.", low=1, high=600
    )
    max_pages: int = setting(5, "Pages opened for one question at most.", low=1, high=50)
    max_actions: int = setting(
        20, "Steps of the browser for one question at most.", low=2, high=100
    )
    allow: tuple[str, ...] = setting(
        (),
        "Addresses in your own network that may be fetched, such as `192.168.1.5:8080`.",
        check="origin",
    )


@dataclass(frozen=True)
class ServerSettings:
    """How `chatapp serve` listens, whom it lets in, and how much it takes on."""

    host: str = setting("127.0.0.1", "Address to listen on; others than loopback need a key.")
    port: int = setting(
        8080, "Port that the server listens on; 0 takes a free one.", low=0, high=65535
    )
    api_key: str = setting("", "Key that clients must send.", secret=True)
    hosts: tuple[str, ...] = setting((), "More names by which clients may call the server.")
    origins: tuple[str, ...] = setting((), "Web pages that may use it from a browser.")
    slots: int = setting(16, "Answers that are made at the same time.", low=1, high=256)
    queue: int = setting(64, "Answers that may wait for their turn.", low=1, high=100_000)
    requests_per_minute: int = setting(600, "Requests of one client; 0 is no limit.", low=0)
    max_body_mb: float = setting(4.0, "Longest request, in MiB.", low=0.001, high=1024)
    patience_seconds: float = setting(
        30.0, "Time that a client has to send a request, or to take an answer.", low=0.1, high=3600
    )
    grace_seconds: float = setting(
        10.0, "Time that running answers get when the server is stopped.", low=0, high=3600
    )
    web: bool = setting(False, "Let the model `chatapp` of the server search the web.")


@dataclass(frozen=True)
class Settings:
    """All settings of the app."""

    model: str = setting("default", "`default`, the name of a model of yours, or a directory.")
    threads: int = setting(0, "CPU threads for the model; 0 chooses.", low=0, high=1024)
    context_length: int = setting(
        8192, "Tokens a model reads at most; memory is kept for them. 0: all it can.", low=0
    )
    native: bool = setting(True, "Run the model in 8 bits on the compiled CPU runtime.")
    content_filter: bool = setting(True, "Refuse requests for harm instead of asking the model.")
    written_replies: bool = setting(
        True, "Answer everyday talk with written replies that fit, else with the shipped model."
    )
    word_problems: bool = setting(
        True, "Work out word problems step by step, where the solver is sure enough."
    )
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    ui: UiSettings = field(default_factory=UiSettings)
    tools: ToolsSettings = field(default_factory=ToolsSettings)
    web: WebSettings = field(default_factory=WebSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    mcp: Mapping[str, McpServer] = field(default_factory=dict)
    remotes: Mapping[str, Remote] = field(default_factory=dict)


KEYS: dict[str, Key] = {key.name: key for key in keys_of(Settings)}
