"""`chatapp conversations`: what was said, from the shell. Deleting is undone by `restore`."""

from chatapp.cli.conversations import exchange, keeping, organising, reading
from chatapp.cli.conversations.group import conversations

__all__ = ["conversations", "exchange", "keeping", "organising", "reading"]
