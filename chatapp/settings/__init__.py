"""The settings: frozen dataclasses, read from files, environment and flags, each with its origin.

Later layers win: defaults < system file < user file < `./chatapp.toml` < `CHATAPP_*` < flags.
`schema` says what exists, `values` what a value may be, `layers` where values come from. No
pydantic here: importing it costs more than the whole of `chatapp --help`.
"""

from chatapp.settings.layers import Resolved, load_settings
from chatapp.settings.schema import (
    KEYS,
    GenerationSettings,
    RetrievalSettings,
    Settings,
    SettingsError,
    UiSettings,
)

__all__ = [
    "KEYS",
    "GenerationSettings",
    "Resolved",
    "RetrievalSettings",
    "Settings",
    "SettingsError",
    "UiSettings",
    "load_settings",
]
