"""The gate for outside text as front ends use it: they do not import `retrieval` themselves."""

from __future__ import annotations

from retrieval.text import sanitize_text

__all__ = ["sanitize_text"]
