"""The embedded store: one SQLite file holds documents, passages, full text and vectors."""
