"""Stacks merged section by section."""

import pytest
from layered_stacks import layers, lens, put, read, run, shared, state, tile, version, zs_of

import renderapi
from renderapps.stack.merge_render_stacks import MergeStacks
from renderapps.stack.merge_stacks import MergeStacks as MergeAny


@pytest.fixture
def two(render):
    layers(render, "one", zs=(0.0, 1.0), prefix="one_", names="a")
    layers(render, "two", zs=(1.0, 2.0), prefix="two_", names="ab")


BOTH = {"stack1": "one", "stack2": "two", "output_stack": "out"}


def test_the_union_has_every_section(render, two):
    status, report = run(MergeStacks, render, **BOTH)
    assert status == 0
    assert {key: t.z for key, t in read(render, "out").items()} == {
        "one_a_0": 0, "one_a_1": 1, "two_a_1": 1, "two_b_1": 1, "two_a_2": 2, "two_b_2": 2,
    }  # fmt: skip
    assert [s["tiles_from"] for s in report["sections"]] == [
        {"one": 1, "two": 0},
        {"one": 1, "two": 2},
        {"one": 0, "two": 2},
    ]
    assert report["warnings"] == [] and version(render, "out") == version(render, "one")
    assert state(render, "out") == "COMPLETE" and list(shared(render, "out", 2.0)) == ["lens"]


def test_the_intersection_and_a_range(render, two):
    assert run(MergeStacks, render, **BOTH, z_intersection=True)[0] == 0
    assert zs_of(render, "out") == [1.0]
    assert run(MergeStacks, render, **(BOTH | {"output_stack": "high"}), zmin=0.5)[0] == 0
    assert zs_of(render, "high") == [1.0, 2.0]


def test_other_resolutions_are_told(render, two):
    put(render, "coarse", [[tile("c", 9.0)]], stackResolutionX=8.0)
    given = {"stacks": ["one", "coarse"], "output_stack": "out"}
    _, report = run(MergeAny, render, **given)
    assert "coarse" in report["warnings"][0] and version(render, "out")["stackResolutionX"] == 4.0


@pytest.fixture
def colliding(render):
    put(render, "one", [[tile("a", 1.0, x=1.0)], [tile("b", 2.0, x=1.0)]])
    put(render, "two", [[tile("a", 1.0, x=500.0)], [tile("b", 3.0, x=500.0), tile("c", 3.0)]])


def test_tiles_of_one_id_are_refused_before_anything_is_written(render, colliding, capsys):
    assert run(MergeStacks, render, **BOTH)[0] == 1
    assert "2 tileIds are in several stacks; a is in one and two" in capsys.readouterr().err
    assert "out" not in renderapi.render.get_stacks_by_owner_project(render=render)
    assert run(MergeStacks, render, **BOTH, zs=[2])[0] == 0  # b of stack two is not taken


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("first", {"a": (1, 1), "b": (2, 1), "c": (3, 0)}),
        ("last", {"a": (1, 500), "b": (3, 500), "c": (3, 0)}),
        (
            "prefix",
            {"a": (1, 1), "b": (2, 1), "c": (3, 0), "two_a": (1, 500), "two_b": (3, 500)},
        ),
    ],
)
def test_policies_for_tiles_of_one_id(render, colliding, policy, expected):
    status, report = run(MergeStacks, render, **BOTH, on_collision=policy)
    assert status == 0
    assert {k: (t.z, t.minX) for k, t in read(render, "out").items()} == expected
    changes = [s["changes"] for s in report["sections"] if "changes" in s]
    if policy == "first":
        assert changes == [{"two": {"left_out": ["a"]}}, {"two": {"left_out": ["b"]}}]


def test_a_prefix_that_is_taken_is_refused(render, colliding, capsys):
    put(render, "three", [[tile("two_a", 1.0)]])
    given = {"stacks": "one,two,three", "output_stack": "out", "on_collision": "prefix"}
    assert run(MergeAny, render, **given)[0] == 1
    assert "cannot become two_a" in capsys.readouterr().err


def test_transforms_of_one_id_with_other_content_get_another_id(render):
    put(render, "one", [[tile("a", 1.0)]])
    put(render, "two", [[tile("b", 1.0)], [tile("c", 2.0)]], shared=[lens(M00=2.0)])
    status, report = run(MergeStacks, render, **BOTH)
    assert status == 0
    assert report["sections"][1]["changes"] == {"two": {"renamed_transforms": {"lens": "two_lens"}}}
    tiles = read(render, "out")
    assert [tiles[k].tforms[0].refId for k in "abc"] == ["lens", "two_lens", "two_lens"]
    transforms = shared(render, "out", 1.0)
    assert (transforms["lens"].M00, transforms["two_lens"].M00) == (1.01, 2.0)
    assert tiles["b"].maxX == 80  # by its own lens


def test_into_one_of_the_stacks(render, two):
    given = {"stacks": ["one", "two"], "output_stack": "one"}
    assert run(MergeAny, render, **given)[0] == 2
    assert run(MergeAny, render, **given, in_place=True, z_intersection=True)[0] == 2
    assert run(MergeAny, render, **given, in_place=True)[0] == 0
    assert zs_of(render, "one") == [0.0, 1.0, 2.0] and zs_of(render, "two") == [1.0, 2.0]
    assert len(read(render, "one")) == 6


def test_a_section_that_stays_in_the_output_keeps_its_tiles(render, two, capsys):
    put(render, "out", [[tile("two_a_1", 7.0)]])
    assert run(MergeStacks, render, **BOTH, existing="overwrite_z")[0] == 1
    assert "already in section z=7" in capsys.readouterr().err
    assert read(render, "out")["two_a_1"].z == 7
