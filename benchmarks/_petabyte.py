"""What a petabyte of pixels takes, from rates of one core:

python -m benchmarks._petabyte montage_pairs=25 z_pairs=1.2 solved_tiles=9000 written_megapixels=20
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

from benchmarks._scaling import core_hours, nodes

CORES, DAYS, USED = 64, 30.0, 0.8
"""Cores of a machine, days there are, and the share of the time that the cores do this work."""


@dataclass(frozen=True)
class Rates:
    """What one core does in a second, as `make bench` measures it.

    Attributes
    ----------
    montage_pairs : float
        Pairs of neighbours in a section, images read (`montage_matching`).
    z_pairs : float
        Pairs of tiles of two sections by SIFT (`matching`).
    solved_tiles : float
        Tiles of a section with affine maps (`solving`, plane).
    written_megapixels : float
        Megapixels drawn and written as a volume with its levels (`volumes`).
    """

    montage_pairs: float
    z_pairs: float
    solved_tiles: float
    written_megapixels: float


@dataclass(frozen=True)
class Volume:
    """Sections of square tiles of one byte a pixel that overlap.

    Attributes
    ----------
    pixels : float
        Of all tiles, what overlaps counted in each of them.
    side : int
        Of a tile, in pixels.
    overlap : float
        Of neighbours, as a share of the side.
    sections : int
    z_neighbours : float
        Tiles of other sections that a tile is matched with, each pair counted once.
    """

    pixels: float = 1e15
    side: int = 2048
    overlap: float = 0.1
    sections: int = 10_000
    z_neighbours: float = 2.0

    @property
    def tiles(self) -> float:
        """Tiles of the volume."""
        return self.pixels / self.side**2

    @property
    def of_section(self) -> float:
        """Tiles of a section, in a square."""
        return self.tiles / self.sections

    @property
    def montage_pairs(self) -> float:
        """Neighbours in all sections: two for each tile but for those at two of the sides."""
        along = math.sqrt(self.of_section)
        return self.sections * 2 * along * (along - 1)

    @property
    def z_pairs(self) -> float:
        """Pairs of tiles of different sections."""
        return self.tiles * self.z_neighbours

    @property
    def drawn(self) -> float:
        """Pixels of the sections, what overlaps counted once."""
        return self.pixels * (1 - self.overlap) ** 2


class Step(NamedTuple):
    """A step: how much there is to do, core-hours, and machines for a month."""

    name: str
    amount: float
    unit: str
    core_hours: float
    machines: int


def steps(volume: Volume, rates: Rates) -> Iterator[Step]:
    """What each step of an alignment takes."""
    for name, amount, unit, rate in (
        ("match montages", volume.montage_pairs, "pairs", rates.montage_pairs),
        ("match across z", volume.z_pairs, "pairs", rates.z_pairs),
        ("solve", volume.tiles, "tiles", rates.solved_tiles),
        ("materialise", volume.drawn / 1e6, "megapixels", rates.written_megapixels),
    ):
        hours = core_hours(amount, rate)
        yield Step(name, amount, unit, hours, nodes(hours, CORES, DAYS, USED))


def main(arguments: list[str]) -> int:
    """Print the table of docs/scale.md."""
    given: Mapping[str, str] = dict(one.split("=", 1) for one in arguments if "=" in one)
    names = [field.name for field in fields(Rates)]
    if sorted(given) != sorted(names):
        print(f"say NAME=RATE for each of {', '.join(names)}", file=sys.stderr)
        return 2
    rates = Rates(**{name: float(given[name]) for name in names})
    print(f"| step | how much | a core does in a second | core-hours | machines of {CORES} cores |")
    print("|---|---|---|---|---|")
    found = list(steps(Volume(), rates))
    for step, name in zip(found, names, strict=True):
        rate = f"{getattr(rates, name):,.3g}"
        print(
            f"| {step.name} | {step.amount:.3g} {step.unit} | {rate} | {step.core_hours:,.0f} |"
            f" {step.machines} |"
        )
    hours = sum(step.core_hours for step in found)
    print(f"| all | | | {hours:,.0f} | {nodes(hours, CORES, DAYS, USED)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
