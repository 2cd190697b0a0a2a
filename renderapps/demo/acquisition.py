"""Simulate an array tomography acquisition: overlapping 16-bit tiles with known true positions.

The specimen is the immunohistochemistry micrograph that ships inside scikit-image, split into its
two stains (haematoxylin marks nuclei, DAB a protein) as two fluorescence channels would be. It is
treated as a continuous picture (a cubic spline), so a tile can be cut at any sub-pixel position
exactly: what the tile then shows at pixel (i, j) is the specimen at (x + i, y + j), without
resampling twice. Each section but the first is the specimen turned, shifted and smoothly warped,
as sections lie on a ribbon. The stage goes to a regular grid and misses it by a few pixels, which
the table of positions does not know: it holds the commanded positions. The true ones are kept in
another file.

Positions are in pixels of the tiles (x right, y down, (0, 0) the centre of the first pixel), those
in the table of the microscope in micrometres.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from renderapi.files import atomic_path, atomic_write

TABLE_COLUMNS = ("file", "section", "channel", "row", "column", "stage_x_um", "stage_y_um")
TRUTH_COLUMNS = ("section", "row", "column", "x", "y")
FULL_WELL = 24000.0
DARK_LEVEL = 400.0


@dataclass(frozen=True)
class AcquisitionPlan:
    """What is acquired and how well; lengths in pixels unless the name says otherwise."""

    rows: int = 3
    columns: int = 3
    tile_size: int = 400
    overlap: float = 0.13
    sections: int = 3
    magnification: float = 2.4
    stage_jitter: float = 3.0
    largest_jitter: float = 8.0
    pixel_size_um: float = 0.1
    section_thickness_um: float = 0.07
    electrons_at_full_well: float = 3000.0
    read_noise: float = 20.0
    vignetting: float = 0.02
    warp: float = 3.0
    seed: int = 20180827

    @property
    def step(self) -> float:
        """Distance between neighbouring tiles."""
        return self.tile_size * (1 - self.overlap)


QUICK_PLAN = AcquisitionPlan(
    sections=2, tile_size=200, magnification=1.25, stage_jitter=2.0, largest_jitter=5, warp=2.0
)


@dataclass(frozen=True)
class Acquisition:
    """Where an acquisition lies on disk."""

    image_directory: Path
    positions_file: Path
    truth_file: Path


@dataclass(frozen=True)
class TileVisit:
    """One stop of the stage: the commanded and the true upper left corner, in pixels."""

    section: int
    row: int
    column: int
    commanded: tuple[float, float]
    true: tuple[float, float]

    @property
    def frame(self) -> str:
        """Name of the position, as the files carry it."""
        return f"S{self.section:04d}_R{self.row:02d}_C{self.column:02d}"


def specimen_channels() -> dict[str, np.ndarray]:
    """Two channels of one tissue, {name: (512, 512) float64 in 0..1}.

    They are the stain densities of a haematoxylin and DAB preparation (Ruifrok & Johnston 2001).
    """
    from skimage.color import rgb2hed
    from skimage.data import immunohistochemistry

    densities = rgb2hed(immunohistochemistry())
    return {"DAPI_1": _stretched(densities[..., 0]), "DAB_1": _stretched(densities[..., 2])}


def _stretched(density: np.ndarray) -> np.ndarray:
    low, high = np.percentile(density, [0.5, 99.5])
    return np.clip((density - low) / (high - low), 0, 1)


class Specimen:
    """One channel as a continuous picture, magnified, seen through each section's placement."""

    def __init__(self, picture: np.ndarray, plan: AcquisitionPlan) -> None:
        from scipy.ndimage import spline_filter

        self.plan = plan
        self.coefficients = spline_filter(picture, order=3, mode="mirror")
        self.centre = (np.array(picture.shape[::-1]) - 1) / 2

    def tile(self, section: int, corner: tuple[float, float]) -> np.ndarray:
        """Brightness seen from a corner, (tile_size, tile_size) float64 in about 0..1.

        Parameters
        ----------
        section : int
            Index of the section; it decides how the specimen lies on the ribbon.
        corner : (float, float)
            x, y of the tile's first pixel centre in stage pixels; any sub-pixel position.
        """
        from scipy.ndimage import map_coordinates

        pixels = np.arange(self.plan.tile_size, dtype=np.float64)
        x, y = np.meshgrid(corner[0] + pixels, corner[1] + pixels)
        u, v = self._placed(section, x, y)
        return map_coordinates(self.coefficients, [v, u], order=3, mode="mirror", prefilter=False)

    def _placed(self, section: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates in the picture of stage coordinates."""
        stage = np.stack([x.ravel(), y.ravel()], axis=1)
        u, v = specimen_place(self.plan, section, stage).T.reshape(2, *x.shape)
        magnification = self.plan.magnification
        return self.centre[0] + u / magnification, self.centre[1] + v / magnification


def specimen_place(plan: AcquisitionPlan, section: int, stage: np.ndarray) -> np.ndarray:
    """Places on the specimen of stage places of a section: a shift, a warp, a turn.

    Parameters
    ----------
    stage : (N, 2)
        x, y in pixels of the tiles.

    Returns
    -------
    (N, 2) float64
        In pixels of the tiles too, from the middle of the specimen.
    """
    angle, shift_x, shift_y = section_placement(section)
    flat = stage - _middle(plan) - (shift_x, shift_y)
    wave = 2 * np.pi * flat / (plan.columns * plan.step)
    warp = np.stack([np.sin(wave[:, 1] + section), np.cos(wave[:, 0] - section)], axis=1)
    u, v = (flat + plan.warp * min(section, 1) * warp).T
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * u + s * v, c * v - s * u], axis=1)


def first_section_place(plan: AcquisitionPlan, specimen: np.ndarray) -> np.ndarray:
    """Stage places of the first section, which lies straight, of places on the specimen."""
    return specimen + _middle(plan)


def _middle(plan: AcquisitionPlan) -> np.ndarray:
    sides = np.array([plan.columns, plan.rows], float)
    return ((sides - 1) * plan.step + plan.tile_size) / 2


def section_placement(section: int) -> tuple[float, float, float]:
    """Turn (radians, x towards y) and shift (pixels) of a section against the first one."""
    return np.deg2rad(1.5) * section, 7.0 * section, -5.0 * section


def stage_visits(plan: AcquisitionPlan) -> Iterator[TileVisit]:
    """Stops of the stage, section by section, row by row; the same for the same plan."""
    generator = np.random.default_rng(plan.seed)
    for section in range(plan.sections):
        for row in range(plan.rows):
            for column in range(plan.columns):
                commanded = (column * plan.step, row * plan.step)
                miss = generator.normal(0, plan.stage_jitter, 2)
                miss = np.clip(miss, -plan.largest_jitter, plan.largest_jitter)
                true = (commanded[0] + float(miss[0]), commanded[1] + float(miss[1]))
                yield TileVisit(section, row, column, commanded, true)


def exposed(
    brightness: np.ndarray, plan: AcquisitionPlan, generator: np.random.Generator
) -> np.ndarray:
    """Camera counts, (h, w) uint16, of a brightness in 0..1: vignetting, shot noise, read noise."""
    height, width = brightness.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = np.clip(brightness, 0, None) * (1 - plan.vignetting * (x * x + y * y) / 2)
    electrons = generator.poisson((0.02 + light) * plan.electrons_at_full_well)
    counts = DARK_LEVEL + electrons * (FULL_WELL / plan.electrons_at_full_well)
    counts += generator.normal(0, plan.read_noise, brightness.shape)
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


def simulate(directory: Path, plan: AcquisitionPlan | None = None) -> Acquisition:
    """Write an acquisition as a microscope would, and its truth beside it.

    The same plan writes the same bytes. Files: `raw/data/Ribbon0000/session01/{channel}/*.tif`,
    `raw/positions.csv` and, outside `raw`, `truth.csv`.
    """
    plan = plan or AcquisitionPlan()
    raw = directory / "raw"
    acquisition = Acquisition(raw, raw / "positions.csv", directory / "truth.csv")
    visits = list(stage_visits(plan))
    rows = []
    for order, (channel, picture) in enumerate(specimen_channels().items()):
        specimen = Specimen(picture, plan)
        generator = np.random.default_rng([plan.seed, order])
        for visit in visits:
            file = f"data/Ribbon0000/session01/{channel}/{channel}_{visit.frame}.tif"
            counts = exposed(specimen.tile(visit.section, visit.true), plan, generator)
            _write_tile(raw / file, counts, plan)
            rows.append((file, *_table_row(visit, channel, plan)))
    _write_table(acquisition.positions_file, TABLE_COLUMNS, rows)
    truth = [(f"{v.section:04d}", v.row, v.column, *map(repr, v.true)) for v in visits]
    _write_table(acquisition.truth_file, TRUTH_COLUMNS, truth)
    return acquisition


def _table_row(visit: TileVisit, channel: str, plan: AcquisitionPlan) -> tuple[object, ...]:
    x, y = (f"{value * plan.pixel_size_um:.4f}" for value in visit.commanded)
    return f"{visit.section:04d}", channel, visit.row, visit.column, x, y


def _write_tile(path: Path, counts: np.ndarray, plan: AcquisitionPlan) -> None:
    import tifffile

    per_centimetre = 1e4 / plan.pixel_size_um
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary, counts, resolution=(per_centimetre, per_centimetre), resolutionunit=3
        )


def _write_table(path: Path, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    from io import StringIO

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    atomic_write(path, text.getvalue())


def read_truth(path: Path) -> dict[tuple[str, int, int], tuple[float, float]]:
    """True corner (x, y in pixels) of each (section, row, column)."""
    with path.open(newline="") as file:
        return {
            (row["section"], int(row["row"]), int(row["column"])): (
                float(row["x"]),
                float(row["y"]),
            )
            for row in csv.DictReader(file)
        }
