"""Reads the import statements of the three packages; the rules over them are in test_imports.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("chatapp", "retrieval", "tools")


@dataclass(frozen=True)
class Import:
    """One imported module: who imports what, on which line, and whether on being imported."""

    importer: str
    target: str
    line: int
    at_import_time: bool

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def all_imports() -> list[Import]:
    """Return every import statement of chatapp, retrieval and tools."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [found for path in files for found in imports_of(path.read_text("utf-8"), name_of(path))]


def name_of(path: Path) -> str:
    """Return the dotted name of a module's file; a package keeps its `.__init__`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(source: str, importer: str) -> Iterator[Import]:
    """Yield what one module imports, inside functions too."""
    yield from _visit(ast.parse(source), importer, at_import_time=True)


def _visit(node: ast.AST, importer: str, *, at_import_time: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        now = at_import_time and not later and not _type_checking(child)
        for target in _targets(child, importer):
            yield Import(importer, target, getattr(child, "lineno", 0), now)
        yield from _visit(child, importer, at_import_time=now)


def _type_checking(node: ast.AST) -> bool:
    """Say whether `node` is an `if TYPE_CHECKING:` block, which never runs."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _targets(node: ast.AST, importer: str) -> list[str]:
    """Return the modules an import statement names; `from a import b` may mean the module a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        base = ".".join([*importer.split(".")[: -node.level], *([base] if base else [])])
    return [
        f"{base}.{alias.name}" if _is_module(f"{base}.{alias.name}") else base
        for alias in node.names
    ]


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
