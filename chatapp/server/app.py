"""The application: its routes, and what stands before them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chatapp.server.chat import ChatAnswer, read_chat
from chatapp.server.completions import CompletionAnswer, read_completion
from chatapp.server.embeddings import AT_ONCE, embeddings
from chatapp.server.errors import ApiError, as_api_error
from chatapp.server.grounded import GroundedAnswer, read_visit
from chatapp.server.guard import Guard
from chatapp.server.metrics import Metrics
from chatapp.server.reading import read_json
from chatapp.server.responses import ClientGone, EventStream, error_response, unless_gone
from chatapp.server.schemas import CHAT, COMPLETION, EMBEDDINGS
from chatapp.server.service import GROUNDED, Service

log = logging.getLogger("chatapp")
Endpoint = Callable[[Request], Awaitable[Response]]

_CLIENT_GONE = 499  # as nginx logs it


class Api:
    """The endpoints over one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._embedding = asyncio.Semaphore(AT_ONCE)

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions"""
        service = self._service
        body = await read_json(request, CHAT, service.config.patience_seconds)
        answer = await unless_gone(request.receive, self._begun(body, request.state.client))
        if body.get("stream"):
            return EventStream(answer.chunks())
        return JSONResponse(await unless_gone(request.receive, answer.whole()))

    async def _begun(self, body: dict[str, Any], client: str) -> ChatAnswer | GroundedAnswer:
        """Return the answer to a chat, on its way."""
        service = self._service
        if body["model"] == GROUNDED:
            visit = read_visit(body, service.defaults)
            usage = bool(body.get("stream_options", {}).get("include_usage"))
            grounded = GroundedAnswer(GROUNDED, visit, service.guests, include_usage=usage)
            return await grounded.begin()
        scheduler = service.require_bare(body["model"])
        wanted = read_chat(body, service.defaults, scheduler.vocab_size)
        return await ChatAnswer.ask(wanted, scheduler, client)

    async def complete(self, request: Request) -> Response:
        """POST /v1/completions"""
        service = self._service
        body = await read_json(request, COMPLETION, service.config.patience_seconds)
        scheduler = service.require_bare(body["model"])
        wanted = read_completion(body, service.defaults, scheduler.vocab_size)
        ask = CompletionAnswer.ask(wanted, scheduler, request.state.client)
        answer = await unless_gone(request.receive, ask)
        if body.get("stream"):
            return EventStream(answer.chunks())
        return JSONResponse(await unless_gone(request.receive, answer.whole()))

    async def embed(self, request: Request) -> Response:
        """POST /v1/embeddings"""
        body = await read_json(request, EMBEDDINGS, self._service.config.patience_seconds)
        embedder = self._service.require_embedder(body["model"])
        work = embeddings(body, embedder, self._embedding)
        return JSONResponse(await unless_gone(request.receive, work))

    async def models(self, request: Request) -> Response:
        """GET /v1/models"""
        data = [self._model(name) for name in self._service.models()]
        return JSONResponse({"object": "list", "data": data})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/{model}"""
        name = request.path_params["model"]
        if name not in self._service.models():
            raise self._service.no_model(name)
        return JSONResponse(self._model(name))

    async def health(self, request: Request) -> Response:
        """GET /health"""
        scheduler = self._service.scheduler
        load = scheduler.load() if scheduler is not None else None
        running, waiting = (load.running, load.waiting) if load is not None else (0, 0)
        return JSONResponse({"status": "ok", "running": running, "waiting": waiting})

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json"""
        return JSONResponse(self._service.document())

    def _model(self, name: str) -> dict[str, Any]:
        described = {
            "id": name,
            "object": "model",
            "created": self._service.started,
            "owned_by": "chatapp",
        }
        if self._service.scheduler is not None:
            described["max_model_len"] = self._service.scheduler.context_length
        return described


def build_app(service: Service) -> Starlette:
    """Return the ASGI application over a service."""
    api, config = Api(service), service.config
    routes = [
        Route("/v1/chat/completions", _safe(api.chat), methods=["POST"]),
        Route("/v1/completions", _safe(api.complete), methods=["POST"]),
        Route("/v1/embeddings", _safe(api.embed), methods=["POST"]),
        Route("/v1/models", _safe(api.models)),
        Route("/v1/models/{model:path}", _safe(api.model)),
        Route("/health", _safe(api.health)),
        Route("/openapi.json", _safe(api.openapi)),
    ]
    metrics = Metrics(service.scheduler, frozenset(route.path for route in routes))

    async def show_metrics(request: Request) -> Response:
        """GET /metrics"""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    routes.append(Route("/metrics", _safe(show_metrics)))
    middleware = [Middleware(metrics.watch), Middleware(Guard, config=config)]
    if config.origins:
        pages = Middleware(
            CORSMiddleware,
            allow_origins=list(config.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
        middleware.insert(1, pages)
    return Starlette(
        routes=routes,
        middleware=middleware,
        exception_handlers={HTTPException: _unknown_route},
    )


def _safe(endpoint: Endpoint) -> Endpoint:
    """Let an endpoint answer with an error in OpenAI's shape, whatever happens in it."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientGone:
            return Response(status_code=_CLIENT_GONE)  # for the metrics: nobody reads it
        except Exception as error:
            told = as_api_error(error)
            if told.status == 500:
                log.error("A request failed", exc_info=error)
            return error_response(told)

    return answered


async def _unknown_route(request: Request, error: Exception) -> Response:
    """Answer for a path or a method that does not exist."""
    assert isinstance(error, HTTPException)
    what = f"there is no {request.method} {request.url.path[:200]} here; /openapi.json lists all"
    code = "not_found" if error.status_code == 404 else "method_not_allowed"
    return error_response(ApiError(error.status_code, what, code=code, headers=error.headers))
