"""Everyday talk: replies that were written beforehand, for a model that is poor company."""

from chatapp.talk.replies import WrittenReplies, WrittenReply, read_exchanges

__all__ = ["WrittenReplies", "WrittenReply", "read_exchanges"]
