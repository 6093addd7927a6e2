"""`chatapp serve`: the model for other programs, over the API that they already speak."""

from __future__ import annotations

import logging

import click


@click.command()
@click.option("--host", help="Address to listen on; others than loopback need a key.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0: a free one.")
@click.option("--model", help="`default`, the name of a model of yours, or a directory.")
@click.option("--slots", type=click.IntRange(1, 256), help="Answers made at the same time.")
@click.option("--queue", type=click.IntRange(min=1), help="Answers that may wait.")
@click.option("--quiet", "-q", is_flag=True, help="Do not say where the server listens.")
def serve(
    host: str | None,
    port: int | None,
    model: str | None,
    slots: int | None,
    queue: int | None,
    quiet: bool,
) -> int:
    """Serve an OpenAI-compatible API until Ctrl+C or SIGTERM."""
    from chatapp.settings import load_settings

    flags = {
        "server.host": host,
        "server.port": port,
        "model": model,
        "server.slots": slots,
        "server.queue": queue,
    }
    settings = load_settings(flags).settings
    from chatapp.server.config import server_config

    config = server_config(settings)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # strangers' bad requests are no news
    from chatapp.server.runner import listen
    from chatapp.server.runner import serve as serve_until_signalled
    from chatapp.server.service import open_service

    listener = listen(config)
    port = listener.getsockname()[1]
    service = open_service(settings, config)
    address = f"[{config.host}]" if ":" in config.host else config.host

    def ready() -> None:
        if not quiet:
            click.echo(f"chatapp serves {settings.model} at http://{address}:{port}/v1")

    signalled = serve_until_signalled(service, listener, on_ready=ready)
    return 128 + signalled if signalled else 0
