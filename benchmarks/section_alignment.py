"""How exact real sections are aligned across z, and how much better neighbours agree after it.

A series of sections turned and warped by known amounts, which is recovered, and whole sections that
were never aligned, each through the whole chain of modules. Nothing is run where the data are not
there. Simulated sections (torn, missing, exchanged, of another sample) are in
tests/renderapps/alignment/test_align_sections_fine.py, with their bounds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import renderapi
from benchmarks import Row

BUILDERS = Path(__file__).resolve().parents[1] / "tests" / "builders"
TURN, SHIFT, WARP = 180.0, 30.0, 10.0
CLOSELY = {"rounds": 3, "spacing": 24}
"""Parameters of the fine step for serial sections: blocks closer together, compared once more."""


def data_folder(name: str) -> Path | None:
    """Folder of a real data set, None where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RENDERAPPS_TEST_DATA", beside)) / name
    return folder if folder.is_dir() else None


def run() -> list[Row]:
    """A row per figure."""
    rows: list[Row] = [looked_through()]
    with tempfile.TemporaryDirectory() as folder:
        serial = data_folder("sstem_30_sections")
        if serial:
            found = known_warps(Path(folder) / "serial", serial, **CLOSELY)
            rows += _rows("serial sections", found)
        whole = data_folder("tem_sections_512nm")
        if whole:
            rows += _rows("whole sections", unaligned(Path(folder) / "whole", whole))
    return rows


def looked_through() -> Row:
    """Seconds in which blocks are found on a small picture that is looked through as a whole."""
    from renderapi.matching import window_search

    rng = np.random.default_rng(5)
    shown = np.ones((186, 186), bool)
    picture = rng.normal(size=shown.shape).astype(np.float32)
    axis = np.linspace(8.0, 177.0, 12)
    given = ((picture, shown), (np.roll(picture, 5), shown), axis, axis, 64, 21.0, 0.4)
    seconds = []
    for spectra in (True, False):
        with patch.object(window_search, "cheaper_by_spectra", lambda *_, s=spectra: s):
            start = time.process_time()
            window_search.best_shifts(*given)
            seconds.append(time.process_time() - start)
    ratio = seconds[1] / seconds[0]
    return Row("a small picture looked through", seconds[0], "s", ratio, "shift by shift")


def _rows(name: str, figures: dict[str, float]) -> list[Row]:
    return [
        Row(f"{name}, {what}", value, "px" if "error" in what else "", None, "")
        for what, value in figures.items()
    ]


def connection(folder: Path) -> dict[str, Any]:
    """A store of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    return {"host": "local", "store": str(folder / "s.db"), "owner": "bench", "project": "z"}


def module(name: str, place: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """Run a module; its report."""
    from renderapps.module.catalogue import find

    parameters = {"render": place} | parameters
    made = find(name).load()(input_data=parameters, args=["--log_level", "ERROR"])
    made.run()
    return made.result or {}


def known_warps(
    folder: Path, data: Path, count: int = 30, pool_size: int = 1, **fine_step: Any
) -> dict[str, float]:
    """Sections turned, shifted and warped by known amounts, and recovered.

    Two truths: the places of the sections as published (a pixel of each lies on the same pixel of
    the next), and where the same modules bring the published ones, since these lie some pixels off:
    what then agrees better than it was published cannot lie as it was published. Both start from
    the rough step: where neighbours are turned against each other all the same way, by less than a
    degree each, it follows them, and what starts from the published places is held by these.
    """
    import cv2

    from renderapi.matching.models import apply

    sys.path.insert(0, str(BUILDERS))
    from section_series import put_sections, turned, warp_field, warped_by

    rng = np.random.default_rng(0)
    pictures = [cv2.imread(str(p), 0) for p in sorted(data.glob("*.png"))[:count]]
    zs = list(range(len(pictures)))
    fields = [warp_field(pictures[0].shape, WARP, seed=z, smooth=70) for z in zs]
    moved = [
        turned(warped_by(p, f), rng.uniform(-TURN, TURN), rng.uniform(-SHIFT, SHIFT, 2))
        for p, f in zip(pictures, fields, strict=True)
    ]
    place = connection(folder)
    render = renderapi.connect(**place)
    put_sections(render, "published", pictures, folder / "images")
    put_sections(render, "raw", [image for image, _ in moved], folder / "images")
    common = {"pool_size": pool_size}
    for given, rough, fine in (("raw", "rough", "fine"), ("published", "published_rough", "best")):
        module(
            "alignment.match_sections_rough", place, input_stack=given, matchCollection=rough,
            scale=0.5, **common,
        )  # fmt: skip
        solved = {"input_stack": given, "output_stack": rough, "matchCollections": [rough]}
        module("alignment.solve", place, preset="rough", **solved, **common)
        module(
            "alignment.align_sections_fine", place, input_stack=rough, output_stack=fine,
            search_radius=96, **common, **fine_step,
        )  # fmt: skip
    axis = np.linspace(40, pictures[0].shape[0] - 41, 15)
    places = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    where = [apply(m, unwarped(f, places)) for (_, m), f in zip(moved, fields, strict=True)]
    best = placed(render, "best", zs, [places] * len(zs))
    truths = {"published": np.stack([places] * len(zs)), "published, aligned": best}
    figures = {}
    for stack in ("rough", "fine"):
        ours = placed(render, stack, zs, where)
        for name, truth in truths.items():
            for what, found in errors(ours, truth).items():
                figures[f"{stack}: median error {what}, against {name}"] = float(np.median(found))
    for what, found in errors(best, truths["published"]).items():
        figures[f"published, aligned: median error {what}, against published"] = float(
            np.median(found)
        )
    for stack in ("published", "best", "rough", "fine"):
        figures[f"{stack}: correlation of neighbours"] = _correlation(render, stack, zs, 0.25)
    return figures


def unwarped(field: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Pixels x of a warped picture that show what the original shows at `places`: x + f(x)."""
    from renderapi.matching.block_flow import interpolated

    axis, found = np.arange(field.shape[0], dtype=float), places
    for _ in range(50):
        found = places - interpolated(axis, axis, field, found)
    return found


