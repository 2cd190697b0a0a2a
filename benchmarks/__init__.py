"""What must be fast, measured: each file of this package has `run() -> list[Row]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: `value` in `unit`, and its ratio to `against`, measured in the same run.

    A ratio above 1 means that ours is the faster one.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
