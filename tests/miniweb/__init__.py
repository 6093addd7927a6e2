"""A small web on the loopback: an encyclopaedia to browse, its search APIs, and hostile pages.

Tests and evaluations browse it over real HTTP. It is part of the tests and of nothing that ships.
"""

from tests.miniweb.articles import Article
from tests.miniweb.faults import Fault
from tests.miniweb.server import MiniWeb

__all__ = ["Article", "Fault", "MiniWeb"]
