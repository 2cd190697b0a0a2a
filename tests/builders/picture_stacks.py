"""Stacks whose tiles are cut out of a random picture: what is drawn and matched is known."""

from __future__ import annotations

import imagecodecs
import numpy as np
from scipy.ndimage import gaussian_filter
from stored_stacks import store

from renderapi.channel import Channel
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.layout import Layout
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

WIDTH, HEIGHT = 360, 300
CORNERS = {"0.0": (0, 0), "0.1": (260, 3), "1.0": (2, 205), "1.1": (262, 208)}
"""World position of the upper left pixel of each tile, by row and column."""


def texture(seed, height=510, width=630):
    """Random picture (height, width) uint8 with structure of several sizes."""
    rng = np.random.default_rng(seed)
    layers = [gaussian_filter(rng.standard_normal((height, width)), s) * s for s in (1.5, 3, 7)]
    picture = sum(layers)
    return np.clip(128 + 45 * picture / picture.std(), 1, 254).astype(np.uint8)


def make_picture_stack(
    render, folder, stack, worlds, channels=None, section=True, origin=(0, 0), state="COMPLETE"
):
    """A stack of 2 x 2 tiles a layer: ids z.row.column, all of one section id per layer.

    Parameters
    ----------
    worlds : dict of z to (h, w) uint8 array, or to a dict of channel name to such an array
    channels : sequence of str, optional
        Names, in the order in which the tiles list them.
    """
    specs = []
    for z, world in worlds.items():
        for name, (x, y) in CORNERS.items():
            tile = TileSpec(
                tileId=f"{z}.{name}",
                z=float(z),
                width=WIDTH,
                height=HEIGHT,
                minint=0,
                maxint=255,
                layout=Layout(sectionId=f"{z}.0" if section else None),
                tforms=[AffineModel(B0=x + origin[0], B1=y + origin[1])],
            )
            part = (slice(y, y + HEIGHT), slice(x, x + WIDTH))
            if channels is None:
                tile.ip = _pyramid(folder / f"{stack}_{z}_{name}.png", world[part])
            else:
                place = f"{stack}_{z}_{name}"
                tile.channels = [
                    Channel(
                        name=channel,
                        minIntensity=0,
                        maxIntensity=255,
                        ip=_pyramid(folder / f"{place}_{channel}.png", world[channel][part]),
                    )
                    for channel in channels
                ]
            specs.append(tile)
    store(render, stack, specs, state=state)
    return specs


def _pyramid(path, pixels):
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    return ImagePyramid({0: MipMap(path.as_uri())})


def true_shift(p, q):
    """What is added to a point of tile p (z.row.column) to get its place in tile q."""
    return np.subtract(CORNERS[p.split(".", 1)[1]], CORNERS[q.split(".", 1)[1]])
