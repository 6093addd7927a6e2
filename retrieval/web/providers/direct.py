"""An `Api` over the project's HTTP client: addresses that a person configured, asked directly."""

from __future__ import annotations

import time

from retrieval.web.http import Dropped, Patience, Refused, Request, Stopped, TimedOut, read_lines
from retrieval.web.providers.api import Answer
from retrieval.web.providers.protocol import ShouldStop

_MOST = 4 << 20  # characters of an answer


class DirectApi:
    """Asks with the client of `retrieval.web.http`; redirects are not followed."""

    def ask(self, request: Request, *, deadline: float, should_stop: ShouldStop) -> Answer:
        """See `Api`."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimedOut("no time was left")

        def over() -> bool:
            return should_stop() or time.monotonic() > deadline

        lines, size = [], 0
        try:
            for line in read_lines(request, Patience(left, left, left), over):
                lines.append(line)
                size += len(line) + 1
                if size > _MOST:
                    raise Dropped(f"the answer is longer than {_MOST >> 20} MB")
        except Stopped:
            if should_stop():
                raise
            raise TimedOut("it took too long") from None
        except Refused as refused:
            return Answer(refused.status, refused.body, refused.retry_after)
        return Answer(200, "\n".join(lines))
