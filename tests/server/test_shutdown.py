"""The server ends in order: answers under way finish or are cut and told so; exit codes tell."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.server.conftest import ENDS, chat, serving
from tests.server.test_limits import connected, start_stream

LONG = chat(max_tokens=450, logit_bias=ENDS, n=8)


def events(raw: bytes) -> list[str]:
    return [line.removeprefix("data: ") for line in raw.decode().split("\n\n") if line]


def test_an_answer_under_way_is_finished(tmp_path: Path) -> None:
    with serving(tmp_path) as server, connected(server) as connection:
        start_stream(connection, chat(max_tokens=60, temperature=1.5))
        response = connection.getresponse()
        beginning = response.readline()
        server.process.terminate()
        said = events(beginning + response.read())
        assert said[-1] == "[DONE]"
        assert json.loads(said[-2])["choices"][0]["finish_reason"] in ("stop", "length")
        assert server.process.wait(20) == 143
        assert server.process.stderr is not None
        assert server.process.stderr.read() == ""


def test_what_takes_too_long_is_cut_and_its_client_told(tmp_path: Path) -> None:
    """Without grace the stream ends with an error that OpenAI's clients raise."""
    with serving(tmp_path, CHATAPP_SERVER_GRACE_SECONDS="0") as server:
        with connected(server) as connection:
            start_stream(connection, LONG)
            response = connection.getresponse()
            beginning = response.readline()
            server.process.terminate()
            said = events(beginning + response.read())
        assert json.loads(said[-2])["error"]["code"] == "shutting_down"
        assert server.process.wait(20) == 143


def test_the_second_signal_does_not_wait(tmp_path: Path) -> None:
    with serving(tmp_path, CHATAPP_SERVER_GRACE_SECONDS="600") as server:
        with connected(server) as connection:
            start_stream(connection, LONG)
            response = connection.getresponse()
            beginning = response.readline()
            server.process.send_signal(signal.SIGINT)
            server.process.send_signal(signal.SIGINT)
            said = events(beginning + response.read())
        assert said[-1] == "[DONE]"
        assert server.process.wait(20) == 130
