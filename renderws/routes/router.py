"""Paths of the contract: a table of routes, matched segment by segment on the undecoded path.

Frameworks decode the whole path first, and with it the `%2F` inside ids; here a path is split
first and each segment decoded by itself. A trailing slash makes no difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any
from urllib.parse import unquote

from renderws.routes.answers import Answer, HttpError
from renderws.routes.call import Call
from renderws.routes.values import Convert, Parameter, double, integer

BASE = "render-ws/v1/"
PREFIXES = {
    "O": BASE + "owner/{owner}",
    "P": BASE + "owner/{owner}/project/{project}",
    "S": BASE + "owner/{owner}/project/{project}/stack/{stack}",
    "C": BASE + "owner/{owner}/matchCollection/{collection}",
    "": BASE.rstrip("/"),
}
_DOUBLES = frozenset({"z", "x", "y", "scale", "minZ", "maxZ"})
_INTEGERS = frozenset({"width", "height", "level", "row", "column"})
_STACK_WORDS = ["render-ws", "v1", "owner", "project", "stack"]
_HOLE = re.compile(r"\{(\w+)\}")
_ANYTHING = "(.+)"


@dataclass(frozen=True)
class Route:
    """One operation: its number in the contract (0: our own), method, path, handler and query.

    The path begins with one of the letters of `PREFIXES` or with "/" for what lies outside them.
    `changes` says whether the operation alters the store; by default every method but GET does.
    `pixels` sends it to the pool for rendering; `cached` gives it the cache headers of its stack,
    and `revalidated` those by which clients ask each time whether the stack has changed; of
    `ranged` ones a part can be asked for;
    `consistent` operations that change nothing read the store as it is at one moment. `quick` ones
    take so little time that handing them to a thread would cost more; `lengthy` changes let others
    go first again and again, so that none has to wait for their end. `apart` changes are of what is
    kept apart from stacks and matches, and wait for no change of these.
    """

    number: int
    method: str
    template: str
    handler: Callable[[Call], Answer]
    query: tuple[Parameter, ...] = ()
    converters: dict[str, Convert] = field(default_factory=dict)
    changes: bool | None = None
    pixels: bool = False
    cached: bool = False
    revalidated: bool = False
    ranged: bool = False
    consistent: bool = True
    quick: bool = False
    lengthy: bool = False
    apart: bool = False
    body: str | None = None

    @property
    def path(self) -> str:
        """Full path template, with a leading slash."""
        if self.template.startswith("//"):
            return self.template[1:]
        head, slash, rest = self.template.partition("/")
        return "/" + PREFIXES[head] + slash + rest

    def unasked(self) -> dict[str, Any]:
        """Values of the query when nothing is asked for in it."""
        values = self._defaults.copy()
        for name in self._lists:
            values[name] = []
        return values

    @cached_property
    def _defaults(self) -> dict[str, Any]:
        return {parameter.name: parameter.default for parameter in self.query}

    @cached_property
    def _lists(self) -> list[str]:
        return [parameter.name for parameter in self.query if parameter.repeat]

    @cached_property
    def is_change(self) -> bool:
        """Whether the operation alters what is stored."""
        return self.method != "GET" if self.changes is None else self.changes

    def converter(self, name: str) -> Convert:
        """How the path value of this name is read."""
        if name in self.converters:
            return self.converters[name]
        if name in _DOUBLES:
            return double
        return integer if name in _INTEGERS else str


class _Node:
    """A place in the tree of path segments."""

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.patterns: dict[str, tuple[re.Pattern[str] | None, _Node]] = {}
        self.routes: dict[str, tuple[Route, list[tuple[str, Convert]]]] = {}

    def step(self, segment: str) -> _Node:
        """Child for a segment of a template, made when missing."""
        if "{" not in segment:
            return self.literals.setdefault(segment, _Node())
        text = _segment_pattern(segment)
        if text not in self.patterns:
            pattern = None if text == _ANYTHING else re.compile(text, re.DOTALL)
            self.patterns[text] = pattern, _Node()
        return self.patterns[text][1]


@cache
def _segment_pattern(segment: str) -> str:
    """Regular expression of a segment; one value may hold anything, several no separator."""
    names = _HOLE.findall(segment)
    value = _ANYTHING if len(names) == 1 else "([^,_]+)"
    parts = _HOLE.split(segment)
    return "".join([value if i % 2 else re.escape(part) for i, part in enumerate(parts)])


_Found = tuple[tuple[Route, list[tuple[str, Convert]]], tuple[str, ...]]


class Router:
    """Finds the route of a path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.path.strip("/").split("/"):
                node = node.step(segment)
            if route.method in node.routes:
                raise ValueError(f"two routes for {route.method} {route.path}")
            names = _HOLE.findall(route.path)
            node.routes[route.method] = route, [(name, route.converter(name)) for name in names]
        self._stack = self._root
        for segment in PREFIXES["S"].split("/"):
            self._stack = self._stack.step(segment)

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, Any]]:
        """Route and path values of an undecoded path; 404 and 405 as `HttpError`."""
        segments = raw_path.strip("/").split("/")
        if "%" in raw_path:
            segments = [unquote(part) for part in segments]
        allowed: set[str] = set()
        found = self._of_stack(method, segments) or _walk(
            self._root, method, segments, 0, (), allowed
        )
        if found is not None:
            (route, values), texts = found
            return route, {
                name: convert(text) for (name, convert), text in zip(values, texts, strict=True)
            }
        if allowed:
            message = f"{method} is not possible here, only {', '.join(sorted(allowed))}"
            raise HttpError(405, message, {"Allow": ", ".join(sorted(allowed))})
        raise HttpError(404, f"there is nothing at {raw_path}")

    def _of_stack(self, method: str, segments: list[str]) -> _Found | None:
        """The route of a path below a stack, found without the long way there; None for others."""
        names = segments[3:8:2]
        words = segments[:3] + segments[4:8:2]
        if words != _STACK_WORDS or len(names) < 3 or not all(names):
            return None
        return _walk(self._stack, method, segments, 8, tuple(names), set())


def _walk(
    node: _Node,
    method: str,
    segments: list[str],
    index: int,
    texts: tuple[str, ...],
    allowed: set[str],
) -> _Found | None:
    """The first route of a method that a path leads to, literal segments before patterns.

    The methods of other routes of this path are added to `allowed`.
    """
    while index < len(segments):
        segment = segments[index]
        index += 1
        child = node.literals.get(segment)
        if not node.patterns:
            if child is None:
                return None
            node = child
            continue
        ways: list[tuple[_Node, tuple[str, ...]]] = [] if child is None else [(child, ())]
        for pattern, target in node.patterns.values():
            if pattern is None:
                groups: tuple[str, ...] = (segment,) if segment else ()
            else:
                match = pattern.fullmatch(segment)
                groups = match.groups() if match else ()
            if groups:
                ways.append((target, groups))
        if len(ways) != 1:
            walks = (
                _walk(target, method, segments, index, texts + groups, allowed)
                for target, groups in ways
            )
            return next(filter(None, walks), None)
        node, groups = ways[0]
        texts += groups
    allowed.update(node.routes)
    route = node.routes.get(method)
    return None if route is None else (route, texts)
