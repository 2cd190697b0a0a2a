"""The warp of a section is drawn as it is: what jumps at a crack is not drawn as a ramp."""

import numpy as np
import pytest
import tifffile

from renderapi.rendering import render_canvas
from renderapi.transform import AffineWarpFieldTransform
from renderapi.transform.leaf.affine_warp_field import SECTION_WARP

SIDE, STRIDE, JUMP = 256, 4, 10


def drawn(folder, labels, scale=1.0):
    """Columns that are drawn of a picture whose right half lies further down."""
    picture = np.repeat(np.arange(SIDE, dtype=np.uint8)[:, None], SIDE, axis=1)
    file = folder / "ramp.tif"
    tifffile.imwrite(file, picture)
    count = SIDE // STRIDE
    one, zero = np.ones((count, count)), np.zeros((count, count))
    down = np.where(np.arange(count) < count // 2, 0.0, JUMP) + zero
    warp = AffineWarpFieldTransform(
        (0, 0), (SIDE, SIDE), np.stack([one, zero, zero, one, zero, down]), labels=labels
    )
    tile = {
        "tileId": "a", "width": SIDE, "height": SIDE, "minIntensity": 0, "maxIntensity": 255,
        "mipmapLevels": {"0": {"imageUrl": file.as_uri()}},
        "transforms": {"type": "list", "specList": [warp.to_dict()]},
    }  # fmt: skip
    document = {
        "x": 0, "y": 0, "width": SIDE, "height": SIDE, "scale": scale, "meshCellSize": 64,
        "tileSpecs": [tile],
    }  # fmt: skip
    return render_canvas(document).pixels


@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_a_jump_is_as_narrow_as_the_field_has_it(tmp_path, scale):
    found = drawn(tmp_path, [SECTION_WARP], scale)
    row = int(100 * scale)
    levels = found[row].astype(float)
    beside = int(np.ceil(max(STRIDE, 2 / scale) * 1.5 * scale))
    middle = len(levels) // 2
    assert np.allclose(levels[2 : middle - beside], levels[2], atol=1)
    assert np.allclose(levels[middle + beside : -2], levels[2] - JUMP, atol=1)


def test_fields_of_others_go_through_the_mesh_of_the_picture(tmp_path):
    found = drawn(tmp_path, ["other"])[100].astype(float)
    ramp = (found < found[2] - 1) & (found > found[2] - JUMP + 1)
    assert ramp.sum() > 35  # about as wide as a cell
