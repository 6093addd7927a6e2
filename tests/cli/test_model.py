"""`chatapp model import` and `export`, as a person runs them: real processes, a hub on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatapp.inference.generator import ChatMessage, Finished, SamplingParams
from chatapp.inference.load import load_generator
from tests.cli.hub import FakeHub, serving
from tests.model import foreign
from tests.model.families import make
from tests.model.test_interop import own_model

ROOT = Path(__file__).parents[2]


class App:
    """Runs commands in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "CHATAPP_HOME": str(home), "HF_HOME": str(home / "hf")}
        self.environment.pop("HF_TOKEN", None)

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "chatapp", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path / "home")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeHub]:
    home = tmp_path_factory.mktemp("hub")
    make(home / "llama", "llama")
    (home / "llama" / "pytorch_model.bin").write_bytes(b"a pickle" * 1000)
    (home / "llama" / "modeling_own.py").write_text("raise SystemExit")
    foreign.base(home / "pickled")
    (home / "pickled" / "config.json").write_text('{"model_type": "llama"}')
    (home / "pickled" / "pytorch_model.bin").write_bytes(b"a pickle")
    with serving({"tiny/llama": home / "llama", "tiny/pickled": home / "pickled"}) as served:
        yield served


def test_a_model_goes_from_the_hub_into_the_chat(app: App, hub: FakeHub) -> None:
    """Sizes first, then consent, then exactly the files that are needed; then it answers."""
    app.environment["HF_ENDPOINT"] = hub.endpoint
    hub.fetched.clear()
    asked = app.run("model", "import", "tiny/llama", code=5)
    assert "tiny/llama would be downloaded" in asked.stderr
    assert "add --yes" in asked.stderr
    assert "MB  model-00001" in asked.stderr
    assert all("/resolve/" not in path for path in hub.fetched)

    done = app.run("model", "import", "tiny/llama", "--yes")
    assert "imported llama (llama)" in done.stdout
    assert 'set `model = "llama"`' in done.stdout
    fetched = {path.rsplit("/", 1)[-1] for path in hub.fetched if "/resolve/" in path}
    assert {"config.json", "tokenizer.json"} <= fetched
    assert not fetched & {"pytorch_model.bin", "modeling_own.py"}
    assert [path.name for path in (app.home / "models").iterdir()] == ["llama"]

    info = json.loads(app.run("model", "info", "llama", "--output", "json").stdout)
    assert info["imported_from"] == {"name": "tiny/llama", "model_type": "llama"}
    app.environment["CHATAPP_MODEL"] = "llama"
    listed = app.run("model", "list").stdout
    assert "* llama" in listed
    (app.home / "models" / "llama").rename(app.home / "models" / ".llama.download")
    assert ".llama" not in app.run("model", "list").stdout  # not there yet
    (app.home / "models" / ".llama.download").rename(app.home / "models" / "llama")
    generator = load_generator(app.home / "models" / "llama", threads=1)
    params = SamplingParams(greedy=True, max_tokens=5)
    last = list(generator.stream([ChatMessage("user", "Hello")], params, lambda: False))[-1]
    assert isinstance(last, Finished)
    assert last.completion_tokens > 0
    again = app.run("model", "import", "tiny/llama", "--yes", code=1)
    assert "there is a model 'llama' already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tiny/nothing", "--yes"], 3, "there is no model 'tiny/nothing' on the hub"),
        (["locked/model", "--yes"], 5, "accepted its terms"),
        (["tiny/llama", "--revision", "v9", "--yes"], 3, "has no such revision"),
        (["tiny/pickled", "--yes"], 1, "no weights in safetensors files"),
        (["./nowhere/at/all"], 3, "there is no directory './nowhere/at/all'"),
        (["tiny/llama", "--name", "../up", "--yes"], 2, "cannot be called '../up'"),
    ],
)
def test_what_the_hub_does_not_give_is_said_plainly(
    arguments: list[str], code: int, message: str, app: App, hub: FakeHub
) -> None:
    app.environment["HF_ENDPOINT"] = hub.endpoint
    assert message in app.run("model", "import", *arguments, code=code).stderr
    assert not list((app.home / "models").glob("*")) if (app.home / "models").is_dir() else True


def test_offline_and_out_of_reach_are_different_things(app: App) -> None:
    app.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"  # nobody listens there
    away = app.run("model", "import", "tiny/llama", "--yes", code=1)
    assert "the hub cannot be reached for tiny/llama" in away.stderr
    app.environment["HF_HUB_OFFLINE"] = "1"
    offline = app.run("model", "import", "tiny/llama", "--yes", code=1)
    assert "HF_HUB_OFFLINE is set" in offline.stderr


def test_a_directory_comes_in_and_goes_out_again(app: App, tmp_path: Path) -> None:
    make(tmp_path / "qwen", "qwen3")
    row = json.loads(app.run("model", "import", str(tmp_path / "qwen"), "--output", "json").stdout)
    assert row["runs_on"] == "chatapp"
    assert row["chat_template"]
    out = tmp_path / "out" / "qwen"
    exported = app.run("model", "export", "qwen", str(out), "--output", "json")
    assert json.loads(exported.stdout)["model_type"] == "qwen3"
    assert (out / "config.json").is_file()
    again = app.run("model", "export", "qwen", str(out), code=1)
    assert "is there already" in again.stderr


def test_what_cannot_be_exported_says_how_to_serve_it(app: App, tmp_path: Path) -> None:
    own_model(tmp_path / "sparse", attention=("dense", "sparse(8, 4)"))
    refused = app.run("model", "export", str(tmp_path / "sparse"), str(tmp_path / "out"), code=1)
    assert "this model has sparse(8, 4)" in refused.stderr
    assert "import chatapp.model.hf" in refused.stderr
    missing = app.run("model", "export", "nothing", str(tmp_path / "out"), code=3)
    assert "there is no model 'nothing'" in missing.stderr
