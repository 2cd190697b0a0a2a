"""Pairs of sections matched in a worker, and what is said and stored of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from renderapi.errors import RenderError
from renderapi.matching.batches import ViewCache
from renderapi.matching.canvases import CanvasSpec, canvas_spec, within
from renderapi.matching.contrast import Mask
from renderapi.matching.whole_sections import SectionMatch, SectionParameters, match_sections
from renderapps.module.result import rounded
from renderapps.pointmatch.pair_matches import PairMatches
from renderapps.rough_align.low_resolution import recorded

Json = dict[str, Any]
FLAT = 5  # side of a window, pixels, in which a picture has not a single grey level of variation


@dataclass(frozen=True)
class RoughSettings:
    """What all pairs have in common."""

    parameters: SectionParameters
    mirrored: bool
    local_transforms: int
    scale: float
    channel: str | None
    cache_bytes: int
    outlines: Mapping[float, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, args: Mapping[str, Any], outlines: Mapping[float, bytes]) -> RoughSettings:
        """The settings that the parameters of the module describe, and WKB of outlines by z."""
        parameters = SectionParameters(
            ways=tuple(args["ways"]),
            model=args["model"],
            max_scale=args["max_scale"],
            bend=(args["max_bend"] or 0.0) * args["scale"],
            seed=args["seed"],
        )
        return cls(
            parameters,
            args["mirrored"],
            args["local_transforms"],
            args["scale"],
            args["channel"],
            args["cache_mb"] * 1_000_000,
            outlines,
        )


@dataclass(frozen=True)
class PairOfSections:
    """What was found, in pixels of the pictures, and how these lie in the tiles."""

    found: SectionMatch
    p: CanvasSpec
    q: CanvasSpec

    @property
    def matrix(self) -> np.ndarray:
        """Map of post-local coordinates of p to those of q, 3 x 3."""
        matrix = np.eye(3) if self.found.matrix is None else self.found.matrix
        return _placed(self.q) @ matrix @ np.linalg.inv(_placed(self.p))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of p, post-local pixels."""
        return float(self.p.parameters["width"]), float(self.p.parameters["height"])


def _placed(spec: CanvasSpec) -> np.ndarray:
    """Pixels of a picture to post-local coordinates."""
    place = np.diag([1 / spec.scale, 1 / spec.scale, 1.0])
    place[:2, 2] = spec.origin
    return place


def match_chunk(
    settings: RoughSettings, chunk: Sequence[tuple[tuple[Json, Json], np.ndarray | None]]
) -> list[PairOfSections | str]:
    """What was found of each pair; a text where it could not be tried.

    Parameters
    ----------
    chunk : sequence of (tiles, map)
        The map is where the second section is expected, post-local coordinates; None: anywhere.
    """
    from renderapi.matching.cv2_threads import cv2_threads

    cache = ViewCache(settings.cache_bytes)
    found: list[PairOfSections | str] = []
    with cv2_threads(1):  # the chunks run side by side
        for tiles, expected in chunk:
            try:
                found.append(_matched(settings, cache, tiles, expected))
            except RenderError as error:
                found.append(str(error))
    return found


def _matched(
    settings: RoughSettings,
    cache: ViewCache,
    tiles: tuple[Json, Json],
    expected: np.ndarray | None,
) -> PairOfSections:
    import shapely

    specs, views = [], []
    for tile in tiles:
        spec = canvas_spec(tile, None, settings.local_transforms, settings.scale, settings.channel)
        outline = settings.outlines.get(drawn_z(tile))
        if outline is not None:
            spec = within(spec, shapely.from_wkb(outline))
        view = cache.get(tile["tileId"], spec)
        view.mask &= ~empty(view.image)
        specs.append(spec)
        views.append(view)
    if expected is not None:
        expected = np.linalg.inv(_placed(specs[1])) @ expected @ _placed(specs[0])
    found = match_sections(views[0], views[1], settings.parameters, settings.mirrored, expected)
    return PairOfSections(found, *specs)


def drawn_z(tile: Json) -> float:
    """z of the section that the picture of a tile was drawn of."""
    z = recorded(tile).z
    return float(tile["z"] if z is None else z)


def empty(image: np.ndarray) -> Mask:
    """Where a picture shows nothing: areas without any variation, and their rims."""
    import cv2

    values = np.ascontiguousarray(image, np.float32)
    kernel = np.ones((FLAT, FLAT), np.uint8)
    flat = (cv2.dilate(values, kernel) == cv2.erode(values, kernel)).astype(np.uint8)
    return np.asarray(cv2.dilate(flat, np.ones((FLAT + 4, FLAT + 4), np.uint8)), bool)


def row_of(pair: tuple[float, float], ids: tuple[str, str], outcome: PairOfSections | str) -> Json:
    """Entry of a pair in the report."""
    head: Json = {"p_z": pair[0], "q_z": pair[1], "pId": ids[0], "qId": ids[1]}
    if isinstance(outcome, str):
        nothing = {"accepted": False, "mirrored": False, "matches": 0}
        return head | nothing | {"failed": True, "reason": outcome}
    found = outcome.found
    row = head | {
        "accepted": found.accepted,
        "failed": False,
        "mirrored": found.mirrored,
        "way": found.way or None,
        "matches": len(found.p),
        "log10_false_alarms": rounded(found.log_alarms, 1),
    }
    if not found.accepted:
        return row | {"reason": found.reason}
    return row | {
        "angle": rounded(found.angle, 3),
        "scale": rounded(found.scale * outcome.p.scale / outcome.q.scale, 5),
        "residual": rounded(found.residual / outcome.q.scale, 3),
        "coverage": rounded(found.coverage, 3),
        "correlation": rounded(found.correlation, 3),
        "p_to_q": [[rounded(v, 6) for v in line] for line in outcome.matrix[:2].tolist()],
    }


def pair_matches(p: Json, q: Json, found: PairOfSections) -> PairMatches:
    """Matches to store of a pair that was found."""
    points = found.p.to_post_local(found.found.p), found.q.to_post_local(found.found.q)
    return PairMatches.of(
        (group_of(p), p["tileId"]), (group_of(q), q["tileId"]), *points, found.found.weights
    )


def group_of(tile: Json) -> str:
    """Group of a tile in a match collection: its sectionId, else its z."""
    section = (tile.get("layout") or {}).get("sectionId")
    return str(float(tile["z"])) if section is None else str(section)
