"""ApplyLowRes2HighRes: points of full resolution tiles go where the alignment takes them."""

import json

import numpy as np
import pytest
from layered_stacks import documents, run, state, version
from stored_stacks import store

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, ReferenceTransform
from renderapi.transform.slices import TileTransforms
from renderapps.module import ParameterError, RenderModuleException
from renderapps.rough_align.ApplyLowRes2HighRes import ApplyLowRes2HighRes
from renderapps.rough_align.low_resolution import RenderedFrom, recorded

SCALE = 0.05
LENS = AffineModel(M00=1.02, M01=0.01, transformId="lens")
ZS = (3.0, 5.0, 6.5)  # which become 0, 1, 2
GIVEN = {
    "input_stack": "full",
    "prealigned_stack": "montage",
    "lowres_stack": "low",
    "output_stack": "rough",
    "scale": SCALE,
}


def rigid(angle, x, y):
    c, s = np.cos(angle), np.sin(angle)
    return AffineModel(M00=c, M01=-s, M10=s, M11=c, B0=x, B1=y)


def bent():
    """An affine and a little of x y and x^2."""
    points = np.random.default_rng(0).uniform(-2000, 6000, (60, 2))
    x, y = points.T
    bent_x = 1.01 * x + 0.02 * y + 1e-5 * x * y + 30
    bent_y = y - 0.03 * x + 2e-5 * x**2
    return Polynomial2DTransform(src=points, dst=np.column_stack([bent_x, bent_y]), order=2)


ALIGNED = {
    3.0: rigid(0.4, -800.0, 1200.5),
    5.0: AffineModel(M00=1.1, M01=0.2, M10=-0.15, M11=0.9, B0=55.5, B1=-7),
    6.5: bent(),
}


def tile(name, z, x, y):
    return TileSpec(
        tileId=f"{name}_{z:g}",
        z=z,
        width=2000,
        height=1500,
        imageUrl="file:///a.tif",
        sectionId=f"S{z:g}",
        tforms=[ReferenceTransform("lens"), rigid(0.01, x, y)],
    )


@pytest.fixture
def stacks(render):
    """The stack to move begins elsewhere than the one that was drawn; both far from the origin."""
    store(
        render,
        "full",
        [tile(n, z, x - 40 * z, 300.25) for z in ZS for n, x in (("a", -1500.0), ("b", 420.5))],
        [LENS],
    )
    store(render, "montage", [tile("m", z, -700.3 + z, 150.7) for z in ZS], [LENS])
    return {z: corner(render, "montage", z) for z in ZS}


def corner(render, stack, z):
    bounds = renderapi.stack.get_bounds_from_z(stack, z, render=render)
    return bounds["minX"], bounds["minY"]


def pictures(render, corners, scale=SCALE, reduced=False, labels=None, new=None):
    """The low resolution stack: pixel -> world before the alignment, then the alignment."""
    tiles = []
    for index, (z, (x, y)) in enumerate(corners.items()):
        tforms = [AffineModel(M00=1 / scale, M11=1 / scale, B0=x, B1=y), ALIGNED[z]]
        if reduced:
            tforms.append(AffineModel(M00=scale, M11=scale))
        spec = TileSpec(
            tileId=f"low_{z:g}",
            z=float(index if new is None else new[index]),
            width=200,
            height=150,
            imageUrl="file:///low.tif",
            tforms=tforms,
            labels=labels(z) if labels else None,
        )
        tiles.append(spec)
    store(render, "low", tiles)


def check(render, pairs=None, ids="S"):
    """All corners and centres of tiles are where the alignment takes their places so far."""
    moved = documents(render, "rough")
    before = documents(render, "full")
    pairs = pairs or dict(zip(ZS, (0.0, 1.0, 2.0), strict=True))
    assert {t["z"] for t in moved.values()} == set(pairs.values())
    grid = np.array([(x, y) for x in (0, 1000, 1999) for y in (0, 750, 1499)], float)
    for name, old in before.items():
        if old["z"] not in pairs:
            assert name not in moved
            continue
        lookup = {"lens": LENS.to_dict()} | shared(render, moved[name]["z"])
        world = TileTransforms(old, lookup).forward(grid)
        found = TileTransforms(moved[name], lookup).forward(grid)
        np.testing.assert_allclose(found, ALIGNED[old["z"]].tform(world), atol=0.01, rtol=0)
        assert moved[name]["z"] == pairs[old["z"]]
        assert moved[name]["transforms"]["specList"][:2] == old["transforms"]["specList"]


def shared(render, z):
    found = renderapi.resolvedtiles.get_resolved_tiles_from_z("rough", z, render=render)
    return {t["id"]: t for t in found.to_dict()["transformIdToSpecMap"].values()}


def go(render, tmp_path, **more):
    return run(ApplyLowRes2HighRes, render, **GIVEN | more, tilespec_directory=str(tmp_path / "t"))


