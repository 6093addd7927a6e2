"""The schema, as numbered steps that are applied in order and never edited once released.

Only `opening` imports this package, because sqlite_utils takes a tenth of a second to import.
"""

from chatapp.conversations.migrations import from_m006, from_m009, from_m010, from_m011
from chatapp.conversations.migrations.until_m005 import migrations

__all__ = ["from_m006", "from_m009", "from_m010", "from_m011", "migrations"]
