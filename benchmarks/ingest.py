"""How fast files come into the index: `python benchmarks/ingest.py --records FILE --scratch DIR`.

Writes a multistream dump made of the records (links, notes, templates and an infobox put into their
text) and a folder of tiny files, and indexes the records, the dump and the folder, each into a new
index with the shipped embedder. Ends with one JSON line on stdout. `cpu_s` and `peak_rss_bytes`
count this process alone; the dump is unpacked and read by a child beside it.
`ratio_mwparserfromhell` is the speed of our wikitext reader by that of the library's
`parse(...).strip_code()`, where it is installed.
"""

from __future__ import annotations

import argparse
import bz2
import html
import json
import lzma
import os
import platform
import random
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # a benchmark runs from a checkout, installed or not

from chatapp.resources import embedder_dir  # noqa: E402
from retrieval.dumps.wikitext import plain_text  # noqa: E402
from retrieval.index import Index  # noqa: E402

BOX = """{{{{Infobox settlement
| name = {title}
| image_caption = The ''[[old]]'' town
| population_total = {{{{formatnum:12345}}}}
| established_date = {{{{start date|1191|5|14}}}}
| leader_name = [[A B|C]]<ref name=x/>
}}}}
"""
NOTE = "<ref>{{cite web |url=http://example.org/1 |title=A title |publisher=[[BBC]]}}</ref>"
TAIL = "\n== References ==\n{{reflist}}\n[[Category:Things]]\n"
HEADER = '<mediawiki xml:lang="en"><siteinfo><base>https://w.example/wiki/M</base></siteinfo>\n'


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=Path, required=True, help="a .jsonl.xz of articles")
    parser.add_argument("--scratch", type=Path, required=True, help="an empty folder")
    parser.add_argument("--articles", type=int, default=4000)
    parser.add_argument("--files", type=int, default=50_000)
    chosen = parser.parse_args()
    chosen.scratch.mkdir(parents=True, exist_ok=True)
    articles = list(read(chosen.records, chosen.articles))
    pages = [as_wikitext(article) for article in articles]
    records = chosen.scratch / "articles.jsonl"
    records.write_text("".join(json.dumps(article) + "\n" for article in articles))
    dump = write_dump(chosen.scratch / "wiki.xml.bz2", articles, pages)
    folder = write_tiny(chosen.scratch / "tiny", chosen.files)
    metrics = {
        "records": added(chosen.scratch / "records", records),
        "dump": added(chosen.scratch / "dump", dump),
        "tiny_files": added(chosen.scratch / "tiny_home", folder),
        "wikitext": wikitext_speed(pages[:300]),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    config = {"articles": len(articles), "files": chosen.files, "records": chosen.records.name}
    machine = {"cpus": os.cpu_count(), "platform": platform.platform()}
    line = {"metrics": metrics, "n": len(articles), "stderr": {}}
    print(json.dumps({**line, "config": config, "machine": machine}))


def added(home: Path, source: Path) -> dict[str, float]:
    """Index `source`, then look at it again; return rates and sizes."""
    index = Index.open(home / "index.sqlite3", embedder_dir=embedder_dir())
    began = time.process_time()
    first = index.add([source])
    cpu = time.process_time() - began
    again = index.add([source])
    status = index.status()
    index.close()
    return {
        "passages": first.passages,
        "documents": first.added,
        "seconds": round(first.seconds, 2),
        "cpu_s": round(cpu, 2),
        "passages_per_cpu_s": round(first.passages / cpu, 1),
        "passages_per_s": round(first.passages / first.seconds, 1),
        "unchanged_per_s": round(again.unchanged / again.seconds, 1),
        "bytes_on_disk": status.bytes_on_disk,
        "bytes_read": source.stat().st_size if source.is_file() else 0,
    }


def wikitext_speed(pages: list[str]) -> dict[str, float]:
    """Return megabytes a second of CPU, ours and the library's."""
    ours = _speed(plain_text, pages)
    try:
        import mwparserfromhell
    except ImportError:
        return {"mb_per_s": round(ours, 2)}
    peer = _speed(lambda page: str(mwparserfromhell.parse(page).strip_code()), pages)
    return {"mb_per_s": round(ours, 2), "ratio_mwparserfromhell": round(ours / peer, 2)}


def _speed(read_page: Callable[[str], str], pages: list[str]) -> float:
    began = time.process_time()
    for page in pages:
        read_page(page)
    return sum(map(len, pages)) / 1e6 / (time.process_time() - began)


def read(path: Path, count: int) -> Iterator[dict[str, str]]:
    """Yield the first records of a file."""
    with lzma.open(path) as lines:
        for _, line in zip(range(count), lines, strict=False):
            yield json.loads(line)


def as_wikitext(article: dict[str, str]) -> str:
    """Return an article's text with the markup of an encyclopaedia put into it."""
    chance = random.Random(article["title"])
    text = re.sub(r"^## (.*)$", r"== \1 ==", article["text"], flags=re.MULTILINE)
    text = re.sub(r"^- ", "* ", text, flags=re.MULTILINE)
    text = re.sub(r"\b([A-Z][a-z]+ [A-Z][a-z]+)\b", r"[[\1 (thing)|\1]]", text)
    text = re.sub(r"\b(\d+) (km|ft|m)\b", r"{{convert|\1|\2|abbr=on}}", text)
    text = re.sub(r"\. (?=[A-Z])", lambda _: f".{NOTE * (chance.random() < 0.3)} ", text)
    return BOX.format(title=article["title"]) + text + TAIL


def write_dump(path: Path, articles: list[dict[str, str]], pages: list[str]) -> Path:
    """Write a dump with a hundred pages a stream."""
    with path.open("wb") as file:
        file.write(bz2.compress(HEADER.encode()))
        for start in range(0, len(pages), 100):
            block = "".join(
                f"<page><title>{html.escape(articles[n]['title'])}</title><ns>0</ns><id>{n}</id>"
                "<revision><timestamp>2026-01-01T00:00:00Z</timestamp>"
                f"<text>{html.escape(pages[n])}</text></revision></page>\n"
                for n in range(start, min(start + 100, len(pages)))
            )
            file.write(bz2.compress(block.encode()))
    return path


def write_tiny(folder: Path, count: int) -> Path:
    """Write files of one sentence."""
    for number in range(count):
        path = folder / str(number % 100) / f"note{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Note {number} tells of subject{number} in the town {number % 977}.")
    return folder


if __name__ == "__main__":
    main()
