"""The settings: frozen dataclasses, read from files, environment and flags, each with its origin.

Later layers win: defaults < system file < user file < `./chatapp.toml` < `CHATAPP_*` < flags.
`schema` and `named` say what exists, `values` what a value may be, `files` and `layers` where
values come from. No pydantic here: importing it costs more than the whole of `chatapp --help`.
"""

from chatapp.settings.keys import SettingsError
from chatapp.settings.layers import Resolved, load_settings
from chatapp.settings.named import McpServer, Remote
from chatapp.settings.schema import (
    KEYS,
    GenerationSettings,
    RetrievalSettings,
    ServerSettings,
    Settings,
    ToolsSettings,
    UiSettings,
    WebSettings,
)

__all__ = [
    "KEYS",
    "GenerationSettings",
    "McpServer",
    "Remote",
    "Resolved",
    "RetrievalSettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "ToolsSettings",
    "UiSettings",
    "WebSettings",
    "load_settings",
]