def placed(render: Any, stack: str, zs: list[int], points: list[np.ndarray]) -> np.ndarray:
    """(sections, N, 2) pixels of the sections in the world of a stack."""
    return np.stack([_world(render, stack, z, p) for z, p in zip(zs, points, strict=True)])


def errors(ours: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """How far (sections, N, 2) places are from where they should be, pixels.

    Of neighbours: what should be at one distance from a place of the next section is so much off.
    Of places: but for one affine map of all, or but for the warp that all sections have in common,
    which no comparison of sections can tell.
    """
    given = truth.reshape(-1, 2)
    table = np.column_stack([given, np.ones(len(given))])
    fitted = table @ np.linalg.lstsq(table, ours.reshape(-1, 2), rcond=None)[0]
    rest = ours - fitted.reshape(ours.shape)
    found = {
        "of neighbours": np.diff(rest, axis=0),
        "of places but for one affine map": rest,
        "of places but for one warp of all": rest - rest.mean(axis=0),
    }
    return {name: np.hypot(*np.moveaxis(away, -1, 0)) for name, away in found.items()}


def _world(render: Any, stack: str, z: int, points: np.ndarray) -> np.ndarray:
    """Pixels of the one tile of a section in the world."""
    from renderapi.transform.slices import TileTransforms

    (tile,) = renderapi.tilespec.get_tile_specs_from_z(stack, float(z), render=render)
    return TileTransforms(tile.to_dict()).forward(points)


def unaligned(folder: Path, data: Path, count: int = 10, pool_size: int = 1) -> dict[str, float]:
    """Whole sections as they came: correlation of neighbours before, after rough, after fine."""
    import cv2

    sys.path.insert(0, str(BUILDERS))
    from section_series import put_sections

    pictures = [cv2.imread(str(p), 0) for p in sorted(data.glob("*.png"))[:count]]
    zs = list(range(len(pictures)))
    place = connection(folder)
    render = renderapi.connect(**place)
    put_sections(render, "montage", pictures, folder / "images")
    common = {"pool_size": pool_size}
    module(
        "materialize.make_downsample_image_stack", place, input_stack="montage",
        output_stack="low", image_directory=str(folder / "low"), scale=0.5,
        numsectionsfile=str(folder / "n.txt"), **common,
    )  # fmt: skip
    module(
        "alignment.match_sections_rough", place, input_stack="low", matchCollection="rough",
        **common,
    )  # fmt: skip
    solved = {"input_stack": "low", "output_stack": "low_aligned", "matchCollections": ["rough"]}
    module("alignment.solve", place, preset="rough", **solved, **common)
    module(
        "rough_align.ApplyLowRes2HighRes", place, input_stack="montage",
        prealigned_stack="montage", lowres_stack="low_aligned", output_stack="rough",
        tilespec_directory=str(folder / "specs"), **common,
    )  # fmt: skip
    module(
        "alignment.align_sections_fine", place, input_stack="rough", output_stack="fine",
        scale=0.5, **common,
    )  # fmt: skip
    stacks = ("montage", "rough", "fine")
    seen = {f"{s}: correlation of neighbours": _correlation(render, s, zs, 0.5) for s in stacks}
    tissue = {
        f"{s}: correlation of neighbours without the grid of tiles": _without_grid(
            render, s, zs, 0.5
        )
        for s in stacks
    }
    return seen | tissue


def _without_grid(render: Any, stack: str, zs: list[int], scale: float) -> float:
    """Median correlation of neighbours after patterns that repeat have been taken away."""
    from renderapi.matching.repeats import without_repeats
    from renderapps.alignment.drawn_sections import DrawnSections, common_window, correlation_of

    drawn = DrawnSections(render, stack, common_window(render, stack, scale))
    shown = [drawn.get(float(z)) for z in zs]
    pictures = [(without_repeats(grey, mask), mask) for grey, mask in shown]
    return float(np.nanmedian([correlation_of(p, q) for p, q in pairwise(pictures)]))


def _correlation(render: Any, stack: str, zs: list[int], scale: float) -> float:
    """Median correlation of neighbours."""
    from renderapps.alignment.drawn_sections import neighbour_correlations

    found = neighbour_correlations(render, stack, [float(z) for z in zs], scale)
    return float(np.nanmedian(list(found.values())))
