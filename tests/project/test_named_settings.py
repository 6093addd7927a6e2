"""Tables that a person names, and what only their own files may set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chatapp.cli.errors import ExitCode
from chatapp.cli.main import main
from chatapp.settings import McpServer, Remote, SettingsError, load_settings

FILE = """
threads = 2

[tools]
allow = ["calculator", "index_*"]
folders = ["~/notes"]

[mcp.servers.files]
command = "npx"
args = ["-y", "server"]
env = { TOKEN = "hunter2" }

[mcp.servers.far]
url = "https://example.org/mcp"
api_key_env = "FAR_KEY"

[remotes.big]
base_url = "http://localhost:8000/v1"
model = "m"
"""


@pytest.fixture
def file(chatapp_home: Path) -> Path:
    """The person's own settings file."""
    return chatapp_home / "config.toml"


def test_named_tables_become_values_by_their_names(file: Path, tmp_path: Path) -> None:
    """Servers and remotes keep their names; what is not set has its default."""
    file.write_text(FILE)
    settings = load_settings(cwd=tmp_path).settings
    assert settings.tools.allow == ("calculator", "index_*")
    assert list(settings.mcp) == ["files", "far"]
    assert settings.mcp["files"] == McpServer("npx", ("-y", "server"), {"TOKEN": "hunter2"})
    assert settings.mcp["far"] == McpServer(url="https://example.org/mcp", api_key_env="FAR_KEY")
    assert settings.remotes == {"big": Remote("http://localhost:8000/v1", "m")}


def test_lists_come_from_the_environment_and_from_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commas part them in a variable."""
    monkeypatch.setenv("CHATAPP_TOOLS_ALLOW", "calculator, web_*")
    assert load_settings(cwd=tmp_path).settings.tools.allow == ("calculator", "web_*")
    flags = {"tools.allow": ["python"]}
    assert load_settings(flags, cwd=tmp_path).settings.tools.allow == ("python",)


def test_tables_of_two_files_mix_key_by_key(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's file names a server, the person's file switches it off."""
    system = tmp_path / "system.toml"
    monkeypatch.setattr("chatapp.paths.system_config_path", lambda: system)
    system.write_text('[mcp.servers.files]\ncommand = "npx"\n')
    file.write_text("[mcp.servers.files]\nenabled = false\n")
    resolved = load_settings(cwd=tmp_path)
    assert resolved.settings.mcp["files"] == McpServer("npx", enabled=False)
    assert resolved.origins["mcp.servers.files.command"] == f"system:{system}"
    assert resolved.origins["mcp.servers.files.enabled"] == f"user:{file}"


