"""Modules of the theme rough_align in the laboratory: a low resolution stack of `acquired`."""

from stored_stacks import store

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel


def files(lab):
    """Stack `lowres`, one tile in each section, drawn at scale 0.1."""
    tiles = [
        TileSpec(
            tileId=f"low{z:g}",
            z=z,
            width=22,
            height=22,
            imageUrl="file:///low.tif",
            tforms=[AffineModel(M00=10.0, M11=10.0, B0=7 * z)],
        )
        for z in (0.0, 1.0)
    ]
    store(lab.render, "lowres", tiles)


def parameters(lab, at):
    return {
        "rough_align.ApplyLowRes2HighRes": {
            "input_stack": "acquired",
            "prealigned_stack": "acquired",
            "lowres_stack": "lowres",
            "output_stack": "made",
            "tilespec_directory": at("tilespecs"),
            "scale": 0.1,
        }
    }
