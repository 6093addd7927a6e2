"""The settings: which layer wins, what each value may be, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatapp import paths
from chatapp.settings import KEYS, Settings, SettingsError, load_settings


@pytest.fixture
def system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine-wide settings file that tests may write."""
    path = tmp_path / "system.toml"
    monkeypatch.setattr(paths, "system_config_path", lambda: path)
    return path


def test_with_nothing_set_every_value_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty home gives the defaults, and says so for every key."""
    monkeypatch.delenv("CHATAPP_NATIVE")
    monkeypatch.delenv("CHATAPP_WRITTEN_REPLIES")
    monkeypatch.delenv("CHATAPP_WORD_PROBLEMS")
    resolved = load_settings(cwd=tmp_path)
    assert resolved.settings == Settings()
    assert resolved.origins == dict.fromkeys(KEYS, "default")


def test_each_layer_wins_over_the_one_before(
    chatapp_home: Path, system_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Defaults < system < user < project < environment < flags, one key at a time."""

    def now() -> tuple[int, str]:
        resolved = load_settings(flags, cwd=tmp_path)
        return resolved.settings.threads, resolved.origins["threads"]

    flags: dict[str, object] = {}
    assert now() == (0, "default")
    system_file.write_text("threads = 1\n")
    assert now() == (1, f"system:{system_file}")
    (chatapp_home / "config.toml").write_text("threads = 2\n")
    assert now() == (2, f"user:{chatapp_home / 'config.toml'}")
    (tmp_path / "chatapp.toml").write_text("threads = 3\n")
    assert now() == (3, f"project:{tmp_path / 'chatapp.toml'}")
    monkeypatch.setenv("CHATAPP_THREADS", "4")
    assert now() == (4, "env:CHATAPP_THREADS")
    flags["threads"] = 5
    assert now() == (5, "flag")


def test_layers_mix_key_by_key(chatapp_home: Path, tmp_path: Path) -> None:
    """A file that sets one key of a section leaves the others alone."""
    (chatapp_home / "config.toml").write_text("[generation]\nmax_tokens = 9\ntop_k = 8\n")
    (tmp_path / "chatapp.toml").write_text("generation.top_k = 7\n")
    generation = load_settings(cwd=tmp_path).settings.generation
    assert (generation.max_tokens, generation.top_k, generation.top_p) == (9, 7, 0.95)


def test_a_flag_that_was_not_given_changes_nothing(tmp_path: Path) -> None:
    """None from the command line means "not given"."""
    assert load_settings({"threads": None}, cwd=tmp_path).origins["threads"] == "default"


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("ON", True), ("1", True), ("no", False), ("0", False)]
)
def test_a_variable_is_read_as_the_type_of_its_key(
    text: str, value: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text from the environment becomes a bool, a number or a string."""
    monkeypatch.setenv("CHATAPP_RETRIEVAL_ENABLED", text)
    monkeypatch.setenv("CHATAPP_GENERATION_TEMPERATURE", "1")
    monkeypatch.setenv("CHATAPP_MODEL", "1")
    settings = load_settings(cwd=tmp_path).settings
    assert settings.retrieval.enabled is value
    assert settings.generation.temperature == 1.0
    assert isinstance(settings.generation.temperature, float)
    assert settings.model == "1"


@pytest.mark.parametrize(
    ("toml", "key", "allowed"),
    [
        ('threads = "four"', "threads", "a whole number at least 0"),
        ("threads = 1.5", "threads", "a whole number"),
        ("threads = true", "threads", "a whole number"),
        ("threads = -1", "threads", "at least 0"),
        ("generation.temperature = nan", "generation.temperature", "a number at least 0"),
        ("generation.top_p = 1.01", "generation.top_p", "at most 1"),
        ("retrieval.enabled = 2", "retrieval.enabled", "true or false"),
        ("model = []", "model", "some text"),
        ('model = " "', "model", "some text"),
    ],
)
def test_a_value_that_is_not_allowed_names_file_key_and_limits(
    toml: str, key: str, allowed: str, chatapp_home: Path, tmp_path: Path
) -> None:
    """A bad value stops the app and says where it stands and what would be right."""
    file = chatapp_home / "config.toml"
    file.write_text(toml + "\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(cwd=tmp_path)
    assert str(file) in caught.value.message
    assert f"'{key}'" in caught.value.message
    assert allowed in caught.value.hint


def test_an_unknown_key_names_the_file_the_key_and_the_nearest(
    chatapp_home: Path, tmp_path: Path
) -> None:
    """A misspelled key is an error, never silently ignored."""
    file = chatapp_home / "config.toml"
    file.write_text("[generation]\ntempreature = 0.5\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(cwd=tmp_path)
    assert caught.value.message == f"{file}, line 2: there is no setting 'generation.tempreature'"
    assert caught.value.hint == "did you mean 'generation.temperature'?"


def test_an_unknown_variable_names_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelled `CHATAPP_` variable is an error too."""
    monkeypatch.setenv("CHATAPP_THREAD", "2")
    with pytest.raises(SettingsError, match="CHATAPP_THREAD names no setting") as caught:
        load_settings(cwd=tmp_path)
    assert caught.value.hint == "did you mean 'CHATAPP_THREADS'?"


def test_a_key_far_from_all_others_points_to_the_list(chatapp_home: Path, tmp_path: Path) -> None:
    """Where no key is near, the hint says where they are listed."""
    (chatapp_home / "config.toml").write_text("zzz = 1\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(cwd=tmp_path)
    assert "chatapp config show" in caught.value.hint


@pytest.mark.parametrize("content", [b"threads = \n", b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_named(
    content: bytes, chatapp_home: Path, tmp_path: Path
) -> None:
    """Broken TOML and bytes that are no text name the file."""
    file = chatapp_home / "config.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(cwd=tmp_path)
    assert str(file) in caught.value.message


def test_every_setting_has_a_default_that_it_would_accept() -> None:
    """Passing each default as a flag is allowed and changes nothing."""
    flags: dict[str, object] = {key.name: key.default for key in KEYS.values()}
    assert load_settings(flags, cwd=Path("/")).settings == Settings()


def test_the_default_threshold_is_the_calibrated_one() -> None:
    """The settings repeat a constant of retrieval; this holds the two together."""
    from retrieval.quotes import DEFAULT_THRESHOLD

    assert Settings().retrieval.threshold == DEFAULT_THRESHOLD
