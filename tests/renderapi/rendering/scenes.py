"""Tiles in files for the rendering tests, and their documents."""

import tifffile
from PIL import Image

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
POLYNOMIAL = "mpicbg.trakem2.transform.PolynomialTransform2D"


def save(path, array):
    """Write an array where its suffix says; 16 bit and float as TIFF."""
    if path.suffix == ".tif":
        tifffile.imwrite(path, array)
    else:
        Image.fromarray(array).save(path)
    return str(path)


def leaf(class_name, data):
    numbers = data if isinstance(data, str) else " ".join(repr(float(n)) for n in data)
    return {"type": "leaf", "className": class_name, "dataString": numbers}


def tile(path, width, height, *transforms, mask=None, tile_id="t", **more):
    """Tile document with one level-0 image."""
    level = {"imageUrl": str(path)}
    if mask is not None:
        level["maskUrl"] = str(mask)
    return {
        "tileId": tile_id,
        "width": float(width),
        "height": float(height),
        "minIntensity": 0.0,
        "maxIntensity": 255.0,
        "mipmapLevels": {"0": level},
        "transforms": {"type": "list", "specList": list(transforms)},
        **more,
    }


def window(tiles, x, y, width, height, scale=1.0, **more):
    return {
        "x": x, "y": y, "width": width, "height": height, "scale": scale,
        "tileSpecs": list(tiles), **more,
    }  # fmt: skip
