"""What is installed is what is used: dependencies, shipped files, checksums, the Makefile."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from chatapp import resources
from chatapp.cli.doctor.data import checksums
from tests.project.imports import PACKAGES, ROOT, all_imports

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked_files() -> list[Path]:
    """Return the files of the repository; skips where the sources lie without their history."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in done.stdout.split("\0") if name]


def declared() -> set[str]:
    """Return the names of the distributions that the project depends on."""
    return names(PROJECT["project"]["dependencies"])


def extras() -> set[str]:
    """Return the names of the distributions that an extra of it adds."""
    optional = PROJECT["project"]["optional-dependencies"]
    return names(each for name, wanted in optional.items() if name != "dev" for each in wanted)


def names(requirements: Iterable[str]) -> set[str]:
    """Return the names alone."""
    return {re.split(r"[<>=!~\[; ]", requirement)[0].lower() for requirement in requirements}


def test_every_library_that_is_imported_is_declared() -> None:
    """No module leans on a library that only another library happens to bring along.

    Triton is part of every CUDA build of torch and looked for before it is used; elsewhere there
    is nothing that it could serve.
    """
    homes = packages_distributions()
    used = {found.target.split(".")[0] for found in all_imports()}
    used -= set(PACKAGES) | set(sys.stdlib_module_names) | {"triton"}
    missing = {
        name
        for name in used
        if (declared() | extras()).isdisjoint(d.lower() for d in homes.get(name, [name]))
    }
    assert missing == set()


def test_every_library_that_is_declared_is_imported() -> None:
    """A dependency is a cost; one that nothing imports is dropped, with one exception.

    `lxml_html_clean` is what trafilatura needs, through an extra of lxml whose name older versions
    of pip do not recognise.
    """
    homes = packages_distributions()
    used = {found.target.split(".")[0] for found in all_imports()}
    needed = {home.lower() for name in used for home in homes.get(name, [])}
    assert declared() - needed == {"lxml_html_clean"}


def test_the_makefile_asks_for_the_same_torch() -> None:
    """torch is installed first and alone; its range must be the project's own."""
    [wanted] = [each for each in PROJECT["project"]["dependencies"] if each.startswith("torch")]
    assert f"$(PIP) '{wanted}'" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is the business of the machine, not of the project."""
    pattern = re.compile(r"(extra-)?index-url|find-links|https?://\S+/simple\b")
    suffixes = {".py", ".toml", ".md", ".cfg", ".txt", ""}
    named = [
        path.relative_to(ROOT)
        for path in tracked_files()
        if path.suffix in suffixes and path != Path(__file__).resolve()
        if pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert named == []


def test_everything_that_a_wheel_carries_is_there() -> None:
    """Each shipped directory exists and lands where `resources` looks for it."""
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, target in included.items():
        assert any((ROOT / source).iterdir()), source
        assert target == f"chatapp/_shipped/{source}"


SHIPPED = ("default", "embedder", "filter", "reader", "recall", "solver")


def test_the_list_of_checksums_covers_the_shipped_models() -> None:
    """`data/models/SHA256SUMS` is what the doctor trusts: `make checksums` brings it up to date."""
    for directory in (resources.default_model_dir().parent / name for name in SHIPPED):
        listed = set(checksums(directory))
        assert listed == {path for path in directory.rglob("*") if path.is_file()}
