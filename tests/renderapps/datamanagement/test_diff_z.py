"""Stacks compared by section."""

from layered_stacks import layers, run

import renderapi
from renderapps.datamanagement.diff_z import Diffz


def test_z_values_of_one_stack_only(render):
    layers(render, "one")
    layers(render, "two", zs=(1.0, 4.0))
    status, report = run(Diffz, render, input_stack1="one", input_stack2="two")
    assert status == 0
    found = {"only_in_stack1": [0.0, 2.5], "only_in_stack2": [4.0], "common": 1}
    assert report == report | found


def test_tiles_of_common_sections(render):
    there = renderapi.connect(host=render.DEFAULT_HOST, owner="test", project="p2", web_only=True)
    layers(render, "one", names="ab")
    layers(there, "one", names="bc")
    given = {"input_stack1": "one", "input_stack2": "one", "project2": "p2"}
    assert run(Diffz, render, **given, compare="tile_counts")[1]["differing"] == []
    differing = run(Diffz, render, **given, compare="tile_ids")[1]["differing"]
    assert [entry["z"] for entry in differing] == [0.0, 1.0, 2.5]
    assert differing[1] == {
        "z": 1.0,
        "tiles1": 2,
        "tiles2": 2,
        "only_in_stack1": ["a_1"],
        "only_in_stack2": ["c_1"],
    }


def test_a_missing_stack(render, capsys):
    layers(render, "one")
    assert run(Diffz, render, input_stack1="one", input_stack2="none")[0] == 1
    assert "no stack none" in capsys.readouterr().err