@pytest.mark.parametrize("reduced", [False, True])
def test_points_go_where_the_alignment_takes_them(render, stacks, tmp_path, reduced):
    pictures(render, stacks, reduced=reduced)
    status, report = go(render, tmp_path, apply_scale=not reduced)
    assert status == 0
    check(render)
    assert [(s["z"], s["new_z"], s["tiles"]) for s in report["sections"]] == [
        (3.0, 0.0, 2), (5.0, 1.0, 2), (6.5, 2.0, 2)
    ]  # fmt: skip
    assert report["skipped_sections"] == []
    assert state(render, "rough") == "COMPLETE"
    assert version(render, "rough")["cycleNumber"] == 11
    written = json.loads((tmp_path / "t" / "tilespec_0001.json").read_text())
    assert [t["tileId"] for t in written] == ["a_5", "b_5"]
    assert {t["layout"]["sectionId"] for t in documents(render, "rough").values()} == {
        "S3", "S5", "S6.5"
    }  # fmt: skip


def test_running_again_and_sections_one_by_one_give_the_same(render, stacks, tmp_path):
    pictures(render, stacks)
    go(render, tmp_path)
    first = documents(render, "rough")
    assert go(render, tmp_path)[0] == 0
    assert documents(render, "rough") == first
    assert go(render, tmp_path, zs=[5], new_zs=[1], close_stack=False)[0] == 0
    assert documents(render, "rough") == first
    assert state(render, "rough") == "LOADING"


def test_ranges_count_from_nought(render, stacks, tmp_path):
    pictures(render, {z: stacks[z] for z in ZS[1:]})
    assert go(render, tmp_path, minZ=4, maxZ=6.5)[0] == 0
    check(render, {5.0: 0.0, 6.5: 1.0})


def test_what_is_recorded_with_the_pictures_counts_more(render, stacks, tmp_path):
    """Other bounds and another scale were drawn than the parameters say, at z of the pictures."""
    drawn = {z: (x - 100.5, y + 33) for z, (x, y) in stacks.items()}
    pictures(
        render,
        drawn,
        0.02,
        labels=lambda z: RenderedFrom(0.02, *drawn[z], z).labels,
        new=(12.0, 11.0, 10.0),
    )
    status, report = go(render, tmp_path, remap_section_ids=True)
    assert status == 0
    check(render, {3.0: 12.0, 5.0: 11.0, 6.5: 10.0})
    assert {s["scale"] for s in report["sections"]} == {0.02}
    ids = {t["z"]: t["layout"]["sectionId"] for t in documents(render, "rough").values()}
    assert ids == {12.0: "12.0", 11.0: "11.0", 10.0: "10.0"}


def test_a_section_without_a_picture_is_refused_or_left_out(render, stacks, tmp_path, capsys):
    pictures(render, {z: stacks[z] for z in ZS[:2]})
    assert go(render, tmp_path)[0] == 1
    assert "low has no section for z=6.5 at z=2 (1 of 3 are missing)" in capsys.readouterr().err
    assert "rough" not in renderapi.render.get_stacks_by_owner_project(render=render)
    status, report = go(render, tmp_path, skip_missing=True)
    assert status == 0
    check(render, {3.0: 0.0, 5.0: 1.0})
    assert [s["z"] for s in report["skipped_sections"]] == [6.5]


def test_two_pictures_of_a_section_are_refused(render, stacks, tmp_path, capsys):
    pictures(render, stacks, new=(0.0, 0.0, 2.0))
    assert go(render, tmp_path, zs=[3], new_zs=[0])[0] == 1
    assert "lowres_stack low has 2 tiles at z=0: there must be one" in capsys.readouterr().err
    assert go(render, tmp_path, zs=[4], new_zs=[0])[0] == 1
    assert "stack full has no section at z=4" in capsys.readouterr().err


def test_the_stack_that_was_drawn_can_be_moved_itself(render, stacks, tmp_path):
    pictures(render, {z: corner(render, "full", z) for z in ZS})
    assert go(render, tmp_path, prealigned_stack="full")[0] == 0
    check(render)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"lowres_stack": "full"}, "is the input_stack"),
        ({"output_stack": "low"}, "low is also an input"),
        ({"zs": [1, 2], "new_zs": [1]}, "new_zs: has 1 values, zs 2"),
        ({"new_zs": [1, 1]}, "two sections"),
        ({"zs": [1], "minZ": 1}, "not both"),
        ({"minZ": 3, "maxZ": 2}, "minZ 3 is above maxZ 2"),
        ({"scale": 0}, "scale"),
    ],
)
def test_parameters_that_contradict_each_other(more, word):
    given = {"render": {"owner": "a", "project": "b"}, "tilespec_directory": "t"} | GIVEN | more
    with pytest.raises(ParameterError, match=word):
        ApplyLowRes2HighRes(input_data=given, args=[])


def test_labels_tell_what_was_drawn():
    source = RenderedFrom(0.01, -35.5, 12.0, 301.0)
    assert source.labels == [
        "lowres_scale=0.01", "lowres_minX=-35.5", "lowres_minY=12.0", "lowres_z=301.0"
    ]  # fmt: skip
    assert recorded({"labels": ["other", *source.labels]}) == source
    assert recorded({}) == RenderedFrom()
    with pytest.raises(RenderModuleException, match="label lowres_z=x has no number"):
        recorded({"tileId": "t", "labels": ["lowres_z=x"]})
