"""What came out of a trial, judged by the truth and by what no method could do better.

Two pictures with noise tell of their shift only so much (Cramer and Rao). Where that is enough to
place the tiles the data hold the answer, and it must have been found: tiles within the bounds, and
most of the pairs matched that tell of a shift. Where it is not, pairs may be refused, with a reason
and a warning; what is used must be right all the same, and tiles must lie where a linear model of
the stage, fitted to what the pairs tell, would have them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np

from renderapi.matching.coarse_pairs import COARSE
from renderapps.alignment.stage_model import MATCHES
from renderapps.demo.conditions import SIDE, Montage

WRONG = 1.5
"""A used pair that misses the truth by more than this many pixels is a wrong one, unless that is
within five times the error that no method can go below, or three times the one that the report
states of a pair that is linked by coarse content."""
ANSWERED = (0.05, 0.1)
"""Median and worst error of the tiles that no method can go below, pixels, up to which the data
hold the answer."""
LIMITS, LENS_LIMITS = (0.1, 0.3), (0.3, 2.0)
"""Median and worst error up to which tiles are where they belong; the latter with a lens whose
distortion has to be found."""
TELLS = 0.5
"""A pair tells of its shift where no method errs by less than this, pixels; matching refuses shifts
that are less certain."""
MOST = 0.5
"""Share of the pairs that tell of their shift that must be used where the data hold the answer."""
HELD, REFUSED, IN_PART = "held", "refused", "in part"


@dataclass(frozen=True)
class Verdict:
    """How a trial went; lengths in pixels.

    Attributes
    ----------
    median, worst : float
        Error of the tiles of the largest group that matches placed; its common shift does not
        count. NaN where matches placed none.
    placed : float
        Largest error of the other tiles that show the picture, against the same common shift. Where
        the data do not hold the answer, of all tiles that show it but exchanged ones, as nothing
        tells of these.
    stage : float
        Largest error that the best linear model of the stage would leave, for comparison. Where the
        data do not hold the answer, the best of what the used and the telling pairs say of it.
    used, wrong : int
        Pairs that the solution used, and those of them that miss the truth.
    pairs, telling : int
        Neighbours that overlap, and those of them whose pictures tell of their shift.
    reasons : dict
        Why pairs were not matched, as the report says, and how many.
    tiles, matched, linkable : int
        Tiles in the result, those that matches placed, and those that could be.
    explained : bool
        Every pair that is not used has a reason, every tile a rule that placed it.
    bound : (float, float)
        Median and worst standard error of the tiles that no method can go below.
    limits : (float, float)
        Median and worst error up to which tiles are where they belong.
    injected, found : int
        Pairs that were given wrong matches, and those of them that the report rejects by name.
    """

    median: float
    worst: float
    placed: float
    stage: float
    used: int
    wrong: int
    pairs: int
    telling: int
    reasons: dict[str, int]
    tiles: int
    matched: int
    linkable: int
    explained: bool
    bound: tuple[float, float]
    limits: tuple[float, float]
    injected: int
    found: int

    @property
    def answered(self) -> bool:
        """Whether the data hold the answer."""
        return _holds(self.bound)

    @property
    def outcome(self) -> str:
        """Whether the data hold the answer; where not, whether all was refused or some of it."""
        if self.answered:
            return HELD
        return IN_PART if self.used else REFUSED

    @property
    def failures(self) -> list[str]:
        """What is not as it must be."""
        checks = {
            f"{self.wrong} wrong pairs were used": self.wrong == 0,
            f"{self.found} of {self.injected} wrong matches were found": self.found
            == self.injected,
            "pairs or tiles are not explained": self.explained,
            f"a tile lies {self.placed:.1f} px off, the best linear stage model errs by "
            f"{self.stage:.1f}": self.placed <= 1.5 * self.stage + 1,
        }
        if self.answered:
            checks |= {
                f"{self.used} pairs are used of {self.telling} that tell of their shift": self.used
                >= MOST * self.telling,
                f"median error {self.median:.3f} px": self.median <= self.limits[0],
                f"worst error {self.worst:.3f} px": self.worst <= self.limits[1],
                f"{self.matched} of {self.linkable} tiles matched": self.matched >= self.linkable,
            }
        return [text for text, good in checks.items() if not good]


def _holds(bound: tuple[float, float]) -> bool:
    """Whether data with such a bound hold the answer."""
    return bound[0] <= ANSWERED[0] and bound[1] <= ANSWERED[1]


def compared_pixels(scene: Montage) -> np.ndarray:
    """(N, 2) pixels of a tile whose places are compared with the truth.

    One tells all of tiles that are only shifted.
    """
    side = np.linspace(0, SIDE - 1, 9)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return grid if scene.lens else grid[:1]


def judged(
    scene: Montage, places: dict[str, np.ndarray], matched: Any, section: Any, stored: Any
) -> Verdict:
    """Compare a result with the truth.

    Parameters
    ----------
    places : mapping of name to (N, 2) array
        Where the solution has the pixels `compared_pixels` of each tile.
    matched, section : dict
        Reports of the matching, and of the section by the solver.
    stored : list of dict
        Match documents.
    """
    main = _main_group(section)
    off = _distances(scene, places, main)
    inside = np.concatenate([off[name] for name in main]) if main else np.array([np.nan])
    injected = _injected(scene) & {_ends(m) for m in stored if any(m["matches"]["w"])}
    used = [pair for pair in section["pairs"] if pair["accepted"]]
    information = pair_information(scene)
    bound = tile_bounds(scene, information)
    telling = [pair for pair, fisher in information.items() if pair_bound(fisher) <= TELLS]
    left_out = set(main) | scene.blank if _holds(bound) else scene.blank | scene.swapped
    others = [off[name].max() for name in places if name not in left_out]
    return Verdict(
        median=float(np.median(inside)),
        worst=float(max(inside)),
        placed=float(max(others, default=0.0)),
        stage=stage_error(scene)
        if _holds(bound)
        else told_stage_error(scene, telling, [_ends(pair) for pair in used]),
        used=len(used),
        pairs=len(information),
        telling=len(telling),
        reasons=reasons_of(matched),
        wrong=len(
            {_ends(pair) for pair in used}
            & wrong_pairs(scene, stored, information, stated_errors(matched))
        ),
        tiles=len(places),
        matched=len(main),
        linkable=max(len(island - scene.blank) for island in scene.islands),
        explained=len(places) == len(scene.images) and _explained(section, matched),
        bound=bound,
        limits=LENS_LIMITS if scene.lens else LIMITS,
        injected=len(injected),
        found=len({_ends(p) for p in section["pairs"] if p.get("reason")} & injected),
    )


def _tiles(section: Any) -> Any:
    """Entries of the tiles of a section, by name; solvers differ in where they tell of them."""
    return section.get("tiles_by_id") or section["tiles"]


def _main_group(section: Any) -> list[str]:
    return [name for name, tile in _tiles(section).items() if tile["placed_by"] == MATCHES]


def _distances(
    scene: Montage, places: dict[str, np.ndarray], main: list[str]
) -> dict[str, np.ndarray]:
    """(N,) errors of each tile, but for what no match tells: a common shift of the main group.

    Where a lens was to be found that is a common affine map, which may as well be in the stage.
    """
    truth = {name: scene.truth(name, compared_pixels(scene)) for name in places}
    here, there = (np.concatenate([v[n] for n in main or sorted(places)]) for v in (truth, places))
    if scene.lens:
        table = np.column_stack([np.ones(len(here)), here])
        fitted = np.linalg.lstsq(table, there, rcond=None)[0]
        mapped = {n: np.column_stack([np.ones(len(v)), v]) @ fitted for n, v in truth.items()}
    else:
        common = np.median(there - here, axis=0)
        mapped = {name: values + common for name, values in truth.items()}
    return {name: np.linalg.norm(places[name] - mapped[name], axis=1) for name in places}


def _ends(pair: Any) -> tuple[str, str]:
    return min(pair["pId"], pair["qId"]), max(pair["pId"], pair["qId"])


def _injected(scene: Montage) -> set[tuple[str, str]]:
    return {(min(pair), max(pair)) for pair in scene.wrong_links}


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


def wrong_pairs(
    scene: Montage,
    stored: Any,
    information: dict[tuple[str, str], np.ndarray],
    stated: dict[tuple[str, str], float],
) -> set[tuple[str, str]]:
    """Pairs whose stored matches miss the truth, by the median of their points."""
    found = set()
    for match in stored:
        if not any(match["matches"]["w"]):
            continue
        p, q = (np.array(match["matches"][side]).T for side in ("p", "q"))
        missed = np.median(scene.truth(match["pId"], p) - scene.truth(match["qId"], q), axis=0)
        fisher = information.get(_ends(match))
        limit = WRONG if fisher is None else max(WRONG, 5 * pair_bound(fisher))
        limit = max(limit, 3 * stated.get(_ends(match), 0.0))
        if fisher is None or float(np.linalg.norm(missed)) > limit:
            found.add(_ends(match))
    return found


def stated_errors(matched: Any) -> dict[tuple[str, str], float]:
    """Errors that the matching report states of pairs that are linked by coarse content."""
    rows = [row for row in matched["pairs"] if row["accepted"] and row.get("method") == COARSE]
    return {_ends(row): row["residual"] for row in rows}


def pair_bound(fisher: np.ndarray) -> float:
    """Error of the shift of a pair that no method can go below, from its (2, 2) information."""
    if np.linalg.matrix_rank(fisher, hermitian=True) < 2:
        return float("inf")
    return float(np.sqrt(np.linalg.inv(fisher).diagonal().sum()))


def reasons_of(matched: Any) -> dict[str, int]:
    """Why pairs were not matched, in the words of the report without its numbers, and how many."""
    rows = [_told(row["reason"]) for row in matched["pairs"] if not row["accepted"]]
    plain = [re.sub(r"[\d.]+", "...", re.sub(r" \([^)]*\)", "", reason)) for reason in rows]
    return dict(Counter(re.split("[:;]", reason)[0] for reason in plain).most_common())


def _told(reason: str) -> str:
    """What correlation says of a pair, which is what decides within a section."""
    return reason.removeprefix("correlation: ")


def stage_error(scene: Montage) -> float:
    """Largest error that remains when the stage's claims are corrected by the best linear model."""
    names = [name for name in scene.true if name not in scene.swapped]
    claimed = np.array([[*scene.claimed[name], 1.0] for name in names])
    true = np.array([scene.true[name] for name in names])
    model = np.linalg.lstsq(claimed, true, rcond=None)[0]
    return float(np.linalg.norm(claimed @ model - true, axis=1).max())


