"""Boxes of meshes: the values that TrakEM2's own classes gave."""

import pytest

from renderapi.errors import SpecError
from renderapps.TrakEM2.placement import canvas_matrix, mesh_box, mesh_points
from renderapps.TrakEM2.project import Patch

AFFINE = {
    "className": "mpicbg.trakem2.transform.AffineModel2D",
    "dataString": "1.01 0.02 -0.03 0.99 -1234.6 567.4",
}
POLYNOMIAL = {
    "className": "mpicbg.trakem2.transform.PolynomialTransform2D",
    "dataString": "10.5 1.0 0.001 1e-6 2e-6 3e-6 -20.25 0.002 1.0 -1e-6 4e-6 -2e-6",
}


@pytest.mark.parametrize(
    ("size", "ct", "mres", "vertices", "box"),
    [
        ((5000, 4000), [AFFINE], 32, 914, (-1354, 567, 5169, 4059)),
        ((2048, 2048), [POLYNOMIAL], 32, 1166, (10, -20, 2075, 2056)),
        ((2048, 2048), [POLYNOMIAL], 1, 5, (10, -20, 2075, 2056)),
    ],
)
def test_golden_boxes(size, ct, mres, vertices, box):
    assert len(mesh_points(*size, mres)) == vertices
    assert mesh_box(*size, ct, mres) == box


def test_box_without_transforms():
    assert mesh_box(100, 50, []) == (0, 0, 99, 49)


@pytest.mark.parametrize(
    ("size", "ct", "matrix", "expected"),
    [
        ((5000, 4000), [AFFINE], (1, 0, 0, 1, -1000, 2000.5), (1, 0, 0, 1, 354, 1433.5)),
        (
            (2048, 2048),
            [POLYNOMIAL],
            (0.9, 0.1, -0.1, 0.9, 300, 400),
            (0.9, 0.1, -0.1, 0.9, 289, 417),
        ),
        ((100, 50), [], (1, 0, 0, 1, 7, 8), (1, 0, 0, 1, 7, 8)),
    ],
)
def test_golden_canvas_matrices(size, ct, matrix, expected):
    patch = Patch(1, "t", matrix, "/a.tif", *size, ct=ct)
    assert canvas_matrix(patch) == pytest.approx(expected, abs=1e-9)


def test_transform_kept_in_another_file_is_refused_by_name():
    patch = Patch(518, "tile_a", (1, 0, 0, 1, 0, 0), "/a.tif", 10, 10, ct_id="419")
    with pytest.raises(SpecError, match=r"patch 518 \(tile_a\).*ct_id 419"):
        canvas_matrix(patch)


def test_unknown_transform_class_names_the_patch():
    ct = [{"className": "ini.some.Warp", "dataString": "1 2 3"}]
    patch = Patch(7, "b", (1, 0, 0, 1, 0, 0), "/a.tif", 10, 10, ct=ct)
    with pytest.raises(SpecError, match=r"patch 7 \(b\).*ini\.some\.Warp"):
        canvas_matrix(patch)
