"""The documents tell the truth: commands, options, settings, keys, exit codes and links exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from chatapp import resources
from chatapp.cli.errors import ExitCode
from chatapp.cli.main import COMMANDS, cli, main
from chatapp.settings import KEYS

ROOT = Path(__file__).resolve().parents[2]
HANDBOOK = sorted(resources.handbook_dir().glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in HANDBOOK)

# Examples that need no model, no index and no file of the person's, so they are really run.
CHEAP = {
    ("--version",),
    ("config", "show"),
    ("config", "show", "--origin"),
    ("config", "path"),
    ("conversations", "list"),
    ("index", "status"),
    ("model", "list"),
    ("run", "--schema"),
}


def examples() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (page, arguments) of every `chatapp …` in code blocks and in inline code."""
    for page in [ROOT / "README.md", *HANDBOOK]:
        text = page.read_text(encoding="utf-8")
        found = re.findall(r"`chatapp ([^`]+)`", text)
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
            found += re.findall(r"^chatapp (.+?)(?:\s+#.*)?$", block, re.MULTILINE)
        for arguments in found:
            yield page.name, tuple(shlex.split(arguments))


def find(arguments: tuple[str, ...]) -> tuple[click.Command, list[str]]:
    """Return the command an example means, and what is left for it."""
    command: click.Command = cli
    rest = list(arguments)
    context = click.Context(cli)
    while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
        found = command.get_command(context, rest[0])
        assert found is not None, f"there is no command: chatapp {' '.join(arguments)}"
        command = found
        rest.pop(0)
    return command, rest


def options(command: click.Command) -> set[str]:
    """Return every spelling of the command's options."""
    names = {"--help"}
    for parameter in command.params:
        names.update(parameter.opts, parameter.secondary_opts)
    return names


@pytest.mark.parametrize(
    "arguments", sorted({arguments for _, arguments in examples()}), ids=" ".join
)
def test_every_example_names_a_command_and_options_that_exist(arguments: tuple[str, ...]) -> None:
    """Each `chatapp …` in README and handbook can be typed as it stands."""
    command, rest = find(arguments)
    used = {word.partition("=")[0] for word in rest if word.startswith("--")}
    assert used <= options(command)


def test_the_cheap_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Examples that need nothing succeed in an empty home."""
    ran = CHEAP & {arguments for _, arguments in examples()}
    assert len(ran) >= 5
    for arguments in sorted(ran):
        assert main(list(arguments)) == ExitCode.OK, arguments
        assert "error" not in capsys.readouterr().err


def test_every_command_is_in_the_handbook() -> None:
    """Whatever `--help` lists, down to subcommands, the handbook explains."""
    wanted = []
    for name in COMMANDS:
        command, _ = find((name,))
        wanted.append(name)
        if isinstance(command, click.Group):
            wanted += [f"{name} {each}" for each in command.list_commands(click.Context(command))]
    assert [name for name in wanted if f"`chatapp {name}" not in TEXT] == []


def test_every_setting_is_in_the_handbook() -> None:
    """Each key stands in the page on settings."""
    page = (resources.handbook_dir() / "settings.md").read_text(encoding="utf-8")
    assert [key for key in KEYS if f"`{key}`" not in page] == []


def test_every_exit_code_is_in_the_handbook() -> None:
    """Each code that a command can end with is explained."""
    page = (resources.handbook_dir() / "command-line.md").read_text(encoding="utf-8")
    assert [code for code in ExitCode if f"Exit code {code.value} means" not in page] == []


def test_every_option_in_the_handbook_exists() -> None:
    """An option that stands alone in the text belongs to at least one command."""
    known = options(cli)
    for name in COMMANDS:
        command, _ = find((name,))
        known |= options(command)
        if isinstance(command, click.Group):
            for each in command.commands.values():
                known |= options(each)
    alone = set(re.findall(r"`(--[a-z-]+)[^`]*`", TEXT))
    assert alone - known == set()


def test_everything_on_the_help_screen_is_in_the_handbook() -> None:
    """Each key and each slash command that the chat lists for F1 is explained on paper too."""
    from chatapp.tui.help import help_groups

    page = (resources.handbook_dir() / "terminal-ui.md").read_text(encoding="utf-8")
    words = set(re.findall(r"/?[\w+]+", page.replace("Delete", "Del").replace("the number", "1")))
    rows = [keys for _, rows in help_groups() for keys, _ in rows]
    keys = {key for row in rows for key in row.split(", ")} - set("?-=/")
    assert keys - words == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    """Relative links and pictures point at files that are there."""
    text = page.read_text(encoding="utf-8")
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_handbook_is_made_of_sentences_that_can_be_quoted() -> None:
    """Every paragraph of the handbook is whole sentences, for answers are made of them."""
    for page in HANDBOOK:
        blocks = page.read_text(encoding="utf-8").split("\n\n")
        for block in blocks:
            if not block.startswith(("#", "```", "`")):
                assert block.rstrip().endswith((".", "?", ":")), f"{page.name}: {block[:60]}"