def told_stage_error(scene: Montage, *told: Iterable[tuple[str, str]]) -> float:
    """Largest error of tiles placed by the best of what pairs can say of the stage.

    That is nothing (tiles stay where the stage claims), or a linear model fitted to the true places
    of the tiles that some pairs connect, each group with a shift of its own. Tiles lie jittered
    about where the stage claims: what few of them say of its turn and scale may lead far astray.

    Parameters
    ----------
    *told : iterables of pairs
        The best of them counts, and no less than what the true places of all tiles would give.
    """
    names = [name for name in scene.true if name not in scene.blank | scene.swapped]
    off = np.array([scene.claimed[name] - scene.true[name] for name in names])
    errors = [_from_median(off)]
    for pairs in told:
        graph = nx.Graph()
        graph.add_nodes_from(names)
        graph.add_edges_from(pair for pair in pairs if set(pair) <= set(names))
        places, moves = [], []
        for group in nx.connected_components(graph):
            claimed = np.array([scene.claimed[name] for name in group])
            move = np.array([scene.true[name] for name in group]) - claimed
            places.append(claimed - claimed.mean(axis=0))
            moves.append(move - move.mean(axis=0))
        linear = np.linalg.lstsq(np.concatenate(places), np.concatenate(moves), rcond=None)[0]
        errors.append(_from_median(off + [scene.claimed[name] @ linear for name in names]))
    return max(min(errors), stage_error(scene))


def _from_median(off: np.ndarray) -> float:
    return float(np.linalg.norm(off - np.median(off, axis=0), axis=1).max())


def _explained(section: Any, matched: Any) -> bool:
    rows = [*section["pairs"], *matched["pairs"]]
    told = bool(matched["warnings"]) or any(row["accepted"] for row in matched["pairs"])
    return (
        told
        and all(row["accepted"] or row.get("reason") for row in rows)
        and all(tile["placed_by"] for tile in _tiles(section).values())
    )
