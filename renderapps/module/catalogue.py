"""Which modules there are, found by reading their files without importing them."""

from __future__ import annotations

import ast
import difflib
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BASES = ROOT / "module"


class UnknownModule(Exception):
    """No module, or more than one, has the name that was given."""


@dataclass(frozen=True)
class Entry:
    """A module: its dotted name below `renderapps`, its class and what it is for."""

    name: str
    class_name: str
    purpose: str

    @property
    def theme(self) -> str:
        """Name of the package it is in."""
        return self.name.rpartition(".")[0]

    def load(self) -> Any:
        """The class of the module."""
        return getattr(importlib.import_module(f"renderapps.{self.name}"), self.class_name)


def discover(root: Path = ROOT) -> list[Entry]:
    """Every module below a package folder, by name."""
    return sorted(_entries(root), key=lambda entry: entry.name)


def find(name: str) -> Entry:
    """The module that a name means: dotted, its last part alone, or its class."""
    wanted = name.removesuffix(".py").replace("/", ".").strip(".").removeprefix("renderapps.")
    path = ROOT.joinpath(*wanted.split(".")).with_suffix(".py")
    if path.is_file() and (exact := _entry(ROOT, path)):
        return exact  # the other files need not be read
    entries = discover()
    found = [e for e in entries if wanted in (e.name.rpartition(".")[2], e.class_name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownModule(f"{name} is one of {', '.join(e.name for e in found)}: say which")
    last = {e.name.rpartition(".")[2]: e.name for e in entries} | {e.name: e.name for e in entries}
    near = [last[match] for match in difflib.get_close_matches(wanted, last, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else "see `renderapps list`"
    raise UnknownModule(f"no module {name}; {hint}")


def _entries(root: Path) -> Iterator[Entry]:
    for path in root.rglob("*.py"):
        if entry := _entry(root, path):
            yield entry


def _entry(root: Path, path: Path) -> Entry | None:
    """The module in a file, if there is one."""
    text = path.read_text(encoding="utf-8")
    if "default_schema" not in text and "__main__" not in text:
        return None  # need not be parsed: most files are no modules
    tree = ast.parse(text, filename=str(path))
    class_name = _started_class(tree)
    if class_name is None and not path.is_relative_to(BASES):
        class_name = _schema_class(tree)
    if class_name is None:
        return None
    name = ".".join(path.relative_to(root).with_suffix("").parts)
    return Entry(name, class_name, _purpose(tree))


def _purpose(tree: ast.Module) -> str:
    text = ast.get_docstring(tree) or ""
    return " ".join(text.split("\n\n")[0].split())


def _started_class(tree: ast.Module) -> str | None:
    """X of a top-level `if __name__ == "__main__": X.main()`."""
    for node in tree.body:
        if not (isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)):
            continue
        for call in ast.walk(node):
            match call:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=class_name), attr="main")):
                    if any(isinstance(n, ast.ClassDef) and n.name == class_name for n in tree.body):
                        return class_name
    return None


def _schema_class(tree: ast.Module) -> str | None:
    """Last top-level class that assigns `default_schema`."""
    found = None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(
            isinstance(statement, ast.Assign)
            and any(getattr(target, "id", "") == "default_schema" for target in statement.targets)
            for statement in node.body
        ):
            found = node.name
    return found
