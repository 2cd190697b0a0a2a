"""Stacks carried along with an aligned reference, on a live service."""

import numpy as np
import pytest
from layered_stacks import lens, put, read, run, tile, version

import renderapi
from renderapi.transform import AffineModel, ReferenceTransform, estimate_dstpts
from renderapps.registration.apply_alignment_transform_from_registered_stack import (
    ApplyAlignmentFromRegisteredStack,
)
from renderapps.registration.apply_alignment_transform_from_registered_stacks import (
    ApplyAlignmentFromRegisteredStacks,
)
from renderapps.registration.fit_cross_registered_transform import FitCrossRegisteredTransform

POINTS = np.array([[0.0, 0.0], [39.0, 0.0], [13.0, 29.0]])
TURN = AffineModel(M00=0.0, M01=-1.0, M10=1.0, M11=0.0, B0=700.0, B1=50.0)
REFERENCE = {"prealigned_stack": "before", "postaligned_stack": "after"}
SPACES = {"ref_stack_shared_space": "before", "ref_stack_dest_space": "after"}


def world(spec):
    """Where three pixels of a tile lie, behind the lens where it has one."""
    transforms = [lens() if isinstance(t, ReferenceTransform) else t for t in spec.tforms]
    return estimate_dstpts(transforms, POINTS)


@pytest.fixture
def stacks(render):
    """Reference tiles A and B side by side, turned by the alignment; source tiles above them."""
    reference = [tile("A", 1.0, 0, 0), tile("B", 1.0, 40, 0)]
    put(render, "before", [reference])
    after = [tile("A", 1.0, 0, 0), tile("B", 1.0, 40, 0)]
    for spec in after:
        spec.tforms = [*spec.tforms, TURN]
    put(render, "after", [after])
    source = [tile("a", 1.0, 2, 1), tile("b", 1.0, 35, -3), tile("far", 1.0, 5000, 0)]
    put(render, "source", [source, [tile("other", 2.0)]])


@pytest.mark.parametrize(("keep", "count"), [(0, 1), (1, 2)])
def test_tiles_follow_their_reference(render, stacks, keep, count):
    given = REFERENCE | {"source_stack": "source", "output_stack": "out", "zs": [1]}
    status, report = run(
        ApplyAlignmentFromRegisteredStack, render, **given, num_local_transforms=keep
    )
    assert status == 0
    before, after = read(render, "source"), read(render, "out")
    assert sorted(after) == ["a", "b"] and version(render, "out") == version(render, "source")
    for name, spec in after.items():
        assert len(spec.tforms) == count
        expected = TURN.tform(world(before[name]))
        np.testing.assert_allclose(world(spec), expected, atol=1e-6)
    (section,) = report["sections"]
    assert [fit["tileId"] for fit in section["fits"]] == ["a", "b"]
    assert max(fit["largest"] for fit in section["fits"]) < 1e-6
    (lost,) = section["not_fitted"]
    assert lost["tileId"] == "far" and "0 points, 3 are needed" in lost["reason"]
    assert section["dropped_tiles"] == ["far"]


def test_the_resolution_may_be_another_one(render, stacks):
    given = REFERENCE | {"source_stack": "source", "output_stack": "out", "zs": [1]}
    assert run(ApplyAlignmentFromRegisteredStack, render, **given, stackResolutionZ=70)[0] == 0
    found = version(render, "out")
    assert (found["stackResolutionX"], found["stackResolutionZ"]) == (4.0, 70.0)


def test_a_section_that_the_reference_lacks_is_named(render, stacks, capsys):
    given = REFERENCE | {"source_stack": "source", "output_stack": "out"}
    status, report = run(ApplyAlignmentFromRegisteredStack, render, **given)
    assert status == 0 and sorted(read(render, "out")) == ["a", "b"]
    assert report["sections"][1]["not_fitted"][0]["tileId"] == "other"
    again = given | {"zs": [2], "existing": "replace"}
    assert run(ApplyAlignmentFromRegisteredStack, render, **again)[0] == 1
    assert sorted(read(render, "out")) == ["a", "b"]  # nothing does not take the place of it


