"""Parts of stacks."""

import pytest
from layered_stacks import documents, layers, read, run, version

from renderapps.stack.create_subvolume_stack import CreateSubvolumeStack

BOX = {"input_stack": "raw", "output_stack": "out", "minY": 0, "maxY": 500}


@pytest.fixture
def row(render):
    """Tiles a, b, c of 41 x 30 pixels, 35 apart, in each section."""
    layers(render, "raw", names="abc", channels=("GFP",))


def names(render):
    return {key.split("_")[0] for key in read(render, "out")}


def test_tiles_that_touch_the_box_are_copied_whole(render, row, tmp_path):
    given = BOX | {"minX": 50, "maxX": 60, "minZ": 0.5, "maxZ": 2.5}
    status, report = run(CreateSubvolumeStack, render, **given, directory=str(tmp_path / "specs"))
    assert status == 0 and report["total_tiles"] == 2
    before = documents(render, "raw")
    assert documents(render, "out") == {key: before[key] for key in ("b_1", "b_2.5")}
    assert version(render, "out") == version(render, "raw")
    assert sorted(p.name for p in (tmp_path / "specs").iterdir()) == [
        "tilespec_0001.json",
        "tilespec_2.5.json",
    ]


def test_the_scale_of_older_parameter_files_has_no_effect(render, row, capsys):
    given = BOX | {"minX": 0, "maxX": 900, "minZ": 0, "maxZ": 100000000, "scale": 0.01}
    assert run(CreateSubvolumeStack, render, **given)[0] == 0
    assert documents(render, "out") == documents(render, "raw")


def test_or_only_those_inside(render, row):
    given = BOX | {"minX": 30, "maxX": 90}
    assert run(CreateSubvolumeStack, render, **given)[0] == 0
    assert names(render) == {"a", "b", "c"}
    assert run(CreateSubvolumeStack, render, **given, select="inside")[0] == 0
    assert names(render) == {"b"}


def test_the_range_can_be_set(render, row):
    given = BOX | {"minX": 0, "maxX": 9, "minIntensity": 1000, "maxIntensity": 65000}
    assert run(CreateSubvolumeStack, render, **given)[0] == 0
    for tile in read(render, "out").values():
        assert (tile.minint, tile.maxint, tile.channels[0].maxIntensity) == (1000, 65000, 65000)


def test_an_empty_box_and_a_wrong_one(render, row, capsys):
    assert run(CreateSubvolumeStack, render, **BOX, minX=900, maxX=901)[0] == 1
    assert "no tiles are left" in capsys.readouterr().err
    assert run(CreateSubvolumeStack, render, **BOX, minX=9, maxX=1)[0] == 2
    assert "above maxX" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("side", "kept"),
    [
        ({"minX": 43}, "bc"),
        ({"maxX": 34}, "a"),
        ({"minX": 36, "maxX": 69}, "ab"),
        ({"minY": 132}, ""),
        ({"minY": 129}, "abc"),
        ({"maxY": 99}, ""),
        ({"maxY": 101}, "abc"),
    ],
)
def test_each_side_of_the_box_counts(render, row, side, kept):
    """Tiles a, b, c begin at x = 0, 35, 70 and y = 100; they are 40.4 x 29.7 pixels."""
    given = BOX | {"minX": -900, "maxX": 900, "minY": -900, "maxY": 900, "minZ": 1, "maxZ": 1}
    status, _ = run(CreateSubvolumeStack, render, **(given | side))
    assert status == (0 if kept else 1)
    if kept:
        assert names(render) == set(kept)


def test_sides_that_are_not_given_are_those_of_the_stack(render, row):
    given = {"input_stack": "raw", "output_stack": "out", "minX": 43, "minZ": 1, "maxZ": 1}
    assert run(CreateSubvolumeStack, render, **given)[0] == 0
    assert names(render) == {"b", "c"}
