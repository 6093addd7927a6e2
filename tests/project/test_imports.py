"""Who may import whom: the "never" lines of the design, held over the source itself."""

from __future__ import annotations

import graphlib
import subprocess
import sys

import pytest

from tests.project.imports import PACKAGES, ROOT, Import, all_imports, imports_of

# The rooms, and what each may import besides itself and the leaves. `cli` may import all.
MAY_IMPORT: dict[str, set[str]] = {
    "chatapp.tui": {
        "chatapp.assistant",
        "chatapp.conversations",
        "chatapp.memory",
        "chatapp.feedback",
    },
    "chatapp.server": {"chatapp.assistant", "chatapp.inference"},
    "chatapp.assistant": {
        "chatapp.conversations",
        "chatapp.memory",
        "chatapp.feedback",
        "chatapp.inference",
        "chatapp.moderation",
        "chatapp.solving",
        "chatapp.talk",
        "retrieval",
        "tools",
    },
    "chatapp.browsing": {
        "chatapp.inference",
        "chatapp.model",
        "chatapp.training",
        "retrieval",
    },
    "chatapp.conversations": set(),
    "chatapp.memory": {"chatapp.conversations", "retrieval"},
    "chatapp.feedback": {"chatapp.conversations"},
    "chatapp.moderation": {"retrieval"},
    "chatapp.solving": {"retrieval"},
    "chatapp.talk": {"retrieval"},
    "chatapp.evaluation": {
        "chatapp.assistant",
        "chatapp.browsing",
        "chatapp.conversations",
        "chatapp.inference",
        "chatapp.memory",
        "chatapp.model",
        "chatapp.moderation",
        "chatapp.solving",
        "chatapp.training",
        "retrieval",
        "tools",
    },
    "chatapp.teaching": {
        "chatapp.assistant",
        "chatapp.moderation",
        "chatapp.training",
        "retrieval",
    },
    "chatapp.training": {"chatapp.model", "chatapp.inference"},
    "chatapp.inference": {"chatapp.model", "retrieval"},  # of retrieval the client alone, below
    "chatapp.model": {"chatapp.kernels"},
    "chatapp.kernels": set(),
    "retrieval": set(),
    "tools": {"retrieval"},
}
# Modules of no room: they know nothing of the app, so every room of chatapp may use them.
LEAVES = {
    "chatapp.leaving",
    "chatapp.machine",
    "chatapp.settings",
    "chatapp.paths",
    "chatapp.private",
    "chatapp.resources",
    "chatapp.version",
}
FRONT_ENDS = {"chatapp.tui", "chatapp.cli", "chatapp.server"}
ENTRY = "chatapp.__main__"

UI = {"textual", "rich", "click", "tqdm"}
STORES = {"sqlite3", "sqlite_utils", "faiss"}
NETWORK = {
    "httpx",
    "httpx2",
    "httpcore",
    "requests",
    "aiohttp",
    "urllib3",
    "socket",
    "http",
    "urllib",
    "ftplib",
    "ssl",
}
# what waits for others and calls nobody: `chatapp serve`
LISTENS = {"chatapp.server.runner", "chatapp.server.protocol"}
HARMLESS = {"urllib.parse", "http.HTTPStatus"}  # words and addresses; they open no connection
HEAVY = {
    "torch",
    "transformers",
    "tokenizers",
    "faiss",
    "textual",
    "trafilatura",
    "pypdfium2",
    "pydantic",
    "httpx",
    "jsonschema",
    "mcp",
}

IMPORTS = all_imports()


