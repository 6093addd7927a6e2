"""What all requests share: the model and its scheduler, and how to sample by default."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import torch

from chatapp.assistant.factory import model_dir, open_embedder
from chatapp.assistant.guests import Guests
from chatapp.inference.generator import SamplingParams
from chatapp.inference.load import load_decoder
from chatapp.inference.native.decoder import NativeDecoder
from chatapp.inference.remote import open_remote
from chatapp.inference.scheduler import Scheduler
from chatapp.inference.scheduler_generator import ScheduledGenerator
from chatapp.server.config import ServerConfig
from chatapp.server.embeddings import Embedder
from chatapp.server.errors import ApiError
from chatapp.server.openapi import document
from chatapp.settings import Settings

GROUNDED = "chatapp"  # answers like the chat itself: from the sources, with citations
RAW = "chatapp-raw"  # the bare model, whatever its own name is
EMBEDDER = "chatapp-embeddings"  # what the index searches with


@dataclass
class Service:
    """The running parts of a server.

    Attributes:
        config: how it was started.
        scheduler: makes replies of the bare model; None where the model is a remote one.
        defaults: how to sample where a request does not say.
        started: seconds since the epoch.
        guests: answer like the chat itself.
        embedder: None where no embedder is installed.
    """

    config: ServerConfig
    scheduler: Scheduler | None
    defaults: SamplingParams
    started: int
    guests: Guests
    embedder: Embedder | None = None

    def close(self) -> None:
        """Finish what runs, or cut it after the time of grace. Blocks as long."""
        until = time.monotonic() + self.config.grace_seconds
        self.guests.drain(self.config.grace_seconds)
        if self.scheduler is not None:
            self.scheduler.drain(max(0.0, until - time.monotonic()))
            self.scheduler.close()
        self.guests.close()

    def cut(self) -> None:
        """Cut what runs at once, while `close` waits for it."""
        self.guests.cut()
        if self.scheduler is not None:
            self.scheduler.cut()

    def require_bare(self, model: str) -> Scheduler:
        """Return the scheduler. Raises ApiError (404) unless a request means the bare model."""
        if self.scheduler is None or model not in (RAW, self.scheduler.name):
            raise self.no_model(model)
        return self.scheduler

    def require_embedder(self, model: str) -> Embedder:
        """Return the embedder. Raises ApiError (404) unless a request means it, and it is there."""
        if model != EMBEDDER or self.embedder is None:
            raise self.no_model(model)
        return self.embedder

    def models(self) -> list[str]:
        """Return the names of all models."""
        return [*self._chat_models(), *self._embedders()]

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document of this server."""
        return document(self._chat_models(), self._embedders())

    def _chat_models(self) -> list[str]:
        bare = (RAW, self.scheduler.name) if self.scheduler is not None else ()
        return list(dict.fromkeys((GROUNDED, *bare)))

    def _embedders(self) -> list[str]:
        return [EMBEDDER] if self.embedder is not None else []

    def no_model(self, name: str) -> ApiError:
        """Return the answer to a request for a model that is not there, or cannot do this."""
        return ApiError(
            404,
            f"no model {name[:100]!r} can do this here; there are: {', '.join(self.models())}",
            code="model_not_found",
            param="model",
        )


def open_service(settings: Settings, config: ServerConfig) -> Service:
    """Load the model and start its scheduler; a remote model has its own, elsewhere.

    Raises:
        ModelUnavailable: it cannot be loaded.
        RemoteError: it cannot be reached.
    """
    defaults = SamplingParams(**dataclasses.asdict(settings.generation))
    scheduler: Scheduler | None = None
    if settings.model in settings.remotes:
        remote = open_remote(settings.model, settings.remotes[settings.model])
        guests = Guests(settings, lambda: remote, most=config.slots, waiting=config.queue)
    else:
        scheduler = local = _open_scheduler(settings, config)
        guests = Guests(settings, lambda: ScheduledGenerator(local, GROUNDED), waiting=config.queue)
    return Service(config, scheduler, defaults, int(time.time()), guests, open_embedder())


def _open_scheduler(settings: Settings, config: ServerConfig) -> Scheduler:
    directory = model_dir(settings)
    decoder, tokenizer = load_decoder(
        directory,
        slots=config.slots,
        threads=settings.threads,
        wait=True,
        longest=settings.context_length,
    )
    if isinstance(decoder, NativeDecoder):
        # it has threads of its own; sampling is too little work to share, and threads that wait
        # for it take the cores from everybody
        torch.set_num_threads(1)
    return Scheduler(
        directory.name,
        decoder,
        tokenizer,
        queue=config.queue,
        queue_per_client=max(1, config.queue // 2),
    )
