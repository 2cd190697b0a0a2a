"""Modules of the theme wrinkle_detection in the laboratory: tile `folded` between two others."""

from __future__ import annotations

import numpy as np

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url


def files(lab):
    """Stack `wrinkled` (tile `folded` at z=1, `flat` at z=0) and collection `folds`."""
    url = path_to_url(lab.raw / "a_S0000_F0000.tif")
    tiles = [
        TileSpec(
            tileId=name,
            z=z,
            width=120,
            height=120,
            imageUrl=url,
            sectionId=f"{z:.1f}",
            tforms=[AffineModel()],
        )
        for z, name in ((0.0, "flat"), (1.0, "folded"))
    ]
    renderapi.stack.create_stack("wrinkled", render=lab.render)
    renderapi.resolvedtiles.put_tilespecs("wrinkled", tilespecs=tiles, render=lab.render)
    renderapi.stack.set_stack_state("wrinkled", "COMPLETE", render=lab.render)
    points = np.array([(x, y) for x in np.arange(5.0, 120, 10) for y in np.arange(5.0, 120, 10)])
    there = points + np.where(points[:, :1] < 60, [[0.0, 0.0]], [[30.0, 4.0]])
    match = {
        "pGroupId": "0.0", "pId": "flat", "qGroupId": "1.0", "qId": "folded",
        "matches": {"p": there.T.tolist(), "q": points.T.tolist(), "w": [1.0] * len(points)},
    }  # fmt: skip
    renderapi.pointmatch.import_matches("folds", [match], render=lab.render)


def parameters(lab, at):
    return {
        "wrinkle_detection.find_suspect_tiles": {"stack": "wrinkled", "matchCollection": "folds"},
        "wrinkle_detection.point_match_based_tile_splitting": {
            "stack": "wrinkled",
            "tileId": "folded",
            "matchCollection": "folds",
            "output_stack": "made",
            "output_collection": "made_matches",
            "mask_directory": at("masks"),
        },
    }
