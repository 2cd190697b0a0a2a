"""Tables of docs/scale.md from the figures that `python -m benchmarks.large --out FILE` wrote:

python -m benchmarks._scale_table FILE
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from benchmarks._large_steps import INDEX
from benchmarks._scaling import GROWING, SEARCHED, depth, fit

WANTED = (100_000_000, 865_000_000)
Figures = Mapping[int, Mapping[str, float]]
"""Figures by the number of tiles and their name."""


class Line(NamedTuple):
    """A figure that a table has: how it grows, and what it is multiplied by to be shown."""

    title: str
    name: str
    terms: tuple[str, ...]
    factor: float
    done: str | None = None
    """Name of the figure that says for how many tiles or pairs this was done, where not for all."""

    def of(self, figures: Mapping[str, float], tiles: int) -> float | None:
        """The figure for as many as there are tiles, None where it was not measured."""
        if self.name not in figures:
            return None
        share = figures[self.done] / tiles if self.done else 1.0
        return figures[self.name] / share


LINES = (
    Line("bytes, GB", "bytes of the store", GROWING, 1e-9),
    Line("import, core-hours", "import, core seconds", GROWING, 1 / 3600, "import, number"),
    Line("make `COMPLETE`, core seconds", "make COMPLETE, core", GROWING, 1),
    Line("ids of all tiles in one answer, core seconds", "ids of all tiles, core", GROWING, 1),
    Line("clone, core-hours", "clone, core", GROWING, 1 / 3600),
    Line("remove the rows of a deleted stack, core-hours",
         "remove the rows of deleted tiles, core of it", GROWING, 1 / 3600,
         "remove the rows of deleted tiles, rows"),
    Line("export as an archive, core-hours of the service", "export, core", GROWING, 1 / 3600),
    Line("export as an archive, core-hours of the module", "export, core of the module", GROWING,
         1 / 3600),
    Line("as many pairs of 10 points saved, core-hours", "save pairs, core seconds", GROWING,
         1 / 3600, "save pairs, number"),
    Line("remove the rows of as many deleted pairs, core-hours",
         "remove the rows of deleted pairs, core of it", GROWING, 1 / 3600,
         "remove the rows of deleted pairs, rows"),
    Line("box of about 13 tiles, core ms", "box of about 13 tiles, core", SEARCHED, 1),
    Line("one tile, core ms", "one tile, core", SEARCHED, 1),
    Line("section of 5,000 tiles, core ms", "section of 5,000 tiles, core", SEARCHED, 1),
    Line("bounds of a section, core ms", "bounds of a section, core", SEARCHED, 1),
    Line("all z values, core ms", "all z values, core", GROWING, 1),
    Line("section data of all sections, core ms", "section data of all sections, core", GROWING, 1),
    Line("5,000 pairs of a section, core ms", "5,000 pairs of a section, core", SEARCHED, 1),
)  # fmt: skip
SUMS = (", number", "seconds")
"""Ends of the names of figures that are added up where a step was done in parts."""


def read(lines: Iterable[bytes]) -> dict[str, dict[int, dict[str, float]]]:
    """Figures by store, number of tiles and name; the last one of each, or the sum of parts."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for line in lines:
        one = orjson.loads(line)
        of_size = found.setdefault(one["store"], {}).setdefault(one["tiles"], {})
        before = of_size.get(one["name"], 0.0) if one["name"].endswith(SUMS) else 0.0
        of_size[one["name"]] = before + one["value"]
    return found


def table(figures: Figures, is_postgres: bool) -> Iterator[str]:
    """Lines of a table: what was measured, and what the model says of more tiles."""
    sizes = sorted(figures)
    titles = [f"{n / 1e6:g} million" for n in sizes]
    titles += [f"*{n / 1e6:g} million*" for n in WANTED]
    yield "| | " + " | ".join([*titles, "error of the model"]) + " |"
    yield "|---" * (len(titles) + 2) + "|"
    for line in LINES:
        known = {n: value for n in sizes if (value := line.of(figures[n], n)) is not None}
        if not known:
            continue
        model = fit(list(known), list(known.values()), line.terms) if len(known) > 1 else None
        shown = [_text(line.factor * known[n]) if n in known else "" for n in sizes]
        shown += [f"*{_text(line.factor * model.at(n))}*" if model else "" for n in WANTED]
        error = f"{100 * model.error:.0f} %" if model else ""
        yield "| " + " | ".join([line.title, *shown, error]) + " |"
    for index in INDEX[is_postgres]:
        there = [n for n in sizes if f"index {index}, depth" in figures[n]]
        if there:
            yield _depths(figures, sizes, there, index)


def _depths(figures: Figures, sizes: list[int], there: list[int], index: str) -> str:
    """Levels of an index, from how full its pages are in the largest store."""
    largest = figures[there[-1]]
    leaves, interior = (largest[f"index {index}, {name}"] for name in ("leaves", "interior"))
    tiles, fan_out = largest["tiles in the store"], (leaves + interior - 1) / interior
    shown = [f"{figures[n][f'index {index}, depth']:.0f}" if n in there else "" for n in sizes]
    shown += [f"*{depth(n, tiles / leaves, fan_out)}*" for n in WANTED]
    return "| " + " | ".join([f"levels of the index `{index}`", *shown, ""]) + " |"


def _text(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main(files: list[str]) -> int:
    """Print a table for each store."""
    lines = [line for name in files for line in Path(name).read_bytes().splitlines()]
    for store, figures in read(lines).items():
        print(f"\n{store}\n")
        print("\n".join(table(figures, store == "postgresql")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
