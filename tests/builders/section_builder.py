"""Stacks and matches whose true tile places are known, for the tests of the stitching modules."""

import numpy as np
from stored_stacks import store

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

WIDTH, HEIGHT, STEP = 100, 80, (90.0, 72.0)


def nominal(row, column):
    return np.array([column * STEP[0], row * STEP[1]])


def make_stack(render, stack, places, z=1.0, section="1.0", shared=None):
    """One section of tiles, `places`: tileId -> world position of its upper left pixel."""
    tforms = [renderapi.transform.ReferenceTransform(shared.transformId)] if shared else []
    tiles = [
        TileSpec(
            tileId=tile,
            z=z,
            width=WIDTH,
            height=HEIGHT,
            imageUrl=f"file:///{tile}.tif",
            sectionId=section,
            tforms=[*tforms, AffineModel(B0=x, B1=y)],
        )
        for tile, (x, y) in places.items()
    ]
    store(render, stack, tiles, [shared] if shared else [], resolution=(4, 4, 50))


def match(one, other, p, q, group="1.0"):
    return {
        "pGroupId": group,
        "pId": one,
        "qGroupId": group,
        "qId": other,
        "matches": {"p": p.T.tolist(), "q": q.T.tolist(), "w": [1.0] * len(p)},
    }


def true_matches(truth, pairs, rng, points=10):
    """Matches in tile pixels of random world points in the true overlap of each pair."""
    size = np.array([WIDTH, HEIGHT])
    matches = []
    for one, other in pairs:
        low = np.maximum(truth[one], truth[other])
        high = np.minimum(truth[one], truth[other]) + size - 1
        world = rng.uniform(low, high, (points, 2))
        matches.append(match(one, other, world - truth[one], world - truth[other]))
    return matches


def side_neighbours(rows, columns):
    for r in range(rows):
        for c in range(columns):
            if c + 1 < columns:
                yield f"{r}{c}", f"{r}{c + 1}"
            if r + 1 < rows:
                yield f"{r}{c}", f"{r + 1}{c}"
