"""An affine montage of four electron micrographs from four cameras, from a rough grid.

The cameras differ in brightness and vignetting, and the tiles have black borders that a mask
covers. The measure is how well the tiles agree where they overlap, against a published montage.
"""

import json

import numpy as np
import pytest

import renderapi

GRID = {
    "rows": 2,
    "columns": 2,
    "overlap_x": 0.3,
    "overlap_y": 0.15,
    "first_row": 21,
    "first_column": 75,
    "file_pattern": "col{column:04d}_row{row:04d}_cam*.png_level_1_mipmap.png",
}
NEIGHBOURS = [((0, 0), (0, 1)), ((1, 0), (1, 1)), ((0, 0), (1, 0)), ((0, 1), (1, 1))]


@pytest.fixture
def matched(real_data, run_module, collection, tmp_path):
    """Folder of the data, once its tiles are imported and matched."""
    data = real_data("tem_2x2")
    run_module(
        "dataimport.import_tiles",
        output_stack="acquired",
        image_directory=str(data),
        grid=GRID,
        mask_file=str(data / "test_mask.jpg_level_1_mipmap.png"),
    )
    pairs = str(tmp_path / "pairs.json")
    run_module("pointmatch.create_tilepairs", stack="acquired", tilepair_output=pairs)
    run_module(
        "pointmatch.generate_point_matches",
        stack="acquired",
        tilepair_file=pairs,
        matchCollection=collection,
        model="affine",
        search_radius=200,
        pool_size=1,
    )
    return data


def test_the_overlaps_agree_no_less_than_those_of_the_published_montage(
    matched, run_module, render, collection
):
    stacks = {"input_stack": "acquired", "model": "affine", "pool_size": 1}
    run_module(
        "stitching.solve_montage", **stacks, output_stack="montaged", matchCollection=collection
    )
    run_module(
        "alignment.solve", **stacks, output_stack="solved", matchCollections=[collection],
        preset="montage",
    )  # fmt: skip
    images, mask, published = read_data(matched)
    files = {place(file): file for file in images}
    pairs = [(files[one], files[two]) for one, two in NEIGHBOURS]

    def agreements(affines):
        """Of each pair."""
        return [
            agreement(*(images[f] for f in pair), mask, *(affines[f] for f in pair))
            for pair in pairs
        ]

    theirs = agreements(published)
    for stack in ("montaged", "solved"):
        tiles = renderapi.tilespec.get_tile_specs_from_stack(stack, render=render)
        ours = {tile.imageUrl.rpartition("/")[2]: tile.tforms[-1].M for tile in tiles}
        for pair, mine, least in zip(pairs, agreements(ours), theirs, strict=True):
            assert mine >= least, (stack, pair, mine, least)


def place(file):
    """(row, column) from 0 that a file name holds."""
    return int(file.split("_row")[1][:4]) - 21, int(file[3:7]) - 75


def read_data(data):
    """Flat images by file, the mask, the published affines (stored pixels to world) by file."""
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    def flat(file):
        # cameras differ in slowly varying brightness: only what varies within 20 pixels counts
        image = np.array(Image.open(data / file).convert("L")).astype(np.float32)
        return image - gaussian_filter(image, 20)

    tiles = json.loads((data / "reference_affines.json").read_text())
    images = {t["image"]: flat(t["image"]) for t in tiles}
    mask = np.array(Image.open(data / tiles[0]["mask"]).convert("L")) == 255
    affines = {}
    for tile in tiles:
        # pixel u of level 1 is centred on 2 u + 1/2 of level 0
        matrix = np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5], [0.0, 0.0, 1.0]])
        for text in tile["transforms"]:
            m00, m10, m01, m11, x, y = map(float, text.split())
            matrix = np.array([[m00, m01, x], [m10, m11, y], [0.0, 0.0, 1.0]]) @ matrix
        affines[tile["image"]] = matrix
    return images, mask, affines


def agreement(one, two, mask, first, second):
    """Correlation of two images over their overlap: every second row and column of the first."""
    from scipy.ndimage import map_coordinates

    y, x = np.nonzero(mask)
    y, x = y[(y % 2 == 0) & (x % 2 == 0)], x[(y % 2 == 0) & (x % 2 == 0)]
    u, v, _ = np.linalg.inv(second) @ first @ np.stack([x, y, np.ones_like(x)])
    covered = map_coordinates(mask.astype(np.float32), [v, u], order=1, cval=0.0) > 0.999
    values = map_coordinates(two, [v[covered], u[covered]], order=1)
    assert covered.sum() > 5_000
    return float(np.corrcoef(one[y[covered], x[covered]], values)[0, 1])
