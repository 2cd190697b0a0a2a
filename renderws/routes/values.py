"""Text of paths and queries turned into values, by the rules of the contract.

Text that does not convert is a path that does not exist: 404.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from renderws.limits import Limits
from renderws.routes.answers import HttpError

_DECIMALS = "0123456789.+-eE"
_INTEGER = re.compile(r"[+-]?\d{1,10}")
_NAME = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")
_INT32 = 1 << 31

Convert = Callable[[str], Any]


def double(text: str) -> float:
    """A finite decimal number; 404 for any other text."""
    try:
        value = math.nan if text.strip(_DECIMALS) else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise HttpError(404, f"'{text}' is not a number")
    return value


def integer(text: str) -> int:
    """A 32 bit integer written as one (`256`, not `256.0`); 404 for any other text."""
    value = int(text) if _INTEGER.fullmatch(text) else _INT32
    if not -_INT32 <= value < _INT32:
        raise HttpError(404, f"'{text}' is not an integer")
    return value


def boolean(text: str) -> bool:
    """Whether the text is "true", in any letter case."""
    return text.lower() == "true"


def one_of(*words: str) -> Convert:
    """Converter that accepts exactly these words; 404 for any other text."""

    def convert(text: str) -> str:
        if text not in words:
            raise HttpError(404, f"'{text}' is none of {', '.join(words)}")
        return text

    convert.__name__ = "|".join(words)
    return convert


@lru_cache(maxsize=1024)
def checked_name(kind: str, name: str, longest: int = Limits.max_name_length) -> str:
    """Name of an owner, project, stack or collection; 400 when it breaks the rule."""
    if len(name) > longest:
        raise HttpError(400, f"{kind} name '{name[:40]}...' is longer than {longest} characters")
    if not _NAME.fullmatch(name):
        raise HttpError(
            400,
            f"{kind} name '{name}' may only hold letters, digits and single underscores within",
        )
    return name


@dataclass(frozen=True)
class Parameter:
    """A query parameter: its name, converter, default, whether it may be given repeatedly, and
    whether empty text counts as given.
    """

    name: str
    convert: Convert = str
    default: Any = None
    repeat: bool = False
    empty: bool = False

    def read(self, texts: list[str] | None) -> Any:
        """Value for the texts given in the query."""
        if texts is None:
            return [] if self.repeat else self.default
        given = [text for text in texts if self.empty or text != ""]
        if self.repeat:
            return [self.convert(text) for text in given]
        return self.convert(given[0]) if given else self.default


MIN_Z = Parameter("minZ", double)
MAX_Z = Parameter("maxZ", double)

RENDER_QUERY = (
    Parameter("scale", double),
    Parameter("filter", boolean),
    Parameter("filterListName"),
    Parameter("binaryMask", boolean),
    Parameter("excludeMask", boolean),
    Parameter("convertToGray", boolean),
    Parameter("fillWithNoise", boolean),
    Parameter("minIntensity", double),
    Parameter("maxIntensity", double),
    Parameter("channels"),
)
MAX_TILES_TO_RENDER = Parameter("maxTileSpecsToRender", integer)
