"""Affine transforms multiplied into one."""

import numpy as np
import pytest
from layered_stacks import layers, put, read, run, shared, tile, zs_of

from renderapi.tilespec import TileSpec
from renderapi.transform import (
    AffineModel,
    Polynomial2DTransform,
    ReferenceTransform,
    RigidModel,
    TransformList,
    TranslationModel,
)
from renderapps.module.tile_documents import Section
from renderapps.stack.consolidate_render_transforms import (
    ConsolidateTransforms,
    affine_matrix,
    consolidate,
    drop_unused,
    merged_spec,
    slice_of,
)

BEND = Polynomial2DTransform(params=[[0, 1, 0, 1e-4, 0, 0], [0, 0, 1, 0, 0, 2e-4]]).to_dict()
A1 = AffineModel(M00=2, M01=1, B0=3).to_dict()
A2 = AffineModel(M10=-1, M11=0.5, B1=7).to_dict()
A3 = TranslationModel(B0=5, B1=6).to_dict()
POINTS = np.array([[0.0, 0.0], [10.0, 0.0], [3.0, 8.0]])


def kinds(specs):
    return [spec["className"].rsplit(".")[-1] for spec in specs]


@pytest.mark.parametrize(
    ("chosen", "left"),
    [({}, [0.0, 1.0, 2.5]), ({"zs": [1]}, [1.0, 9.0]), ({"existing": "overwrite_z"}, None)],
)
def test_all_sections_replace_the_output_and_some_do_not(render, chosen, left):
    layers(render, "raw")
    put(render, "raw_CONS", [[tile("old", 9.0)]])
    assert run(ConsolidateTransforms, render, stack="raw", **chosen)[0] == 0
    assert zs_of(render, "raw_CONS") == (left or [0.0, 1.0, 2.5, 9.0])


def test_runs_of_affines_become_one():
    a2_a1 = np.array([[1, 0, 0], [-1, 0.5, 7], [0, 0, 1]]) @ np.array(
        [[2, 1, 3], [0, 1, 0], [0, 0, 1]]
    )
    first, bend, last = consolidate([A1, A2, BEND, A3], {})
    np.testing.assert_allclose(affine_matrix(first), a2_a1)
    assert bend == BEND
    np.testing.assert_allclose(affine_matrix(last)[:2, 2], [5, 6])
    assert consolidate([BEND], {}) == [BEND] and consolidate([], {}) == []
    assert kinds(consolidate([BEND, A1, A2, A3], {})) == [kinds([BEND])[0], "AffineModel2D"]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_affines_as_polynomials(order):
    matrix = np.array([[2.0, 1, 3], [-1, 0.5, 7], [0, 0, 1]])
    model = Polynomial2DTransform(json=merged_spec(matrix, order))
    assert model.params.shape == (2, (order + 1) * (order + 2) // 2)
    np.testing.assert_allclose(model.tform(POINTS), POINTS @ matrix[:2, :2].T + matrix[:2, 2])


def test_slices():
    assert [slice_of(t) for t in ("1:", ":", "-2:-1")] == [
        slice(1, None),
        slice(None),
        slice(-2, -1),
    ]


def bent(shared_id="bend", **more):
    tforms = [
        ReferenceTransform(shared_id),
        TransformList([AffineModel(M00=2), ReferenceTransform("shift")]),
        RigidModel(M00=0, M01=-1, M10=1, M11=0, B0=4),
    ]
    return TileSpec(tileId="t", z=1.0, width=40, height=30, sectionId="1", tforms=tforms, **more)


def test_what_is_not_affine_stays_shared_and_points_go_where_they_went(render):
    bend = Polynomial2DTransform(json={**BEND, "id": "bend"})
    put(render, "raw", [[bent()]], shared=[bend, TranslationModel(B0=9, transformId="shift")])
    status, report = run(ConsolidateTransforms, render, stack="raw")
    assert status == 0 and report["output_stack"] == "raw_CONS"
    (section,) = report["sections"]
    assert (section["transforms_before"], section["transforms_after"]) == (4, 2)
    tile = read(render, "raw_CONS")["t"]
    assert list(shared(render, "raw_CONS", 1.0)) == ["bend"]
    reference, affine = tile.tforms
    assert reference.refId == "bend"
    x, y = bend.tform(POINTS).T
    expected = np.stack([-y + 4, 2 * x + 9], axis=1)
    np.testing.assert_allclose(affine.tform(bend.tform(POINTS)), expected)
    assert tile.bbox == read(render, "raw")["t"].bbox


def test_a_slice_leaves_the_rest_as_it_is(render, tmp_path):
    layers(render, "raw", zs=(1.0,), names="a")
    given = {"stack": "raw", "output_stack": "out", "output_directory": str(tmp_path)}
    status, _ = run(ConsolidateTransforms, render, **given, transforms_slice="1:")
    assert status == 0
    first, second = read(render, "out")["a_1"].tforms
    assert first.refId == "lens" and list(shared(render, "out", 1.0)) == ["lens"]
    assert (second.B0, second.B1) == (0, 100)
    assert [path.name for path in tmp_path.glob("out_*")] == ["out_0001"]


@pytest.mark.parametrize("wrong", ["1", "a:b", "::2"])
def test_other_slices_are_refused(render, wrong, capsys):
    assert run(ConsolidateTransforms, render, stack="raw", transforms_slice=wrong)[0] == 2
    assert "START:END" in capsys.readouterr().err


def test_in_place(render):
    put(render, "raw", [[tile("a", 1.0, x=4.0)]])
    assert run(ConsolidateTransforms, render, stack="raw", in_place=True)[0] == 0
    (only,) = read(render, "raw")["a"].tforms
    np.testing.assert_allclose(only.M, [[1.01, 0, 4], [0, 0.99, 0], [0, 0, 1]])


def test_a_shared_list_of_affines_is_multiplied_in_its_order():
    lookup = {"both": {"type": "list", "id": "both", "specList": [A1, A2]}}
    (one,) = consolidate([{"type": "ref", "refId": "both"}, A3], lookup)
    first_two = AffineModel(json=A2).tform(AffineModel(json=A1).tform(POINTS))
    expected = first_two + np.array([5, 6])
    np.testing.assert_allclose(AffineModel(json=one).tform(POINTS), expected)


def test_what_shared_transforms_refer_to_stays_with_them():
    bend, lens = {**BEND, "id": "bend"}, {"type": "list", "id": "lens"}
    lens["specList"] = [{"type": "ref", "refId": "bend"}]
    tile = {"transforms": {"type": "list", "specList": [{"type": "ref", "refId": "lens"}]}}
    section = Section(1.0, [tile], {"lens": lens, "bend": bend, "unused": A1})
    drop_unused(section)
    assert section.transforms == {"lens": lens, "bend": bend}
