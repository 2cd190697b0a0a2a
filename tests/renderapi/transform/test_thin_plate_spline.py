"""Thin plate spline against scipy and a plain loop."""

import base64
import math

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from renderapi.errors import ConversionError, EstimationError, RenderError, SpecError
from renderapi.transform import ThinPlateSplineTransform, load_leaf_json
from renderapi.utils import decodeBase64, encodeBase64

NAME = "mpicbg.trakem2.transform.ThinPlateSplineTransform"
RNG = np.random.default_rng(11)


def warp(points, amplitude=20.0):
    x, y = points.T
    bend = np.stack((np.sin(x / 600 + y / 900), np.cos(y / 500)), axis=1)
    return points @ [[1.01, 0.02], [-0.015, 0.99]] + (12, -7) + amplitude * bend


def landmarks(count):
    side = math.ceil(math.sqrt(count))
    grid = ThinPlateSplineTransform.src_array(0, 0, 4000, 3600, side, side)
    return (grid + RNG.normal(scale=5, size=grid.shape))[:count]


def estimated(count=60, **kwargs):
    source = landmarks(count)
    transform = ThinPlateSplineTransform()
    transform.estimate(source, warp(source), **kwargs)
    return transform


QUERY = RNG.random((150, 2)) * (4000, 3600)


def test_map_is_the_formula():
    transform = estimated(20)
    result = transform.tform(QUERY[:10])
    for p, mapped in zip(QUERY[:10], result, strict=True):
        expected = p + transform.aMtx @ p + transform.bVec
        for s, d in zip(transform.srcPts.T, transform.dMtxDat.T, strict=True):
            r = math.dist(p, s)
            expected = expected + d * r * r * math.log(r)
        np.testing.assert_allclose(mapped, expected, atol=1e-9)


def test_with_an_affine_part_it_is_scipys_interpolator():
    transform = estimated(100)
    source = transform.srcPts.T
    reference = RBFInterpolator(source, warp(source), kernel="thin_plate_spline")
    np.testing.assert_allclose(transform.tform(QUERY), reference(QUERY), atol=1e-9)


def test_without_an_affine_part_the_landmarks_are_met():
    transform = estimated(60, computeAffine=False)
    assert transform.aMtx is None
    assert transform.bVec is None
    assert transform.dataString.split()[3] == "null"
    source = transform.srcPts.T
    np.testing.assert_allclose(transform.tform(source), warp(source), atol=1e-9)


def test_a_thousand_landmarks_are_met_to_a_billionth_of_a_pixel():
    source = landmarks(995)
    target = warp(source) + RNG.normal(size=source.shape)
    transform = ThinPlateSplineTransform()
    assert transform.estimate(source, target) is None
    assert np.abs(transform.tform(source) - target).max() < 1e-9
    assert (transform.ndims, transform.nLm) == (2, 995)


def test_attributes_and_round_trips():
    transform = estimated(30)
    assert transform.srcPts.shape == transform.dMtxDat.shape == (2, 30)
    assert transform.aMtx.shape == (2, 2)
    assert transform.bVec.shape == (2,)
    again = load_leaf_json(transform.to_dict())
    assert again.to_dict() == transform.to_dict()
    for name in ("srcPts", "dMtxDat", "aMtx", "bVec"):
        np.testing.assert_array_equal(getattr(again, name), getattr(transform, name))
    copy = ThinPlateSplineTransform(dataString=again.dataString)
    del copy._read
    assert copy.dataString == again.dataString


def test_layout_of_the_encoded_blocks():
    transform = estimated(9)
    kind, ndims, count, affine, data = transform.dataString.split()
    assert (kind, ndims, count) == ("ThinPlateSplineR2LogR", "2", "9")
    numbers = decodeBase64(data)
    np.testing.assert_array_equal(numbers[:4], [*transform.srcPts[:, 0], *transform.srcPts[:, 1]])
    np.testing.assert_array_equal(numbers[18:27], transform.dMtxDat[0])
    expected = [*transform.aMtx[0], *transform.aMtx[1], *transform.bVec]
    np.testing.assert_array_equal(decodeBase64(affine), expected)


def test_uncompressed_blocks_are_read_and_kept():
    transform = estimated(9)
    words = transform.dataString.split()
    words[3] = "@" + base64.b64encode(decodeBase64(words[3]).astype(">f8").tobytes()).decode()
    text = " ".join(words)
    again = load_leaf_json({"className": NAME, "dataString": text})
    assert again.dataString == text
    np.testing.assert_array_equal(again.tform(QUERY), transform.tform(QUERY))


def test_wrong_counts_are_refused():
    words = estimated(9).dataString.split()
    for position, value in ((1, "3"), (2, "5"), (2, "x"), (4, "!"), (3, encodeBase64([1.0]))):
        changed = list(words)
        changed[position] = value
        with pytest.raises(RenderError):
            ThinPlateSplineTransform(dataString=" ".join(changed))
    with pytest.raises(SpecError, match="5 words"):
        ThinPlateSplineTransform(dataString="ThinPlateSplineR2LogR 2 1 null")


def test_assigned_attributes_are_written():
    transform = load_leaf_json(estimated(9).to_dict())
    transform.aMtx = np.zeros(4)
    again = ThinPlateSplineTransform(dataString=transform.dataString)
    np.testing.assert_array_equal(again.aMtx, np.zeros((2, 2)))


def test_without_weights_points_stay():
    transform = estimated(9)
    del transform.dMtxDat
    point = np.array([3.0, 4.0])
    assert transform.apply(point).tolist() == [3.0, 4.0]
    assert ThinPlateSplineTransform().apply(point).tolist() == [3.0, 4.0]
    assert ThinPlateSplineTransform().tform(QUERY).tolist() == QUERY.tolist()