@pytest.mark.parametrize(
    ("toml", "line", "message", "hint"),
    [
        ('[remotes.x]\nmodel = "m"', 2, "[remotes.x] is not complete", "'base_url'"),
        ("[mcp.servers.x]\nseconds = 3", 2, "is not complete", "'command'"),
        ('[mcp.servers.x]\nurl = "http://h"\ncommand = "c"', 2, "not complete", "either"),
        ('[mcp.servers.x]\nurl = "http://h"\nargs = ["a"]', 2, "not complete", "belong"),
        ('[mcp.servers.x]\ncommand = "c"\nheaders = {A = "b"}', 2, "not complete", "belong"),
        ('[mcp.servers.x]\nurl = "ftp://h"', 2, "'mcp.servers.x.url' cannot be", "http://"),
        ('[mcp.servers.x]\nurl = "http://"', 2, "cannot be", "http://"),
        ('[mcp.servers.x]\nadress = "http://h"', 2, "no setting", "did you mean"),
        ('[mcp.servers."a b"]\ncommand = "c"', 2, "'a b' cannot be the name", "letters"),
        ('[mcp.server.x]\ncommand = "c"', 1, "no setting 'mcp.server'", "mcp.servers"),
        ("mcp = 1", 1, "no setting 'mcp'", ""),
        ("[mcp.servers]\nx = 1", 2, "no setting 'mcp.servers.x'", ""),
        ('[tools]\nfolders = ["notes"]', 2, "'tools.folders' cannot be", "full paths"),
        ("[tools]\nallow = [1]", 2, "'tools.allow' cannot be", "a list of texts"),
        ('\n\n[remotes.x]\nmodel = "m"\nbase_url = 3', 5, "'remotes.x.base_url'", "http"),
        ("remotes.x.model = 3", 1, "'remotes.x.model'", "some text"),
        ('remotes.x = { model = "m", base_url = "h" }', 1, "'remotes.x.base_url'", "http"),
    ],
)
def test_a_mistake_names_file_line_key_and_fix(
    toml: str, line: int, message: str, hint: str, file: Path, tmp_path: Path
) -> None:
    """Whatever is wrong in a table, a person is led to the line."""
    file.write_text(toml + "\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(cwd=tmp_path)
    assert f"{file}, line {line}: " in caught.value.message, caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "toml",
    [
        '[remotes.x]\napi_key_env = "hunter2"',
        '[remotes.x]\nbase_url = "https://me:hunter2@example.org"',
        '[mcp.servers.x]\nenv = ["hunter2"]',
        "[server]\napi_key = { hunter2 = 2 }",
    ],
)
def test_what_may_be_a_key_is_repeated_in_no_message(
    toml: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key in the wrong place is not printed where it would be seen or logged."""
    file.write_text(toml + "\n")
    assert main(["config", "show"]) == ExitCode.USAGE
    assert "hunter2" not in "".join(capsys.readouterr())


def test_keys_are_masked_and_masks_are_never_loaded(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`config show` hides them in every form, and its text form can still be saved and loaded."""
    file.write_text(FILE)
    monkeypatch.setenv("CHATAPP_SERVER_API_KEY", "hunter2")
    for arguments in (["--origin"], [], ["--output", "json"], ["--origin", "--output", "json"]):
        assert main(["config", "show", *arguments]) == ExitCode.OK
        text = capsys.readouterr().out
        assert "hunter2" not in text
        assert "********" in text
    assert "hunter2" not in repr(load_settings())
    assert json.loads(text)["remotes.big.model"] == {"value": "m", "origin": f"user:{file}"}
    main(["config", "show"])
    file.write_text(capsys.readouterr().out)
    assert load_settings().settings.mcp["files"].env == {}
    assert load_settings().settings.remotes["big"].model == "m"


@pytest.mark.parametrize(
    "toml",
    [
        '[mcp.servers.x]\ncommand = "rm"',
        'tools.allow = ["*"]',
        'tools.folders = ["/"]',
        '[remotes.x]\nbase_url = "http://evil.example"\nmodel = "m"',
        'server.host = "0.0.0.0"',
    ],
)
def test_a_projects_file_cannot_reach_out(toml: str, tmp_path: Path) -> None:
    """Entering a downloaded folder must not start programs or send words anywhere."""
    (tmp_path / "chatapp.toml").write_text(toml + "\n")
    with pytest.raises(SettingsError, match="a project's file may not set") as caught:
        load_settings(cwd=tmp_path)
    assert "your own settings file" in caught.value.hint


def test_a_projects_file_cannot_choose_a_remote_model(file: Path, tmp_path: Path) -> None:
    """Whoever has set up a remote model sends words there by their own choice only."""
    file.write_text('[remotes.openai]\nbase_url = "https://api.example/v1"\nmodel = "m"\n')
    project = tmp_path / "chatapp.toml"
    project.write_text('threads = 2\nmodel = "openai"\n')
    with pytest.raises(SettingsError, match="may not choose the remote model 'openai'") as caught:
        load_settings(cwd=tmp_path)
    assert f"{project}, line 2" in caught.value.message
    assert "remove the line" in caught.value.hint
    assert load_settings({"model": "openai"}, cwd=tmp_path).settings.model == "openai"
    project.write_text('model = "small"\n')
    assert load_settings(cwd=tmp_path).settings.model == "small", "one of this machine may be named"
