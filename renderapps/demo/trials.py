"""Trials of the whole chain on montages whose truth is known, and what came out, judged."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

import renderapi
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.alignment.stage_model import MATCHES
from renderapps.demo.conditions import CONDITIONS, SIDE, Montage, montage

OWNER, PROJECT, STACK, SOLVED, COLLECTION = "trial", "montage", "acquired", "solved", "matches"
WRONG = 1.5
"""A used pair that misses the truth by more than this many pixels is a wrong one, unless that is
within five times the error that no method can go below."""
ANSWERED = (0.05, 0.1)
"""Median and worst error of the tiles that no method can go below, pixels, up to which the data
hold the answer."""
MEDIAN_LIMIT, WORST_LIMIT = 0.1, 0.3


@dataclass(frozen=True)
class Verdict:
    """How a trial went; lengths in pixels.

    Attributes
    ----------
    median, worst : float
        Error of the tiles of the largest group that matches placed; its common shift does not
        count.
    placed : float
        Largest error of the other tiles that show the picture, against the same common shift;
        without exchanged tiles where the data do not hold the answer, as nothing tells of these.
    stage : float
        Largest error that the best linear model of the stage would leave, for comparison.
    used, wrong : int
        Pairs that the solution used, and those of them that miss the truth.
    tiles, matched, linkable : int
        Tiles in the result, those that matches placed, and those that could be.
    explained : bool
        Every pair that is not used has a reason, every tile a rule that placed it.
    bound : (float, float)
        Median and worst standard error of the tiles that no method can go below.
    """

    median: float
    worst: float
    placed: float
    stage: float
    used: int
    wrong: int
    tiles: int
    matched: int
    linkable: int
    explained: bool
    bound: tuple[float, float]

    @property
    def answered(self) -> bool:
        """Whether the data hold the answer."""
        return _holds(self.bound)

    @property
    def failures(self) -> list[str]:
        """What is not as it must be."""
        checks = {
            f"{self.wrong} wrong pairs were used": self.wrong == 0,
            "pairs or tiles are not explained": self.explained,
            f"a tile lies {self.placed:.1f} px off, the best linear stage model errs by "
            f"{self.stage:.1f}": self.placed <= 1.5 * self.stage + 1,
        }
        if self.answered:
            checks |= {
                f"median error {self.median:.3f} px": self.median <= MEDIAN_LIMIT,
                f"worst error {self.worst:.3f} px": self.worst <= WORST_LIMIT,
                f"{self.matched} of {self.linkable} tiles matched": self.matched >= self.linkable,
            }
        return [text for text, good in checks.items() if not good]


def _holds(bound: tuple[float, float]) -> bool:
    """Whether data with such a bound hold the answer."""
    return bound[0] <= ANSWERED[0] and bound[1] <= ANSWERED[1]


def run_trial(folder: Path, picture: str, condition: str, seed: int) -> tuple[Verdict, Any, Any]:
    """Stitch one montage; the verdict and the output of the matching and of the solving module."""
    scene = montage(picture, CONDITIONS[condition], seed)
    render = renderapi.connect(
        host="local", store=folder / "render.db", owner=OWNER, project=PROJECT
    )
    _store(render, folder, scene)
    matched, solved = _stitch(folder)
    places = {
        tile.tileId: np.array(tile.tforms[-1].M[:2, 2])
        for tile in renderapi.tilespec.get_tile_specs_from_stack(SOLVED, render=render)
    }
    return judged(scene, places, matched, solved["sections"][0]), matched, solved


def _store(render: renderapi.Render, folder: Path, scene: Montage) -> None:
    """Write the tiles and import them where the stage claims they are."""
    import cv2

    tiles = []
    for name, image in scene.images.items():
        path = folder / f"{name}.png"
        cv2.imwrite(str(path), image)
        x, y = scene.claimed[name].tolist()
        tiles.append(
            renderapi.tilespec.TileSpec(
                tileId=name,
                z=0.0,
                width=SIDE,
                height=SIDE,
                minint=0,
                maxint=255,
                imageUrl=path_to_url(path),
                sectionId="0.0",
                tforms=[AffineModel(B0=x, B1=y)],
            )
        )
    renderapi.stack.create_stack(STACK, render=render)
    renderapi.resolvedtiles.put_tilespecs(STACK, tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state(STACK, "COMPLETE", render=render)


def _stitch(folder: Path) -> tuple[Any, Any]:
    from renderapps.pointmatch.create_tilepairs import CreateTilePairs
    from renderapps.pointmatch.generate_point_matches import GeneratePointMatches
    from renderapps.stitching.solve_montage import SolveMontage

    connection = {
        "host": "local",
        "store": str(folder / "render.db"),
        "owner": OWNER,
        "project": PROJECT,
    }
    pairs = str(folder / "pairs.json")
    runs: list[tuple[Any, dict[str, Any]]] = [
        (CreateTilePairs, {"stack": STACK, "tilepair_output": pairs}),
        (
            GeneratePointMatches,
            {"stack": STACK, "tilepair_file": pairs, "matchCollection": COLLECTION, "pool_size": 1},
        ),
        (
            SolveMontage,
            {
                "input_stack": STACK,
                "output_stack": SOLVED,
                "matchCollection": COLLECTION,
                "pool_size": 1,
            },
        ),
    ]
    results = []
    for module, given in runs:
        parameters = given | {"render": connection, "log_level": "ERROR"}
        made = module(input_data=parameters, args=[])
        made.logger.setLevel(logging.ERROR)
        made.run()
        results.append(made.result)
    return results[1], results[2]


def judged(scene: Montage, places: dict[str, np.ndarray], matched: Any, section: Any) -> Verdict:
    """Compare a result with the truth."""
    errors = {name: places[name] - scene.true[name] for name in places}
    main = _main_group(section) or sorted(places)
    common = np.median([errors[name] for name in main], axis=0)
    off = {name: float(np.linalg.norm(error - common)) for name, error in errors.items()}
    inside = [off[name] for name in main]
    used = [pair for pair in section["pairs"] if pair["accepted"]]
    information = pair_information(scene)
    bound = tile_bounds(scene, information)
    unknown = scene.blank if _holds(bound) else scene.blank | scene.swapped
    others = [off[n] for n in places if n not in main and n not in unknown]
    return Verdict(
        median=float(np.median(inside)),
        worst=float(max(inside)),
        placed=max(others, default=0.0),
        stage=_stage_error(scene),
        used=len(used),
        wrong=sum(_wrong(pair, scene, matched, information) for pair in used),
        tiles=len(places),
        matched=len(main),
        linkable=max(len(island - scene.blank) for island in scene.islands),
        explained=len(places) == len(scene.images) and _explained(section, matched),
        bound=bound,
    )


def _main_group(section: Any) -> list[str]:
    return [name for name, tile in section["tiles"].items() if tile["placed_by"] == MATCHES]


def pair_information(scene: Montage) -> dict[tuple[str, str], np.ndarray]:
    """(2, 2) Fisher information of the shift of each pair of neighbours that overlap.

    What two pictures with white noise tell of their shift is decided by the gradients of what both
    show (Cramer and Rao; M. D. Robinson and P. Milanfar, IEEE Trans. Image Processing 13(9), 2004).
    """
    found = {}
    names = sorted(set(scene.images) - scene.blank)
    for one, two in combinations(names, 2):
        dx, dy = np.rint(scene.true[two] - scene.true[one]).astype(int)
        a = scene.clean[one][max(0, dy) : SIDE + min(0, dy), max(0, dx) : SIDE + min(0, dx)]
        if min(a.shape) < 3 or max(abs(dx), abs(dy)) >= SIDE or min(abs(dx), abs(dy)) > SIDE / 2:
            continue
        gradient = np.stack([np.gradient(a, axis=axis).ravel() for axis in (1, 0)])
        found[one, two] = gradient @ gradient.T / (2 * scene.noise**2)
    return found


def tile_bounds(
    scene: Montage, information: dict[tuple[str, str], np.ndarray]
) -> tuple[float, float]:
    """Median and worst error of the tiles of the largest island that no method can go below."""
    island = max((island - scene.blank for island in scene.islands), key=len)
    names = sorted(island)
    normal = np.zeros((len(names), 2, len(names), 2))
    for (one, two), fisher in information.items():
        if one in island and two in island:
            i, j = names.index(one), names.index(two)
            normal[i, :, i] += fisher
            normal[j, :, j] += fisher
            normal[i, :, j] -= fisher
            normal[j, :, i] -= fisher
    side = 2 * len(names)
    covariance = np.linalg.pinv(normal.reshape(side, side), rcond=1e-12, hermitian=True)
    errors = np.sqrt(np.maximum(covariance.diagonal().reshape(-1, 2).sum(axis=1), 0))
    return float(np.median(errors)), float(errors.max())


def _wrong(
    pair: Any,
    scene: Montage,
    matched: Any,
    information: dict[tuple[str, str], np.ndarray],
) -> bool:
    """Whether a used pair misses the truth, by the offset that matching found."""
    rows = [*matched["pairs"], *matched.get("relocated_pairs", [])]
    row = next(
        r for r in rows if {r["pId"], r["qId"]} == {pair["pId"], pair["qId"]} and r["accepted"]
    )
    p, q = row["pId"], row["qId"]
    claimed = scene.claimed[q] - scene.claimed[p]
    true = scene.true[q] - scene.true[p]
    missed = np.linalg.norm(claimed + row["offset"] - true)
    fisher = information.get((min(p, q), max(p, q)))
    if fisher is None:
        return True
    bound = float(np.sqrt(np.linalg.pinv(fisher, hermitian=True).diagonal().sum()))
    return bool(missed > max(WRONG, 5 * bound))


def _stage_error(scene: Montage) -> float:
    """Largest error that remains when the stage's claims are corrected by the best linear model."""
    names = [name for name in scene.true if name not in scene.swapped]
    claimed = np.array([[*scene.claimed[name], 1.0] for name in names])
    true = np.array([scene.true[name] for name in names])
    model = np.linalg.lstsq(claimed, true, rcond=None)[0]
    return float(np.linalg.norm(claimed @ model - true, axis=1).max())


def _explained(section: Any, matched: Any) -> bool:
    rows = [*section["pairs"], *matched["pairs"]]
    return all(row["accepted"] or row.get("reason") for row in rows) and all(
        tile["placed_by"] for tile in section["tiles"].values()
    )