def room(module: str) -> str:
    """Return the room of a module of ours: `chatapp.<room>`, `retrieval`, `tools`, or a leaf."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "chatapp" else parts[0]


def ours(module: str) -> bool:
    return module.split(".")[0] in PACKAGES


def within(module: str, names: set[str]) -> bool:
    """Say whether `module` is one of `names` or lies inside one."""
    return any(module == name or module.startswith(name + ".") for name in names)


def shown(wrong: list[Import]) -> list[str]:
    return [str(found) for found in wrong]


def test_the_reader_sees_every_form_of_import() -> None:
    """Lazy, relative, aliased and type-only imports are found and told apart."""
    source = (
        "import a.b as c\n"
        "from chatapp import paths\n"
        "from . import errors\n"
        "if TYPE_CHECKING:\n    import t\n"
        "def f():\n    from x.y import z\n"
    )
    found = [(i.target, i.at_import_time) for i in imports_of(source, "chatapp.cli.main")]
    assert found == [
        ("a.b", True),
        ("chatapp.paths", True),
        ("chatapp.cli.errors", True),
        ("t", False),
        ("x.y", False),
    ]
    assert len(IMPORTS) > 50


def test_each_room_imports_only_what_the_design_allows() -> None:
    """No module reaches into a room that its own room may not know, not even lazily."""
    wrong = []
    for found in IMPORTS:
        here, there = room(found.importer), room(found.target)
        if not ours(found.target) or here == there or here == "chatapp.cli":
            continue
        leaf = there in LEAVES and here.startswith("chatapp")
        if not leaf and there not in MAY_IMPORT.get(here, set()) and found.importer != ENTRY:
            wrong.append(found)
    assert shown(wrong) == []


def test_retrieval_and_tools_know_nothing_of_chatapp() -> None:
    """Both can be used without the app."""
    wrong = [
        i
        for i in IMPORTS
        if room(i.importer) in {"retrieval", "tools"} and i.target.split(".")[0] == "chatapp"
    ]
    assert shown(wrong) == []


def test_nobody_imports_a_front_end() -> None:
    """Only the entry point imports the command line, and only the command line opens the UI."""
    allowed = {(ENTRY, "chatapp.cli"), ("chatapp.cli", "chatapp.tui")}
    allowed.add(("chatapp.cli", "chatapp.server"))
    wrong = [
        i
        for i in IMPORTS
        if room(i.target) in FRONT_ENDS
        and room(i.importer) != room(i.target)
        and (i.importer, room(i.target)) not in allowed
        and (room(i.importer), room(i.target)) not in allowed
    ]
    assert shown(wrong) == []


def test_model_kernels_and_training_touch_no_ui_store_or_network() -> None:
    """The learning rooms can run on a machine that has none of these."""
    # A progress bar is what training shows; it is drawn on stderr and is no user interface.
    forbidden = (UI - {"tqdm"}) | STORES | NETWORK
    rooms = {"chatapp.model", "chatapp.kernels", "chatapp.training"}
    wrong = [i for i in IMPORTS if room(i.importer) in rooms and within(i.target, forbidden)]
    assert shown(wrong) == []


def test_textual_stays_in_the_terminal_ui() -> None:
    """No other room knows how anything is drawn."""
    wrong = [
        i for i in IMPORTS if within(i.target, {"textual"}) and room(i.importer) != "chatapp.tui"
    ]
    assert shown(wrong) == []


def test_one_module_imports_httpx() -> None:
    """Below it is the one that connects, through the guard; beside it the one that asks for names.
    Nothing else opens a socket.
    """
    users = {i.importer for i in IMPORTS if within(i.target, {"httpx"})}
    assert users == {"retrieval.web.wire"}
    users |= {"retrieval.web.connect", "retrieval.web.dns"}
    others = [
        i
        for i in IMPORTS
        if within(i.target, NETWORK - {"httpx", "httpx2"})
        and not within(i.target, HARMLESS)
        and i.importer not in users | LISTENS
    ]
    assert shown(others) == []


def test_inference_knows_nothing_of_retrieval_but_the_client() -> None:
    """A remote model is reached through the one module that speaks HTTP."""
    used = {
        (i.importer, i.target)
        for i in IMPORTS
        if room(i.importer) == "chatapp.inference" and room(i.target) == "retrieval"
    }
    client = "retrieval.web.http"
    modules = ("remote", "remote_errors", "remote_reply")
    assert used == {(f"chatapp.inference.{module}", client) for module in modules}


def test_one_module_speaks_http_to_mcp_servers() -> None:
    """It hands `mcp` the client that it wants, bounded; addresses come from the settings file."""
    users = {i.importer for i in IMPORTS if within(i.target, {"httpx2"})}
    assert users == {"tools.mcp.http"}


def test_one_module_talks_to_the_hugging_face_hub() -> None:
    """It does so when a person names a model and agrees; see its own docstring."""
    users = {i.importer for i in IMPORTS if within(i.target, {"huggingface_hub"})}
    assert users == {"chatapp.cli.hub"}


def test_rooms_form_no_cycle() -> None:
    """Rooms can be put in an order in which each imports only earlier ones."""
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        here, there = room(found.importer), room(found.target)
        if ours(found.target) and here != there and found.at_import_time:
            graph.setdefault(here, set()).add(there)
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, naming the cycle


def test_modules_form_no_cycle() -> None:
    """No module needs another that needs it, when both are imported."""
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        if ours(found.target) and found.at_import_time and found.importer != found.target:
            graph.setdefault(found.importer.removesuffix(".__init__"), set()).add(found.target)
    graphlib.TopologicalSorter(graph).prepare()


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after running `statement`."""
    code = f"{statement}\nimport sys; print(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_starting_the_program_loads_nothing_heavy() -> None:
    """The entry point comes up without numpy, torch, textual or any store."""
    assert loaded_after("import chatapp.__main__") & (HEAVY | STORES | {"numpy"}) == set()


def test_no_command_loads_anything_heavy_before_it_runs() -> None:
    """Importing every command's module, as its `--help` does, loads none of the big libraries."""
    modules = [f"chatapp.cli.{path.stem}" for path in (ROOT / "chatapp" / "cli").glob("[a-z]*.py")]
    assert "chatapp.cli.main" in modules
    assert loaded_after("import " + ", ".join(modules)) & HEAVY == set()


def test_the_terminal_ui_comes_up_without_the_model_or_the_index() -> None:
    """The first screen needs Textual alone; torch and faiss load in a worker afterwards."""
    pytest.importorskip("textual")
    assert loaded_after("import chatapp.tui.app") & (HEAVY - {"textual"}) == set()
