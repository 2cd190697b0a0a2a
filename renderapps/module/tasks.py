"""One task: a function of one item, what it is called, and what is told where it fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any


@dataclass(frozen=True)
class TaskFailure:
    """An item that failed: the reason on one line, and the traceback of the worker."""

    item: Any
    reason: str
    details: str = ""


def attempt(function: Callable[[Any], Any], item: Any) -> Any:
    """`function(item)`, or a TaskFailure in its place."""
    try:
        return function(item)
    except Exception as error:
        return TaskFailure(item, one_line(error), traceback.format_exc())


def one_line(error: BaseException) -> str:
    """Message of an error on one line; with its type where the message alone would say nothing."""
    from renderapi.errors import RenderError

    text = " ".join(str(error).split())
    if isinstance(error, RenderError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def label(item: Any, number: int) -> str:
    """What people call an item: a z is a section, an item may say it itself (`label`).

    A chunk is called as what it begins with.

    >>> label(12.0, 0), label((3.5, [7]), 1), label([((4, 5), "a")], 2), label({}, 3)
    ('section-12', 'section-3.5', 'section-4', 'task-3')
    """
    while isinstance(item, list | tuple) and item and not hasattr(item, "label"):
        item = item[0]
    own = getattr(item, "label", None)
    if isinstance(own, str):
        return own
    if isinstance(item, Real) and not isinstance(item, bool):
        return f"section-{float(item):g}"
    return f"group-{item}" if isinstance(item, str) and len(item) < 50 else f"task-{number}"
