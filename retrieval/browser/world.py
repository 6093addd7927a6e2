"""What a browse asks of the world outside: results of a search, and pages by the links it showed.

A world never raises for the world's faults: what cannot be had is a page of kind `error` that says
why. `retrieval.browser.step` is pure but for the world it is given.
"""

from __future__ import annotations

from typing import Protocol

from retrieval.browser.pages import Page


class World(Protocol):
    """The web, an index, a recorded trace or a test's handful of pages."""

    def search(self, query: str) -> Page:
        """Return a page of kind `results`, or `error` where no search could be made."""
        ...

    def open(self, url: str) -> Page:
        """Return the page at an address that this world has shown, or one of kind `error`."""
        ...