def test_the_fit_leads_from_the_own_space_whatever_the_shared_one_is(render, stacks):
    """The tiles were somewhere else, at twice the size, before they were registered."""
    own = [tile("a", 1.0, 2, 1), tile("b", 1.0, 35, -3)]
    for spec in own:
        spec.tforms = [*spec.tforms, AffineModel(M00=2, M11=2, B0=-300, B1=90)]
    put(render, "own", [own])
    given = {"input_stack_src_space": "own", "input_stack_shared_space": "source"}
    given |= SPACES | {"output_stack": "out", "transform_type": "similarity"}
    for one in (False, True):
        status, _ = run(FitCrossRegisteredTransform, render, **given, one_transform_per_section=one)
        assert status == 0
        registered, after = read(render, "source"), read(render, "out")
        assert sorted(after) == ["a", "b"]
        for name, spec in after.items():
            assert len(spec.tforms) == 4
            expected = TURN.tform(world(registered[name]))
            np.testing.assert_allclose(world(spec), expected, atol=1e-6)
        last = [after[name].tforms[-1].to_dict() for name in "ab"]
        assert (last[0] == last[1]) is one


def test_bad_input(render, stacks, capsys):
    given = REFERENCE | {"source_stack": "source", "output_stack": "source"}
    assert run(ApplyAlignmentFromRegisteredStack, render, **given)[0] == 2
    wrong = given | {"output_stack": "out", "transform_type": "polynomial", "max_epsilon": 2.0}
    assert run(ApplyAlignmentFromRegisteredStack, render, **wrong)[0] == 2
    told = capsys.readouterr().err
    assert "source is also an input" in told and "max_epsilon: goes with" in told
    missing = given | {"output_stack": "out", "prealigned_stack": "none"}
    assert run(ApplyAlignmentFromRegisteredStack, render, **missing)[0] == 1


MANY = REFERENCE | {"registered_stacks": ["REG_x_REG_y", "plain"], "old_prefix": "REG_"}


def test_many_stacks_get_their_names_by_prefixes(render, stacks):
    """Only a prefix is taken off, and all stacks follow, or none."""
    for name in MANY["registered_stacks"]:
        put(render, name, [[tile(f"{name}_a", 1.0, 2, 1)]])
    status, report = run(ApplyAlignmentFromRegisteredStacks, render, **MANY, new_prefix="ALI_")
    assert status == 0
    for source, output in (("REG_x_REG_y", "ALI_x_REG_y"), ("plain", "ALI_plain")):
        before, after = read(render, source), read(render, output)
        assert sorted(before) == sorted(after)
        for name, spec in after.items():
            np.testing.assert_allclose(world(spec), TURN.tform(world(before[name])), atol=1e-6)
    assert [entry["output_stack"] for entry in report["stacks"]] == ["ALI_x_REG_y", "ALI_plain"]
    put(render, "far_away", [[tile("f", 1.0, 9000, 0)]])
    given = REFERENCE | {"registered_stacks": "plain,far_away", "new_prefix": "NEW_"}
    assert run(ApplyAlignmentFromRegisteredStacks, render, **given)[0] == 1
    assert "NEW_plain" not in renderapi.render.get_stacks_by_owner_project(render=render)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"registered_stacks": ["source"]}, "which is an input"),
        ({"registered_stacks": ["source"], "new_prefix": "s", "old_prefix": "s"}, "an input"),
        ({"registered_stacks": ["REG", "x"], "old_prefix": "REG"}, "nothing is left"),
        ({"registered_stacks": ["A_x", "x"], "old_prefix": "A_", "new_prefix": "B"}, "would both"),
    ],
)
def test_outputs_of_many_stacks_are_new(render, stacks, capsys, change, told):
    given = REFERENCE | change
    assert run(ApplyAlignmentFromRegisteredStacks, render, **given)[0] == 2
    assert told in capsys.readouterr().err


def test_a_stack_that_lies_on_its_reference_has_all_points_of_its_grid(render, stacks):
    """The first row and column of pixels lie on the border of the reference's tile."""
    put(render, "same", [[tile("same", 1.0, 0, 0)]])
    given = REFERENCE | {"source_stack": "same", "output_stack": "out", "grid_size": 2}
    status, report = run(ApplyAlignmentFromRegisteredStack, render, **given)
    assert status == 0 and report["sections"][0]["fits"][0]["points"] == 4
