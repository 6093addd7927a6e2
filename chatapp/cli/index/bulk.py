"""`--ray`: vectors made by many processes, or many machines, for `add` and `rebuild`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from retrieval.embedding import Embedder

F = TypeVar("F", bound=Callable[..., Any])


def ray_option(command: F) -> F:
    """Add the `--ray` option."""
    return click.option(
        "--ray",
        metavar="ADDRESS",
        help="Embed with Ray Data: 'local', or the address of a cluster. Needs the extra `ray`.",
    )(command)


@contextmanager
def through_ray(address: str | None) -> Iterator[Callable[[Embedder], Embedder] | None]:
    """Yield what spreads an embedder over a Ray cluster, None when nobody asked for it."""
    if address is None:
        yield None
        return
    from retrieval.embedding.spread import cluster

    with cluster(address) as spread:
        yield spread
