"""The written replies that come with the app, loaded once a process, on first use.

The thing to know: the app works without them. Where a file that they need is missing or damaged,
the model talks alone.
"""

from __future__ import annotations

import functools
import logging
import lzma
import threading
from typing import TYPE_CHECKING

from chatapp import resources
from chatapp.assistant.embedder import open_encoder

if TYPE_CHECKING:
    from chatapp.talk import WrittenReplies

log = logging.getLogger("chatapp")
_loading = threading.Lock()


def shipped_replies() -> WrittenReplies | None:
    """Return the replies, None without usable files. The first call takes a moment."""
    with _loading:
        return _load()


@functools.cache
def _load() -> WrittenReplies | None:
    from chatapp.talk import WrittenReplies, read_exchanges
    from retrieval.embedding import load_embedder
    from retrieval.errors import EmbedderDamaged

    try:
        words, encoder = load_embedder(resources.embedder_dir()), open_encoder()
        if words is None or encoder is None:
            return None
        return WrittenReplies(read_exchanges(resources.talk_file()), words, encoder)
    except (OSError, EOFError, lzma.LZMAError, ValueError, KeyError, EmbedderDamaged) as error:
        log.warning("No written replies: %s", error)
        return None
