"""Channels collected from stacks by frame number."""

import pytest
from layered_stacks import put, read, run, tile

from renderapps.stack.merge_session_stacks import (
    MergeSessionStacks,
    channel_of,
    frame_number,
    set_channels,
)


def session(render, stack, frames, z=1.0, maximum=200):
    specs = []
    for i, frame in enumerate(frames):
        url = f"file:///my%20data/{stack}_S0001_F{frame:04d}_Z00.tif"
        spec = tile(f"{stack}_{frame}", z, x=100.0 * i, url=url)
        spec.maxint = maximum
        specs.append(spec)
    put(render, stack, [specs])


@pytest.fixture
def sessions(render):
    session(render, "base", (0, 1))
    session(render, "GFP1", (1, 0), maximum=500)
    session(render, "DAPI1", (0, 1, 2), maximum=900)


GIVEN = {"base_stack": "base", "output_stack": "out"}
CHANNELS = {"GFP": "GFP1", "DAPI_1": "DAPI1"}


def test_channels_come_from_the_tile_of_the_same_frame(render, sessions):
    status, _ = run(MergeSessionStacks, render, **GIVEN, channel_stacks=CHANNELS)
    assert status == 0
    before, after = read(render, "base"), read(render, "out")
    assert list(after) == ["base_0", "base_1"]
    for frame in (0, 1):
        spec = after[f"base_{frame}"]
        assert [(c.name, c.minIntensity, c.maxIntensity) for c in spec.channels] == [
            ("DAPI_1", 10, 900),
            ("GFP", 10, 500),
        ]
        assert [c.ip["0"].imageUrl for c in spec.channels] == [
            f"file:///my%20data/{stack}_S0001_F{frame:04d}_Z00.tif" for stack in ("DAPI1", "GFP1")
        ]
        assert spec.bbox == before[f"base_{frame}"].bbox and spec.tforms[0].refId == "lens"


def test_order_and_range_can_be_given(render, sessions):
    channels = CHANNELS | {"GFP": {"stack": "GFP1", "minIntensity": 1, "maxIntensity": 2}}
    given = GIVEN | {"channel_stacks": channels, "first_channel": "GFP"}
    assert run(MergeSessionStacks, render, **given)[0] == 0
    first, second = read(render, "out")["base_0"].channels
    assert (first.name, first.minIntensity, first.maxIntensity) == ("GFP", 1, 2)
    assert second.name == "DAPI_1"


def test_channels_may_be_a_list_in_order(render, sessions):
    channels = [
        {"name": "GFP", "stack": "GFP1", "min": 1, "max": 2},
        {"name": "blue", "stack": "DAPI1"},
    ]
    assert run(MergeSessionStacks, render, **GIVEN, channel_stacks=channels)[0] == 0
    first, second = read(render, "out")["base_0"].channels
    assert (first.name, first.minIntensity, first.maxIntensity) == ("GFP", 1, 2)
    assert (second.name, second.maxIntensity) == ("blue", 900)


def test_missing_frames_fail_or_are_skipped(render, sessions, capsys):
    session(render, "few", (1,))
    given = GIVEN | {"channel_stacks": {"few": "few"}}
    assert run(MergeSessionStacks, render, **given)[0] == 1
    assert "no frame for 1 tiles of section z=1, such as base_0" in capsys.readouterr().err
    status, report = run(MergeSessionStacks, render, **given, missing_frames="skip")
    assert status == 0 and report["sections"][0]["missing_frames"] == {"few": ["base_0"]}
    tiles = read(render, "out")
    assert tiles["base_0"].channels is None
    assert [c.name for c in tiles["base_1"].channels] == ["few"]


def test_a_channel_stack_without_the_section_lacks_all_frames(render, sessions):
    session(render, "above", (0, 1), z=2.0)
    given = GIVEN | {"channel_stacks": {"above": "above"}}
    assert run(MergeSessionStacks, render, **given)[0] == 1


def test_two_tiles_of_one_frame_are_refused(render, sessions, capsys):
    url = "file:///a_F0001.tif"
    put(render, "twice", [[tile("x", 1.0, url=url), tile("y", 1.0, url=url)]])
    assert run(MergeSessionStacks, render, **GIVEN, channel_stacks={"c": "twice"})[0] == 1
    assert "tiles x and y of stack twice z=1 both have frame 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channel_stacks": {"a": {}}}, "channel a has no stack"),
        ({"channel_stacks": {"a": {"stack": "s", "top": 3}}}, "unknown top"),
        ({"channel_stacks": {"a": "s"}, "first_channel": "b"}, "first_channel"),
        ({"channel_stacks": {"a": "s"}, "frame_pattern": "F"}, "one group"),
        ({"channel_stacks": {"a": "out"}}, "also an input"),
        ({"channel_stacks": [{"stack": "s"}]}, "no name"),
        ({"channel_stacks": [{"name": "a", "stack": "s"}] * 2}, "channel a twice"),
    ],
)
def test_parameters_that_make_no_sense(render, wrong, message, capsys):
    assert run(MergeSessionStacks, render, **GIVEN, **wrong)[0] == 2
    assert message in capsys.readouterr().err


def test_frame_numbers_are_the_last_match():
    import re

    spec = {"tileId": "t", "mipmapLevels": {"0": {"imageUrl": "file:///_F0009/b_F0001_F0023.tif"}}}
    assert frame_number(spec, re.compile(r"_F(\d{4})")) == 23
    higher = {**spec, "mipmapLevels": {"10": {}, "2": spec["mipmapLevels"]["0"]}}
    assert frame_number(higher, re.compile(r"_F(\d{4})")) == 23
    assert frame_number({**spec, "frameId": "7"}, re.compile(r"_F(\d{4})")) == 7
    assert frame_number({**spec, "frameId": "x"}, re.compile(r"_F(\d{4})")) == 23


def test_channels_that_a_tile_has_already_stay_after_the_new_ones():
    own = [{"name": "old", "mipmapLevels": {}}, {"name": "GFP", "maxIntensity": 1}]
    tile = {"tileId": "a", "channels": own}
    new = [{"name": "GFP", "maxIntensity": 9}, {"name": "DAPI"}]
    set_channels(tile, new)
    assert tile["channels"] == [*new, own[0]]
    set_channels(tile, [])
    assert tile["channels"] == [*new, own[0]]
    bare = {"tileId": "b"}
    set_channels(bare, [])
    assert bare == {"tileId": "b"}


def test_the_range_of_a_channel_is_the_given_one_else_that_of_its_tile():
    tile = {"tileId": "a", "minIntensity": 3, "maxIntensity": 90, "mipmapLevels": {"0": {}}}
    channel = channel_of("GFP", {"stack": "s", "maxIntensity": 50}, tile)
    assert channel == {
        "name": "GFP", "minIntensity": 3, "maxIntensity": 50, "mipmapLevels": {"0": {}}
    }  # fmt: skip
