"""How a fetcher behaves: manners, ways allowed, and limits. The defaults are what users get."""

from __future__ import annotations

import re
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class FetchSettings:
    """Everything that may be set.

    Attributes:
        agent: the product that asks, `name/version`; robots.txt knows it by its name.
        contact: an address or URL at which its operator can be reached; "" says nothing.
        allow: origins that are read although their address is not public; see `guard.Guard`.
        delay: seconds between two requests to one host; the host may ask for more.
        longest_wait: seconds that a host's own wish may hold up a fetch; above, it is given up.
        cache_bytes: size of the cache.
        parse_seconds: longest time that the parser gets for one page.
    """

    agent: str = "chatapp"
    contact: str = ""
    allow: tuple[str, ...] = ()
    delay: float = 0.5
    longest_wait: float = 10.0
    cache_bytes: int = 200 * MIB
    parse_seconds: float = 15.0

    @property
    def user_agent(self) -> str:
        """The header: who asks, on whose behalf, and where to complain; ASCII, as headers are."""
        contact = printable(self.contact)
        about = f"; +{contact}" if contact else ""
        return f"{self.agent} (personal assistant, reads at a person's request{about})"

    @property
    def robot(self) -> str:
        """The name that robots.txt knows."""
        return self.agent.partition("/")[0]


def printable(text: str) -> str:
    """Return what of a text a header can hold: printable ASCII."""
    return re.sub(r"[^\x20-\x7e]", "", text)
