"""The words of a client's command line, made of the keywords of a function."""

from __future__ import annotations

from typing import Any

from renderapi.client.params import ArgumentParameters

CLIENTS = "org.janelia.render.client"
"""Package of the Java clients."""


def get_param(var: Any, flag: str | None = None) -> list[Any]:
    """Words of a command line for an option; none when it is not given."""
    return ArgumentParameters.get_cmd_opt(var, flag)


def options(**values: Any) -> list[Any]:
    """`--name value` of what is not None."""
    words: list[Any] = []
    for name, value in values.items():
        words += get_param(value, f"--{name}")
    return words


def flags(**values: Any) -> list[str]:
    """`--name` of what is true."""
    return [f"--{name}" for name, value in values.items() if value]
