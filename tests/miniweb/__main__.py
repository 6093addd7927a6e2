"""Serve a mini-web for an evaluation: `python -m tests.miniweb --data FILE… --home DIR`.

The first start builds an index of the articles in DIR (some minutes for the whole encyclopaedia);
later ones take what is there. It prints its address and serves until Ctrl+C.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from chatapp.resources import embedder_dir
from tests.miniweb.articles import read_articles
from tests.miniweb.server import MiniWeb


def main() -> None:
    """Build if need be, and serve."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="knowledge or qa records")
    parser.add_argument("--home", type=Path, required=True, help="keeps the articles and the index")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    options.home.mkdir(parents=True, exist_ok=True)
    articles = read_articles(options.data)
    web = MiniWeb(articles, embedder_dir(), directory=options.home, port=options.port)
    print(f"{len(web.store.titles):,} articles at {web.base}", file=sys.stderr)
    print(web.base, flush=True)
    try:
        web.serve_forever()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)


if __name__ == "__main__":
    main()
