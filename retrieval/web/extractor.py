"""The child process that parses pages: `python -m retrieval.web.extractor`.

It says when it is ready. Then it reads tasks from its standard input, one after the other: a line
of JSON (`kind`, `url`, `size`) and as many bytes; it answers each with a line that holds the number
of bytes, and JSON. It stays warm, because loading the parsers takes longer than most pages do. Its
parent kills it when a page takes too long; its own limits hold if the parent is gone.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any, BinaryIO

CPU_SECONDS = 20  # for one page
MEMORY_BYTES = 1 << 30
_FIRST = b"<html><body><h1>A</h1><p>" + b"A sentence with <a href='/b'>a link</a>. " * 20
READY = b"ready\n"  # said once, when the parsers are loaded


def serve(tasks: BinaryIO, answers: BinaryIO) -> None:
    """Answer tasks until there are no more."""
    _answer("html", _FIRST, "https://example.org/")  # loads what the parsers load when first used
    answers.write(READY)
    answers.flush()
    while line := tasks.readline():
        task = json.loads(line)
        body = tasks.read(task["size"])
        _allow_cpu()
        answer = json.dumps(_answer(task["kind"], body, task["url"])).encode()
        answers.write(b"%d\n" % len(answer) + answer)
        answers.flush()


def _answer(kind: str, body: bytes, url: str) -> dict[str, Any]:
    from retrieval.web import reading

    try:
        if kind == "pdf":
            page = reading.read_pdf(body, url)
        else:
            page = reading.read_html(body.decode("utf-8"), url)
    except MemoryError:
        return {"error": "the page needs more memory than it may have"}
    except RecursionError:
        return {"error": "the page is nested too deeply"}
    except Exception as error:  # noqa: BLE001  # parsers of strangers' bytes raise what they like
        return {"error": f"the page cannot be read ({type(error).__name__})"}
    return {"page": asdict(page)}


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows has no rlimits; the parent's deadline still holds
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has nothing to write


def _allow_cpu() -> None:
    """Give the next page its own share: the limit counts all seconds since the process began."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    _limit()
    serve(sys.stdin.buffer, sys.stdout.buffer)
