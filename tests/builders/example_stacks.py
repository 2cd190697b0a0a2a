"""Two layers of 2 x 2 camera tiles behind a shared lens correction: the geometry of a real example.

Bounds of the stack: x 149 to 5103, y 130 to 5386, z 3407 and 3408; of layer 3407: x 149 to 4918,
y 130 to 4507. Image files do not exist.
"""

from __future__ import annotations

import numpy as np
from stored_stacks import store

from renderapi.bounds import tile_box
from renderapi.layout import Layout
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, ReferenceTransform

WIDTH, HEIGHT = 2560, 2160
LAYERS = {3407: (149, 130, 4918, 4507), 3408: (160, 1011, 5103, 5386)}
STACK = "example"


def lens():
    """Correction that moves the corners of an image by some pixels."""
    x, y = np.meshgrid(np.linspace(0, WIDTH - 1, 8), np.linspace(0, HEIGHT - 1, 8))
    source = np.column_stack([x.ravel(), y.ravel()])
    centred = (source - (WIDTH / 2, HEIGHT / 2)) / WIDTH
    target = source + 20 * centred * (centred**2).sum(1, keepdims=True)
    return Polynomial2DTransform(src=source, dst=target, order=2, transformId="lens")


def tiles(shared):
    """The eight tiles: ids z.row.column."""
    found = []
    for z, (left, top, right, bottom) in LAYERS.items():
        for row in range(2):
            for column in range(2):
                corner = (right if column else left, bottom if row else top)
                found.append(_tile(z, row, column, corner, shared))
    return found


def _tile(z, row, column, corner, shared):
    tile = TileSpec(
        tileId=f"{z}.{row}.{column}",
        z=float(z),
        width=WIDTH,
        height=HEIGHT,
        imageUrl=f"file:///nowhere/{z}_{row}_{column}.tif",
        minint=0,
        maxint=255,
        layout=Layout(
            sectionId=f"{z}.0", imageRow=row, imageCol=column, stageX=0, stageY=0, pixelsize=0.1
        ),
    )
    scale = 1.03
    lookup = {"lens": shared.to_dict()}
    place = np.zeros(2)
    for _ in range(3):  # the box is moved to where it belongs
        affine = AffineModel(M00=scale, M01=0.004, M10=-0.003, M11=scale, B0=place[0], B1=place[1])
        tile.tforms = [ReferenceTransform("lens"), affine]
        box = np.array(tile_box(tile.to_dict(), lookup))
        side = (box[2] if column else box[0], box[3] if row else box[1])
        place = place + np.array(corner) - side
    return tile


def make_example(render, stack=STACK, state="COMPLETE"):
    """The stack in a service; gives its tiles and the lens."""
    shared = lens()
    specs = tiles(shared)
    store(render, stack, specs, [shared], state)
    return specs, shared
