"""`/metrics`: what the server does, in the text format of Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatapp.inference.scheduler import Scheduler

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts requests as they end; the scheduler's own counters are read when asked for.

    Args:
        scheduler: whose load is shown, if there is one.
        paths: those that are counted by name; all others are `other`.
    """

    def __init__(self, scheduler: Scheduler | None, paths: frozenset[str]) -> None:
        self._registry = CollectorRegistry()
        self._paths = paths
        if scheduler is not None:
            self._registry.register(_Load(scheduler))
        self._requests = Counter(
            "chatapp_requests", "Requests.", ["path", "status"], registry=self._registry
        )
        self._first = Histogram(
            "chatapp_first_byte_seconds",
            "From a request to the first byte of its answer's body.",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._whole = Histogram(
            "chatapp_request_seconds",
            "From a request to the end of its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self._registry)

    def watch(self, app: ASGIApp) -> ASGIApp:
        """Return the application with every request counted."""

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            path = scope["path"] if scope["path"] in self._paths else "other"
            status, began = "none", time.monotonic()
            first = 0.0

            async def note(message: Message) -> None:
                nonlocal status, first
                if message["type"] == "http.response.start":
                    status = str(message["status"])
                elif not first:
                    first = time.monotonic() - began
                await send(message)

            try:
                await app(scope, receive, note)
            finally:
                self._requests.labels(path, status).inc()
                self._first.labels(path).observe(first)
                self._whole.labels(path).observe(time.monotonic() - began)

        return watched


class _Load(Collector):
    """The scheduler's load and counters."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def collect(self) -> Iterator[Metric]:
        """Read them."""
        load = self._scheduler.load()
        for name, value in (
            ("running", load.running),
            ("waiting", load.waiting),
            ("slots", load.slots),
        ):
            yield GaugeMetricFamily(f"chatapp_replies_{name}", f"Replies: {name}.", value)
        done = load.done
        for name, what, count in (
            ("prompt_tokens", "Tokens of prompts.", done.prompt_tokens),
            ("cached_tokens", "Of these, found in a cache.", done.cached_tokens),
            ("completion_tokens", "Tokens of replies.", done.completion_tokens),
            ("steps", "Runs of the model that made tokens.", done.steps),
            ("step_rows", "Replies that took part in them.", done.stepped_rows),
        ):
            yield CounterMetricFamily(f"chatapp_{name}", what, count)
        ended = CounterMetricFamily("chatapp_replies", "Replies by how they ended.", labels=["how"])
        for how, count in list(done.replies.items()):
            ended.add_metric([how], count)
        yield ended
