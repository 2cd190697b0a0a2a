"""Stacks whose tiles are placed by a lens and affines, and projects edited as a person would."""

from __future__ import annotations

import re

import numpy as np

import renderapi
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.layout import Layout
from renderapi.stack import StackVersion
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, ReferenceTransform
from renderapps.module.tile_documents import read_section
from renderapps.TrakEM2.exporting import flattened
from renderapps.TrakEM2.writer import matrix_text

WIDTH, HEIGHT = 400, 300
GRID = np.stack(np.meshgrid([0.0, 133.0, 399.0], [0.0, 150.0, 299.0]), -1).reshape(-1, 2)
LENS = Polynomial2DTransform(
    params=np.array(
        [[1.5, 1.001, 0.002, 1e-6, -2e-6, 3e-6], [-2.5, 0.001, 0.999, 2e-6, 1e-6, -1e-6]]
    ),
    transformId="lens",
)


def tile(name, z, x, y, bent=True, angle=0.01, **more):
    """A tile at (x, y), turned by an angle, behind the shared lens if it is bent."""
    c, s = np.cos(angle), np.sin(angle)
    place = AffineModel(M00=c, M01=-s, M10=s, M11=c, B0=x, B1=y, labels=["montage"])
    given = {
        "tileId": name,
        "z": z,
        "width": WIDTH,
        "height": HEIGHT,
        "minint": 3,
        "maxint": 240,
        "layout": Layout(sectionId=str(z), imageRow=1),
        "imagePyramid": ImagePyramid(
            {"0": MipMap(f"file:///data/z{z:g}/{name}.tif", "file:///data/mask.tif")}
        ),
        "tforms": [*([ReferenceTransform("lens")] if bent else []), place],
    }
    return TileSpec(**(given | more))


def put(render, stack, tiles):
    """A COMPLETE stack of tiles."""
    version = StackVersion(
        cycleNumber=7, stackResolutionX=4.0, stackResolutionY=4.0, stackResolutionZ=40.0
    )
    renderapi.stack.set_stack_metadata(stack, version, render=render)
    renderapi.resolvedtiles.put_tilespecs(
        stack, tilespecs=tiles, shared_transforms=[LENS], render=render
    )
    renderapi.stack.set_stack_state(stack, "COMPLETE", render=render)


def montage(render, stack="acquired", zs=(0.0, 1.0, 2.5), prefix="", bent=True):
    """Sections of 2 x 2 tiles from world (5000, -200); ids are no numbers."""
    tiles = [
        tile(f"{prefix}t{i}_z{z:g}", z, 5000 + 350 * (i % 2), -200 + 260 * (i // 2), bent)
        for z in zs
        for i in range(4)
    ]
    put(render, stack, tiles)


def grids(render, stack, z):
    """World places of grid points of every tile of a section, by tileId."""
    from renderapi.transform.specs import leaves, transform_points

    section = read_section(render, stack, z)
    return {
        document["tileId"]: transform_points(
            leaves(flattened(document, section.transforms)["transforms"]["specList"]), GRID
        )
        for document in section.tiles
    }


def edited(path, title, change):
    """Multiply the matrix of the patch with a title by `change` (3 x 3) on the canvas, as text."""
    text = path.read_text("latin-1")
    pattern = re.compile(rf'(<t2_patch [^>]*?transform=")([^"]*)("[^>]*?title="{title}")')
    found = pattern.search(text)
    numbers = [float(v) for v in re.search(r"\((.*)\)", found[2])[1].split(",")]
    a, b, c, d, e, f = numbers
    now = change @ np.array([[a, c, e], [b, d, f], [0, 0, 1]])
    matrix = tuple(now[:2].T.ravel().tolist())
    path.write_text(text[: found.start(2)] + matrix_text(matrix) + text[found.end(2) :], "latin-1")


def without(path, title):
    """Take the patch with a title out of a project."""
    text = path.read_text("latin-1")
    pattern = re.compile(
        rf'<t2_patch (?:(?!</?t2_patch)[^>])*title="{title}"[^>]*?(/>|>.*?</t2_patch>)', re.S
    )
    path.write_text(pattern.sub("", text, count=1), "latin-1")


def changed(path, title, old, new):
    """Replace some text in the opening tag of the patch with a title."""
    text = path.read_text("latin-1")
    start = text.index(f'title="{title}"')
    begin = text.rindex("<t2_patch", 0, start)
    end = text.index(">", start)
    tag = text[begin:end].replace(old, new)
    path.write_text(text[:begin] + tag + text[end:], "latin-1")


def rotation(degrees, about):
    """Matrix of a rotation about a point of the canvas."""
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    there, back = np.eye(3), np.eye(3)
    there[:2, 2], back[:2, 2] = about, np.negative(about)
    return there @ turn @ back
