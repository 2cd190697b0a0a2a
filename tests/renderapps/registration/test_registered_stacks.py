"""Stacks carried along with an aligned reference, on a live service."""

import numpy as np
import pytest
from layered_stacks import lens, put, read, run, tile, version

from renderapi.transform import AffineModel, ReferenceTransform, estimate_dstpts
from renderapps.registration.apply_alignment_transform_from_registered_stack import (
    ApplyAlignmentFromRegisteredStack,
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
