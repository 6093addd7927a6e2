"""Postings in flat arrays: what full text of the database holds, laid out to be read at once."""
