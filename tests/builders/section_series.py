"""Serial sections of made-up tissue whose true places are known, as stacks of one tile each."""

from __future__ import annotations

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter

import renderapi
from renderapi.layout import Layout
from renderapi.stack import StackVersion
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel


def tissue(count, shape=(240, 240), seed=0, z_sigma=1.2):
    """Sections (count, rows, columns) uint8 of a volume: alike, the less so the further apart."""
    rng = np.random.default_rng(seed)
    deep = 4 * int(np.ceil(z_sigma))
    volume = sum(
        weight * standard(gaussian_filter(rng.normal(size=(count + 2 * deep, *shape)), s))
        for weight, s in ((1.0, (z_sigma, 2, 2)), (1.0, (z_sigma, 5, 5)))
    )
    return np.clip(128 + 40 * volume[deep : deep + count], 1, 255).astype(np.uint8)


def standard(values):
    return (values - values.mean()) / values.std()


def turned(picture, angle, shift=(0.0, 0.0), mirrored=False):
    """A picture turned about its middle on a larger black canvas, and where its pixels went (3x3).

    Degrees, x to y.
    """
    import cv2

    height, width = picture.shape
    side = int(np.hypot(height, width)) + 20
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    matrix = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    middle = np.array([width - 1, height - 1]) / 2
    matrix[:2, 2] = (side - 1) / 2 + np.array(shift) - matrix[:2, :2] @ middle
    if mirrored:
        matrix = np.array([[-1.0, 0, side - 1], [0, 1, 0], [0, 0, 1]]) @ matrix
    return cv2.warpAffine(picture, matrix[:2], (side, side), flags=cv2.INTER_CUBIC), matrix


def put_sections(render, stack, pictures, folder, zs=None, tforms=None, shared=(), **version):
    """A stack of one tile in each section: tile `s{z:g}` in group `g{z:g}`, image in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    zs = list(range(len(pictures))) if zs is None else zs
    tiles = []
    for k, (z, picture) in enumerate(zip(zs, pictures, strict=True)):
        path = folder / f"{stack}_{z:g}.tif"
        tifffile.imwrite(path, picture)
        tiles.append(
            TileSpec(
                tileId=f"s{z:g}",
                z=float(z),
                width=picture.shape[1],
                height=picture.shape[0],
                minint=0,
                maxint=255,
                layout=Layout(sectionId=f"g{z:g}"),
                imageUrl=path.as_uri(),
                tforms=[AffineModel()] if tforms is None else tforms[k],
            )
        )
    metadata = StackVersion(
        **({"stackResolutionX": 4.0, "stackResolutionY": 4.0, "stackResolutionZ": 50.0} | version)
    )
    renderapi.stack.set_stack_metadata(stack, metadata, render=render)
    renderapi.resolvedtiles.put_tilespecs(
        stack, tilespecs=tiles, shared_transforms=list(shared), render=render
    )
    renderapi.stack.set_stack_state(stack, "COMPLETE", render=render)
    return tiles


def warp_field(shape, amplitude, seed, smooth=40):
    """Displacements (rows, columns, 2) of at most `amplitude` pixels, made by wide Gaussians."""
    rng = np.random.default_rng(seed)
    field = np.stack(
        [gaussian_filter(rng.normal(size=shape), smooth, mode="reflect") for _ in (0, 1)], axis=-1
    )
    field -= field.mean((0, 1))
    return field * (amplitude / np.hypot(*np.moveaxis(field, -1, 0)).max())


def warped_by(picture, field):
    """Picture that shows at x what `picture` shows at x + field(x)."""
    import cv2

    rows, columns = np.indices(picture.shape, np.float32)
    x, y = columns + field[..., 0], rows + field[..., 1]
    return cv2.remap(
        picture,
        x.astype(np.float32),
        y.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
