"""Where the app writes: one directory under `CHATAPP_HOME`, else the platform's own directories.

Nothing here creates a directory; whoever writes first makes its parent. Paths are read from the
environment on every call, so a test can move the home by setting one variable.
"""

from __future__ import annotations

import os
from pathlib import Path

APP_NAME = "chatapp"
HOME_VARIABLE = "CHATAPP_HOME"


def expanded(text: str) -> Path:
    """Return the path with `~` followed; of somebody who has no home here, it stays as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises for them


def home() -> Path | None:
    """Return the directory named by `CHATAPP_HOME` as an absolute path, or None when unset."""
    value = os.environ.get(HOME_VARIABLE, "").strip()
    return expanded(value).absolute() if value else None


def data_dir() -> Path:
    """Return the directory of the database, the index, the models and the log file."""
    if (own := home()) is not None:  # a bare training machine has no platformdirs
        return own
    from platformdirs import user_data_path  # here, not above: `--help` does not need it

    return user_data_path(APP_NAME, appauthor=False)


def database_path() -> Path:
    """Return the file that holds the conversations."""
    return data_dir() / "chatapp.sqlite3"


def index_path() -> Path:
    """Return the search index's database; its FAISS cache lies in the same directory."""
    return data_dir() / "index" / "index.sqlite3"


def web_cache_path() -> Path:
    """Return the file that holds pages of the web for a while; it may be deleted at any time."""
    return data_dir() / "web.sqlite3"


def models_dir() -> Path:
    """Return the directory that holds one directory for each model of the person's own."""
    return data_dir() / "models"


def log_path() -> Path:
    """Return the file that takes the traceback of an unexpected error."""
    return data_dir() / "chatapp.log"


def user_config_path() -> Path:
    """Return the settings file of this person."""
    from platformdirs import user_config_path as platform_path

    return (home() or platform_path(APP_NAME, appauthor=False)) / "config.toml"


def system_config_path() -> Path:
    """Return the settings file of this machine; the app reads it and never writes it."""
    from platformdirs import site_config_path

    return site_config_path(APP_NAME, appauthor=False) / "config.toml"


def project_config_path(cwd: Path | None = None) -> Path:
    """Return the settings file of the directory `cwd` (default: where the command runs)."""
    return (cwd or Path.cwd()) / "chatapp.toml"
