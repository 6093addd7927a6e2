"""What a server is started with, and when it refuses to start."""

from __future__ import annotations

import ipaddress
import platform
from dataclasses import dataclass

from chatapp.settings import Settings

LEAST_KEY = 16  # characters; shorter ones can be guessed
_ANY = ("0.0.0.0", "::")


class ServerRefused(ValueError):
    """The server does not start like this; `hint` is the fix."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True)
class ServerConfig:
    """Where to listen, whom to let in, and how much to take on.

    Attributes:
        keys: any of these opens the API; none means that it is open.
        hosts: names by which clients may call the server, in lower case.
        origins: web pages that may use it from a browser (CORS).
        queue: replies that may wait for a place in the batch.
        requests_per_minute: of one client; 0 is no limit.
        body_bytes: longest request.
        grace_seconds: how long replies under way may take once the server shall stop.
        patience_seconds: how long a client may take to send a request, and to take what is sent.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    slots: int = 16
    queue: int = 64
    requests_per_minute: int = 600
    body_bytes: int = 4 * 2**20
    grace_seconds: float = 10.0
    patience_seconds: float = 30.0

    @property
    def loopback(self) -> bool:
        """Whether only programs on this machine can reach it."""
        return is_loopback(self.host)

    def allowed_hosts(self) -> frozenset[str]:
        """Return the names that a request's Host header may have, besides IP addresses."""
        names = {"localhost", *self.hosts}
        if self.host not in _ANY:
            names.add(self.host.lower())
        if not self.loopback:
            names.add(platform.node().lower())
        return frozenset(names)


def server_config(settings: Settings) -> ServerConfig:
    """Return the configuration that the settings and the environment's key make.

    Raises:
        ServerRefused: it would be open to the network without a key.
    """
    chosen = settings.server
    config = ServerConfig(
        host=chosen.host,
        port=chosen.port,
        keys=tuple(key.strip() for key in chosen.api_key.split(",") if key.strip()),
        hosts=tuple(name.lower() for name in chosen.hosts),
        origins=chosen.origins,
        slots=chosen.slots,
        queue=chosen.queue,
        requests_per_minute=chosen.requests_per_minute,
        body_bytes=int(chosen.max_body_mb * 2**20),
        grace_seconds=chosen.grace_seconds,
        patience_seconds=chosen.patience_seconds,
    )
    if not config.loopback and not config.keys:
        raise ServerRefused(
            f"{config.host} can be reached from the network, and there is no key",
            hint="set CHATAPP_SERVER_API_KEY to a long secret, or listen on 127.0.0.1.",
        )
    if any(len(key) < LEAST_KEY for key in config.keys):
        raise ServerRefused(
            f"the key has fewer than {LEAST_KEY} characters",
            hint='make one: python -c "import secrets; print(secrets.token_urlsafe())"',
        )
    return config


def is_loopback(host: str) -> bool:
    """Say whether an address or name to listen on is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
