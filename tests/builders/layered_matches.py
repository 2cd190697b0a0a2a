"""Stacks of sections and matches whose true places are known, for the tests of the alignment."""

import numpy as np
from stored_stacks import store

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

SIDE, STEP = 200, 160


def turn(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


class Layers:
    """Sections of rows x columns tiles. Every tile has a claimed place and a true affine.

    `truth[tile]` is a 3 x 3 matrix from pixels of the tile to the true world.
    """

    def __init__(self, zs, rows, columns, rng, jitter=4.0, section=None, noise=0.0):
        self.rng, self.noise = rng, noise
        self.claimed, self.truth, self.z_of = {}, {}, {}
        for z in zs:
            for r in range(rows):
                for c in range(columns):
                    name = f"z{z}r{r}c{c}"
                    self.z_of[name] = float(z)
                    self.claimed[name] = np.array([c * STEP, r * STEP], float)
                    local = np.eye(3)
                    local[:2, 2] = self.claimed[name] + rng.uniform(-jitter, jitter, 2)
                    whole = np.eye(3) if section is None else section(z)
                    self.truth[name] = whole @ local
        self.matches = []

    def names(self, z):
        return [name for name, at in self.z_of.items() if at == z]

    def claim_truth(self, z):
        """Let the tiles of a section lie where they belong."""
        for name in self.names(z):
            self.claimed[name] = self.truth[name][:2, 2].copy()

    def store(self, render, stack="rough", only=None):
        tiles = [
            TileSpec(
                tileId=name,
                z=self.z_of[name],
                width=SIDE,
                height=SIDE,
                imageUrl=f"file:///{name}.tif",
                sectionId=f"{self.z_of[name]}",
                tforms=[AffineModel(B0=x, B1=y)],
            )
            for name, (x, y) in self.claimed.items()
            if only is None or name in only
        ]
        store(render, stack, tiles, resolution=(4, 4, 40))

    def link(self, one, two, points=12, offset=(0.0, 0.0), weight=1.0):
        """Matches at random points of the true overlap of two tiles; False where there is none."""
        inverse = [np.linalg.inv(self.truth[name]) for name in (one, two)]
        local = self.rng.uniform(0, SIDE - 1, (4000, 2))
        world = local @ self.truth[one][:2, :2].T + self.truth[one][:2, 2]
        other = world @ inverse[1][:2, :2].T + inverse[1][:2, 2]
        inside = np.flatnonzero(((other >= 0) & (other <= SIDE - 1)).all(axis=1))[:points]
        if len(inside) < points:
            return False
        p, q = local[inside] + np.array(offset), other[inside]
        if self.noise:
            p = p + self.rng.normal(0, self.noise, p.shape)
        self.matches.append({
            "pGroupId": f"{self.z_of[one]}", "pId": one,
            "qGroupId": f"{self.z_of[two]}", "qId": two,
            "matches": {"p": p.T.tolist(), "q": q.T.tolist(), "w": [weight] * points},
        })  # fmt: skip
        return True

    def link_within(self, z, points=12):
        names = self.names(z)
        for k, one in enumerate(names):
            for two in names[k + 1 :]:
                off = np.abs(self.claimed[one] - self.claimed[two])
                if sorted(off) == [0, STEP]:
                    self.link(one, two, points)

    def link_across(self, low, high, points=12):
        """Between tiles above each other that show much of the same."""
        for one in self.names(low):
            for two in self.names(high):
                centre = np.array([SIDE / 2, SIDE / 2, 1.0])
                off = (self.truth[one] @ centre - self.truth[two] @ centre)[:2]
                if np.linalg.norm(off) < 0.6 * SIDE:
                    self.link(one, two, points)

    def store_matches(self, render, collection="matches", matches=None):
        found = self.matches if matches is None else matches
        if found:
            renderapi.pointmatch.import_matches(collection, found, render=render)
        renderapi.pointmatch.set_collection_metadata(
            collection, {"local_transforms": 0}, render=render
        )

    def errors(self, render, stack, fixed=None, only=None):
        """Largest corner error of each tile, by id, pixels of the world of tile `fixed`.

        Without `fixed` after the affine that fits best to all: what matches leave open.
        """
        square = np.array([[0, 0], [SIDE - 1, 0], [SIDE - 1, SIDE - 1], [0, SIDE - 1]], float)
        got, want = {}, {}
        for tile in renderapi.tilespec.get_tile_specs_from_stack(stack, render=render):
            points = square
            for transform in tile.tforms:
                points = transform.tform(points)
            true = self.truth[tile.tileId]
            got[tile.tileId], want[tile.tileId] = points, square @ true[:2, :2].T + true[:2, 2]
        names = [n for n in got if only is None or n in only]
        fitted = names if fixed is None else [fixed]
        source = np.concatenate([want[n] for n in fitted])
        target = np.concatenate([got[n] for n in fitted])
        design = np.column_stack([np.ones(len(source)), source])
        values = np.linalg.lstsq(design, target, rcond=None)[0]
        return {
            n: np.linalg.norm(
                got[n] - np.column_stack([np.ones(4), want[n]]) @ values, axis=1
            ).max()
            for n in names
        }
