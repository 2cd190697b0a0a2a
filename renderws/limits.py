"""What a service does at most for a client: every limit with its default, option and answer.

`Limits` is the one place of a limit. The options of `renderapps serve`, the table in
`docs/service.md` (`python -m renderws.limits` prints it) and the test that tries every row all
come from its fields.
"""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any, NamedTuple

from renderapi.rendering.limits import OWN, DrawingLimits

KILOBYTE, MEGABYTE, GIGABYTE = 1 << 10, 1 << 20, 1 << 30
_UNITS = {"K": KILOBYTE, "M": MEGABYTE, "G": GIGABYTE}


def limit(default: float, beyond: int | str, says: str, unit: str = "") -> Any:
    """A field of `Limits`.

    Parameters
    ----------
    default : number
    beyond : int or str
        Status of the answer to what goes further, or in a word what happens ("closed").
    says : str
        What is limited, for the table and the help of the option.
    unit : str
        "bytes", "s", "days", or empty for a count.
    """
    return field(default=default, metadata={"beyond": beyond, "says": says, "unit": unit})


@dataclass(frozen=True)
class Limits:
    """Every limit of one service; a field `max_tiles` is the option `--max-tiles`."""

    max_connections: int = limit(1000, "closed", "connections; idle ones are closed for new ones")
    max_header_bytes: int = limit(64 * KILOBYTE, 431, "first line and headers", "bytes")
    header_seconds: float = limit(20.0, 408, "until the headers of a request are there", "s")
    body_seconds: float = limit(60.0, 408, "until a body is there, and 1 s per 100 kB of it", "s")
    send_seconds: float = limit(60.0, "closed", "for a client to take 1 MB of its answer", "s")
    max_body_bytes: int = limit(512 * MEGABYTE, 413, "one request body", "bytes")
    max_bodies_bytes: int = limit(GIGABYTE, 503, "all request bodies in memory", "bytes")
    max_values: int = limit(8_000_000, 413, "JSON values of a body; lists and objects twice")
    lock_seconds: float = limit(10.0, 503, "a change waits for another process", "s")
    max_name_length: int = limit(255, 400, "characters in a name of a stack or collection")
    max_id_length: int = limit(1000, 400, "characters in an id of a tile, section or group")
    max_tiles: int = limit(50_000, 400, "tiles in one answer")
    max_answer_bytes: int = limit(512 * MEGABYTE, 400, "tile specifications in one answer", "bytes")
    max_pixels: int = limit(1 << 27, 400, "pixels of one answered picture")
    max_image_bytes: int = limit(
        GIGABYTE, 400, "decoded bytes of one source image, mask, slice or chunk", "bytes"
    )
    max_download_bytes: int = limit(512 * MEGABYTE, 400, "one file from another host", "bytes")
    download_seconds: float = limit(
        30.0, 400, "time for one file from another host, redirections included", "s"
    )
    max_filters: int = limit(100, 400, "filters of one picture")
    max_filter_radius: float = limit(
        1000.0, 400, "radius of a filter, in pixels of the full-scale image"
    )
    max_mesh_cells: int = limit(1 << 18, 400, "mesh cells over one tile")
    picture_seconds: float = limit(60.0, 503, "time for one picture or match trial", "s")
    max_trial_pixels: int = limit(1 << 24, 400, "pixels of a canvas of a match trial")
    max_job_bytes: int = limit(64 * KILOBYTE, 413, "what a run of a module says of itself", "bytes")
    max_jobs: int = limit(1000, "forgotten", "runs of modules that are remembered")
    job_days: float = limit(
        30.0, "forgotten", "time that a run is remembered after it last said something", "days"
    )
    stop_seconds: float = limit(
        30.0, "ended", "time to stop after SIGTERM; requests may go on for two thirds of it", "s"
    )

    @property
    def drawing(self) -> DrawingLimits:
        """Bounds of pictures, as the renderer takes them."""
        return DrawingLimits(
            image_bytes=self.max_image_bytes,
            download_bytes=self.max_download_bytes,
            download_seconds=self.download_seconds,
            filters=self.max_filters,
            filter_radius=self.max_filter_radius,
            mesh_cells=self.max_mesh_cells,
        )


#: of a service in the process of its only user: what no image can be, and no time limit
OWN_USE: dict[str, Any] = {
    "max_image_bytes": OWN.image_bytes,
    "max_download_bytes": OWN.download_bytes,
    "download_seconds": OWN.download_seconds,
    "max_filters": OWN.filters,
    "max_filter_radius": OWN.filter_radius,
    "max_mesh_cells": OWN.mesh_cells,
    "max_trial_pixels": 1 << 27,
    "picture_seconds": math.inf,
}


class Row(NamedTuple):
    """A line of the table: all of it as text."""

    says: str
    default: str
    option: str
    beyond: str


def option_of(found: Field[Any]) -> str:
    """Option of `renderapps serve` for a field of `Limits`."""
    return "--" + found.name.replace("_", "-")


def rows() -> Iterator[Row]:
    """The table in the order of the fields."""
    for found in fields(Limits):
        about = found.metadata
        default = _shown(found.default, about["unit"])
        yield Row(about["says"], default, option_of(found), str(about["beyond"]))


def table() -> str:
    """The table as Markdown."""
    lines = ["| limit | default | option | beyond it |", "|---|---|---|---|"]
    lines += [f"| {r.says} | {r.default} | `{r.option}` | {r.beyond} |" for r in rows()]
    return "\n".join(lines)


def add_options(parser: ArgumentParser) -> None:
    """Add an option for every limit."""
    group = parser.add_argument_group("limits")
    for found in fields(Limits):
        about = found.metadata
        group.add_argument(
            option_of(found),
            type=_reader(found.default, about["unit"]),
            default=found.default,
            metavar={"bytes": "BYTES", "s": "SECONDS", "days": "DAYS"}.get(about["unit"], "N"),
            help=about["says"],
        )


def chosen(options: Any) -> dict[str, Any]:
    """The limits among parsed options."""
    return {found.name: getattr(options, found.name) for found in fields(Limits)}


def _shown(value: Any, unit: str) -> str:
    if unit != "bytes":
        return (
            f"{value:,g} {unit}".rstrip()
            if isinstance(value, float)
            else f"{value:,} {unit}".rstrip()
        )
    for letter, size in reversed(_UNITS.items()):
        if value >= size and value % size == 0:
            return f"{value // size}{letter}"
    return str(value)


def _reader(default: Any, unit: str) -> Callable[[str], Any]:
    """Reader of the text of an option: a number above 0; bytes may end in K, M or G."""

    def read(text: str) -> Any:
        factor = _UNITS.get(text[-1:].upper(), 1) if unit == "bytes" else 1
        digits = text[:-1] if factor > 1 else text
        try:
            number = float(digits) if isinstance(default, float) else int(digits)
        except ValueError:
            number = 0
        if not 0 < number < float("inf"):
            raise ArgumentTypeError(f"must be a number above 0, not {text!r}")
        return number * factor

    return read


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")
