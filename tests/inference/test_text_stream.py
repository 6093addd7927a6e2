"""Streamed pieces are whole characters, and their concatenation is the whole text."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from chatapp.inference.text_stream import TextStream


def decode_bytes(tokens: Sequence[int]) -> str:
    """A tokenizer whose tokens are single bytes: the worst case for whole characters."""
    return bytes(tokens).decode("utf-8", errors="replace")


@given(st.text())
def test_pieces_join_to_the_text_and_never_split_a_character(text: str) -> None:
    stream = TextStream(decode_bytes)
    pieces = [stream.push(byte) for byte in text.encode()]
    assert all("\ufffd" not in piece for piece in pieces) or "\ufffd" in text
    assert "".join([*pieces, stream.finish()]) == text


@given(st.text("abc", min_size=0, max_size=30), st.text("abc", min_size=1, max_size=4))
def test_nothing_of_a_stop_string_is_ever_shown(text: str, stop: str) -> None:
    stream = TextStream(decode_bytes, (stop,))
    shown = ""
    for byte in text.encode():
        shown += stream.push(byte)
        if stream.stopped:
            break
    shown += stream.finish()
    assert shown == text.split(stop)[0]
    assert stream.stopped == (stop in text)
