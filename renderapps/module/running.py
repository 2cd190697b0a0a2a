"""Which run this is, and whether another one still goes on."""

from __future__ import annotations

import os
import platform
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from renderapi.processes import is_over as is_over
from renderapi.processes import process


@dataclass(frozen=True)
class Run:
    """One run of a module: what it is called and the id that its unfinished stacks carry."""

    module: str
    id: str = field(default_factory=lambda: secrets.token_hex(4))

    def unfinished(self, stack: str) -> str:
        """Name of the stack that this run builds beside `stack`."""
        return unfinished_name(stack, self.id)

    @property
    def holder(self) -> dict[str, Any]:
        """What others are told about this run, by which they find out whether it goes on."""
        name = f"{self.module}, pid {os.getpid()} on host {platform.node()}"
        return {"name": name, "run": self.id, **process()}


def unfinished_name(stack: str, run: str) -> str:
    """Name of a stack that a run builds beside another.

    >>> unfinished_name("raw", "3fa9c1d2")
    'raw_unfinished_3fa9c1d2'
    """
    return f"{stack}_unfinished_{run}"


def unfinished_of(name: str) -> tuple[str, str] | None:
    """The stack beside which one of such a name is built, and the run that builds it.

    >>> unfinished_of("raw_unfinished_3fa9c1d2")
    ('raw', '3fa9c1d2')
    """
    found = re.fullmatch(r"(.+)_unfinished_([0-9a-f]{8})", name)
    return None if found is None else (found[1], found[2])