def test_one_point_maps_like_many():
    transform = estimated(9)
    np.testing.assert_allclose(transform.apply(QUERY[0]), transform.tform(QUERY[:1])[0])
    many = np.tile(QUERY, (50, 1))
    np.testing.assert_allclose(
        transform.tform(many), np.tile(transform.tform(QUERY), (50, 1)), atol=1e-9
    )


@pytest.mark.parametrize("affine", [True, False])
def test_inverse(affine):
    transform = estimated(60, computeAffine=affine)
    mapped = transform.tform(QUERY)
    np.testing.assert_allclose(transform.inverse_tform(mapped), QUERY, atol=1e-6)
    whole = np.round(mapped[:5]).astype(int)
    np.testing.assert_allclose(transform.tform(transform.inverse_tform(whole)), whole, atol=1e-6)


def test_inverse_across_a_rotation_where_the_iteration_diverges():
    source = landmarks(30)
    transform = ThinPlateSplineTransform()
    transform.estimate(source, warp(source) @ [[0.0, 1], [-1, 0]] + 5000)
    np.testing.assert_allclose(transform.inverse_tform(transform.tform(QUERY)), QUERY, atol=1e-6)


def test_the_limit_of_iterations_is_an_error():
    transform = estimated(60)
    with pytest.raises(EstimationError, match="2 iterations"):
        transform.inverse_tform(transform.tform(QUERY), max_iters=2)


def test_degenerate_points_are_refused():
    source = landmarks(10)
    with pytest.raises(EstimationError, match="same"):
        ThinPlateSplineTransform().estimate(np.vstack((source, source[:1])), np.ones((11, 2)))
    line = np.stack((np.arange(8.0), np.arange(8.0)), axis=1)
    with pytest.raises(np.linalg.LinAlgError, match="collinear"):
        ThinPlateSplineTransform.fit(line, line)
    with pytest.raises(EstimationError, match="source points but"):
        ThinPlateSplineTransform.fit(source, source[:5])
    with pytest.raises(EstimationError, match="at least 3"):
        ThinPlateSplineTransform.fit(source[:2], source[:2])
    with pytest.raises(EstimationError, match="determine"):
        ThinPlateSplineTransform.fit(source[:1], source[:1] + 1, computeAffine=False)


def test_grid_runs_through_y_first():
    grid = ThinPlateSplineTransform.src_array(0, 10, 1, 12, 2, 3)
    assert grid.tolist() == [[0, 10], [0, 11], [0, 12], [1, 10], [1, 11], [1, 12]]


@pytest.mark.parametrize("preserve", [False, True])
def test_scaled_coordinates(preserve):
    transform = estimated(40)
    scaled = transform.scale_coordinates(0.25, ngrid=15, preserve_srcPts=preserve)
    assert scaled.nLm == 225 + (40 if preserve else 0)
    inner = QUERY[:40] * 0.8 + 300
    np.testing.assert_allclose(scaled.tform(inner * 0.25), transform.tform(inner) * 0.25, atol=0.1)
    if preserve:
        source = transform.srcPts.T
        expected = transform.tform(source) * 0.25
        np.testing.assert_allclose(scaled.tform(source * 0.25), expected, atol=1e-9)


def test_adaptive_mesh_needs_fewer_landmarks_within_the_tolerance():
    source = landmarks(400)
    target = warp(source)
    target[:40] += RNG.normal(scale=6, size=(40, 2))
    full = ThinPlateSplineTransform()
    full.estimate(source, target)
    reduced = full.adaptive_mesh_estimate(starting_grid=5, tol=2.0, nworst=10)
    assert np.linalg.norm(reduced.tform(source) - target, axis=1).max() < 2.0
    assert reduced.nLm < 250
    with pytest.raises(EstimationError, match="1 rounds"):
        full.adaptive_mesh_estimate(starting_grid=5, tol=2.0, max_iter=1)


def test_mesh_refine_fits_its_own_spline_if_none_is_given():
    source = landmarks(100)
    grid = ThinPlateSplineTransform.src_array(0, 0, 4000, 3600, 5, 5)
    result = ThinPlateSplineTransform.mesh_refine(grid, source, warp(source), tol=0.5)
    assert np.linalg.norm(result.tform(source) - warp(source), axis=1).max() < 0.5
    with pytest.raises(EstimationError, match="rounds"):
        ThinPlateSplineTransform.mesh_refine(grid, source, warp(source), max_iter=3, niter=3)


def test_no_landmarks_to_work_with():
    with pytest.raises(ConversionError, match="no landmarks"):
        ThinPlateSplineTransform().scale_coordinates(2.0)
    with pytest.raises(ConversionError, match="no landmarks"):
        ThinPlateSplineTransform().adaptive_mesh_estimate()


def test_a_spline_that_was_written_and_changed_is_written_anew():
    points = np.random.default_rng(1).random((12, 2)) * 100
    spline = ThinPlateSplineTransform()
    spline.estimate(points, points + np.sin(points))
    before = spline.to_dict()["dataString"]
    assert spline.to_dict()["dataString"] == before
    spline.srcPts[0, 0] += 1.0
    after = spline.to_dict()["dataString"]
    assert after != before
    moved = ThinPlateSplineTransform(dataString=after).srcPts
    np.testing.assert_array_equal(moved, spline.srcPts)
    spline.aMtx = 2 * spline.aMtx
    assert spline.to_dict()["dataString"].split()[4] == after.split()[4]
    assert spline.to_dict()["dataString"].split()[3] != after.split()[3]
