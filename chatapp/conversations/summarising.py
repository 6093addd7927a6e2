"""Summaries of branches: beside the messages, never one of them, and gone with them.

No search finds them, recall and the memory's rules never see them: a summary is what a model made
of what was said, not what anybody said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatapp.conversations import rows
from chatapp.conversations.file import StoreFile
from chatapp.conversations.inserting import put_summary
from chatapp.conversations.types import Summary

if TYPE_CHECKING:
    from sqlite_utils import Database


class Summarising(StoreFile):
    """Reading and writing summaries. Every method blocks for one short transaction."""

    def summary(self, message_id: str | None) -> Summary | None:
        """Return the summary that reaches furthest on the branch down to this message, or None."""
        return self.read(lambda db: rows.get_summary(db, message_id))

    def keep_summary(
        self,
        message_id: str,
        text: str,
        *,
        model: str = "",
        edited: bool = False,
        instead_of: Summary | None = None,
    ) -> Summary:
        """Write the summary of a branch down to `message_id`, and drop the one it goes on from.

        Raises:
            NotFound: there is no such message, or it is deleted.
        """
        summary = Summary(message_id, text, model, edited, self.now())

        def job(db: Database) -> Summary:
            rows.get_live_message(db, message_id)
            if instead_of is not None:
                _drop(db, instead_of)
            put_summary(db, summary)
            return summary

        return self.write(job)

    def drop_summary(self, summary: Summary) -> None:
        """Delete a summary."""
        self.write(lambda db: _drop(db, summary))


def _drop(db: Database, summary: Summary) -> None:
    db.execute("delete from summaries where message_id = ?", [summary.message_id])
