"""Trials of the limits of the service, by the option of each: what is served, what is asked.

The table in docs/service.md has a row for each option; `test_limits` serves with the option set to
`value`, runs the trial and compares what it gives with the last column of the row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Trial(NamedTuple):
    """A value for the option, further options, and a function of the server that gives what
    happened to a request beyond the limit: a status, or the word of the table.
    """

    value: str
    options: tuple[str, ...]
    run: Callable[..., int | str]


TRIALS: dict[str, Trial] = {}


def trial(option: str, value: str, *options: str):
    """Make a function the trial of an option."""

    def register(run):
        assert option not in TRIALS
        TRIALS[option] = Trial(value, options, run)
        return run

    return register
