"""One task: a function of one item, and what is told where it fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
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
