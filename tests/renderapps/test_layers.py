"""Who imports whom below renderapps: never in a circle, never upwards."""

import ast
import re
from functools import cache
from pathlib import Path

import renderapps

ROOT = Path(renderapps.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
IMPORT = re.compile(r"^\s*(?:from|import) renderws\b", re.MULTILINE)


def module_of(path):
    """Dotted name of a file below renderapps, without that."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@cache
def imported(path):
    """Dotted names that a file imports from renderapps, wherever in it, without that."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {n.removeprefix("renderapps.") for n in found if n.startswith("renderapps.")}


def circle(edges):
    """Some nodes that lead to each other in a circle; none if there are none."""
    state, way = {}, []

    def visit(node):
        state[node] = "open"
        way.append(node)
        for target in sorted(edges.get(node, ())):
            if state.get(target) == "open":
                return way[way.index(target) :]
            if target not in state and (found := visit(target)):
                return found
        way.pop()
        state[node] = "done"
        return []

    for node in sorted(edges):
        if node not in state and (found := visit(node)):
            return found
    return []


def test_circles_are_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]
    assert circle({"a": {"b", "c"}, "b": {"c"}}) == []


def test_no_folder_imports_one_that_imports_it():
    folders = {path.parent.name for path in FILES if path.parent != ROOT}
    edges = {}
    for path in FILES:
        if path.parent == ROOT:
            continue
        own = path.relative_to(ROOT).parts[0]
        targets = {name.partition(".")[0] for name in imported(path)}
        edges.setdefault(own, set()).update((targets & folders) - {own})
    assert circle(edges) == []


def test_no_file_imports_one_that_imports_it():
    names = {module_of(path): path for path in FILES}
    edges = {name: (imported(path) & names.keys()) - {name} for name, path in names.items()}
    public = {name for name, path in names.items() if path.name == "__init__.py"}
    # the names that a package gathers are imported from it by others only
    within = {n: {t for t in targets if t not in public} for n, targets in edges.items()}
    assert circle({n: t for n, t in within.items() if n not in public}) == []


def test_no_file_imports_upwards():
    """Files right below renderapps (the command line) are imported by no folder."""
    tops = {module_of(path) for path in FILES if path.parent == ROOT} - {""}
    upwards = {module_of(p): imported(p) & tops for p in FILES if p.parent != ROOT}
    assert not {name: found for name, found in upwards.items() if found}


def test_only_some_verbs_may_import_the_service():
    """All others reach it as clients do."""
    allowed = {f"commands.{verb}" for verb in ("serve", "doctor", "store", "view", "jobs")} | {
        "demo"
    }
    importing = {module_of(path) for path in FILES if IMPORT.search(path.read_text())}
    assert {"commands.serve", "commands.store"} <= importing
    assert {name for name in importing if not name.startswith(tuple(allowed))} == set()
