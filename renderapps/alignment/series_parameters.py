"""Parameters of the modules that relate the sections of a series to each other."""

from __future__ import annotations

from typing import Any

from argschema.fields import Int, List
from marshmallow.validate import Range

from renderapps.module import parameter

FINE_ROUNDS = 2
"""So many times are sections compared by default."""


def long_range_field(what: str) -> Any:
    """A parameter long_range: pairs beyond the neighbours."""
    return parameter(
        List,
        f"each section is also {what} with those so many places further on in the series, such as "
        "8 16: what neighbours add up to is then held by what is seen directly",
        Int(validate=Range(min=1)),
        default=[],
    )
