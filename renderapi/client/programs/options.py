"""Options of the clients, read the way the Java clients read theirs.

`--name value`; a flag stands alone (or before `true` or `false`); a list takes all words up to the
next `--` (numbers also with commas between them); other words, wherever they stand, are the
positional ones; `@file` stands for the lines of a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from renderapi.errors import ClientScriptError

Kind = Literal["text", "whole", "number", "flag", "boolean", "texts", "numbers"]
_LISTS = ("texts", "numbers")
_BOOLEANS = {"true": True, "false": False}


class Options(SimpleNamespace):
    """The values of the options of a program, each an attribute of the option's name.

    `words` are the positional ones; `session` is that of the caller, if any.
    """

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the program declares no option --{name}")


@dataclass(frozen=True)
class Option:
    """An option: `--name`."""

    name: str
    kind: Kind = "text"
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def flag(*names: str) -> tuple[Option, ...]:
    """Options that are off unless given."""
    return tuple(Option(name, "flag", False) for name in names)


def optional(kind: Kind, *names: str) -> tuple[Option, ...]:
    """Options without default."""
    return tuple(Option(name, kind) for name in names)


STACK = (
    Option("baseDataUrl", required=True),
    Option("owner", required=True),
    Option("project", required=True),
    Option("stack", required=True),
)
COLLECTION = (
    Option("baseDataUrl", required=True),
    Option("owner", required=True),
    Option("collection", required=True),
)
VALIDATOR = optional("text", "validatorClass", "validatorData")
BOX = optional("number", "minX", "maxX", "minY", "maxY")


def read_options(
    declared: Iterable[Option],
    arguments: Sequence[str],
    positional: Literal["none", "any", "some"] = "none",
) -> Options:
    """Values of the options in the arguments of a command line.

    Parameters
    ----------
    declared : iterable of Option
    arguments : sequence of str
    positional : str
        Whether words without an option are refused, may be there, or must be.

    Raises
    ------
    ClientScriptError
        Naming every problem.
    """
    table = {name: option for option in declared for name in (option.name, *option.aliases)}
    values: dict[str, Any] = {}
    words: list[str] = []
    problems: list[str] = []
    pending = _expanded(arguments)
    while pending:
        word = pending.pop(0)
        if not word.startswith("--"):
            words.append(word)
        elif word[2:] not in table:
            problems.append(f"unknown option {word}")
        else:
            option = table[word[2:]]
            try:
                value = _value(option, pending)
            except ValueError as error:
                problems.append(f"{word}: {error}")
                continue
            earlier = values.get(option.name, []) if option.kind in _LISTS else []
            values[option.name] = [*earlier, *value] if option.kind in _LISTS else value
    for option in table.values():
        if option.name not in values:
            if option.required:
                problems.append(f"--{option.name} is required")
            values[option.name] = option.default
    if positional == "none" and words:
        problems.append(f"unexpected words: {' '.join(words)}")
    if positional == "some" and not words:
        problems.append("no values after the options")
    if problems:
        raise ClientScriptError("; ".join(dict.fromkeys(problems)))
    return Options(words=words, session=None, **values)


def _expanded(arguments: Sequence[str]) -> list[str]:
    words: list[str] = []
    for argument in arguments:
        if argument.startswith("@"):
            try:
                lines = Path(argument[1:]).read_text(encoding="utf-8").splitlines()
            except OSError as error:
                raise ClientScriptError(
                    f"cannot read the arguments in {argument}: {error}"
                ) from error
            words += [line.strip() for line in lines if line.strip()]
        else:
            words.append(argument)
    return words


def _value(option: Option, pending: list[str]) -> Any:
    if option.kind == "flag":
        if pending and pending[0].lower() in _BOOLEANS:
            return _BOOLEANS[pending.pop(0).lower()]
        return True
    if option.kind in _LISTS:
        found: list[str] = []
        while pending and not pending[0].startswith("--"):
            found.append(pending.pop(0))
        if option.kind == "numbers":
            found = [part for word in found for part in word.split(",") if part]
        return [_scalar(option, word) for word in found]
    if not pending:
        raise ValueError("a value is missing")
    return _scalar(option, pending.pop(0))


def _scalar(option: Option, word: str) -> Any:
    if option.kind == "boolean":
        if word.lower() not in _BOOLEANS:
            raise ValueError(f"{word!r} is neither true nor false")
        return _BOOLEANS[word.lower()]
    if option.kind == "whole":
        number = _number(word)
        if number != int(number):
            raise ValueError(f"{word!r} is no whole number")
        return int(number)
    if option.kind in ("number", "numbers"):
        return _number(word)
    if not option.choices or word in option.choices:
        return word
    if word.upper() in option.choices:
        return word.upper()
    raise ValueError(f"{word!r} is none of {', '.join(option.choices)}")


def _number(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        raise ValueError(f"{word!r} is no number") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError(f"{word!r} is no finite number")
    return number


def z_values(words: Iterable[str]) -> list[float]:
    """Positional words as z values."""
    try:
        return [_number(word) for word in words]
    except ValueError as error:
        raise ClientScriptError(f"z values: {error}") from None


def box_of(options: Options) -> tuple[float, float, float, float] | None:
    """The box (minX, minY, maxX, maxY) of the options; None where it is not given."""
    values = (options.minX, options.minY, options.maxX, options.maxY)
    given = [value for value in values if value is not None]
    if not given:
        return None
    if len(given) < 4:
        raise ClientScriptError("minX, maxX, minY and maxY must be given together")
    if options.minX > options.maxX or options.minY > options.maxY:
        raise ClientScriptError(f"the box {values} is empty")
    return values
