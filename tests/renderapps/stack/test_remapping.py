"""Sections at other z values: squeezed, remapped, renamed, swapped, concatenated."""

import json

import pytest
from layered_stacks import documents, layers, lens, put, read, run, state, tile, version

import renderapi
from renderapps.stack.concatenate_stacks import ConcatenateStacks, numbered
from renderapps.stack.remap_zs import RemapZs
from renderapps.stack.remapping import exact_z, section_id_of
from renderapps.stack.rename_sectionIds import RenameSectionIds
from renderapps.stack.squeeze_stack import SqueezeStack
from renderapps.stack.swap_zs import SwapZs


def places(render, stack):
    return {key: t.z for key, t in read(render, stack).items()}


def test_squeezing_closes_gaps_and_keeps_section_ids(render, tmp_path):
    layers(render, "raw", zs=(-3.0, 1.0, 2.5), names="a")
    status, report = run(
        SqueezeStack,
        render,
        input_stack="raw",
        output_stack="out",
        output_directory=str(tmp_path / "specs"),
    )
    assert status == 0 and report["mapping"] == [[-3.0, 0.0], [1.0, 1.0], [2.5, 2.0]]
    assert places(render, "out") == {"a_-3": 0, "a_1": 1, "a_2.5": 2}
    assert [t.layout.sectionId for t in read(render, "out").values()] == ["-3.0", "1.0", "2.5"]
    assert version(render, "out") == version(render, "raw")
    files = sorted(path.name for path in (tmp_path / "specs").iterdir())
    assert files == ["tilespec_0000.json", "tilespec_0001.json", "tilespec_0002.json"]
    (written,) = json.loads((tmp_path / "specs" / files[2]).read_text())
    assert (written["tileId"], written["z"]) == ("a_2.5", 2.0)


def test_squeezing_in_place_from_another_start(render):
    layers(render, "raw", names="a")
    given = {"input_stack": "raw", "in_place": True, "first_z": 1, "remap_sectionId": True}
    assert run(SqueezeStack, render, **given)[0] == 0
    assert places(render, "raw") == {"a_0": 1, "a_1": 2, "a_2.5": 3}
    assert [t.layout.sectionId for t in read(render, "raw").values()] == ["1.0", "2.0", "3.0"]


def test_remapped_sections_change_places_in_place(render):
    layers(render, "raw", names="a")
    status, report = run(
        RemapZs, render, input_stack="raw", in_place=True, zs=[1, 0], new_zs=[0, 1]
    )
    assert status == 0 and report["mapping"] == [[0.0, 1.0], [1.0, 0.0]]
    assert places(render, "raw") == {"a_0": 1, "a_1": 0, "a_2.5": 2.5}


@pytest.mark.parametrize(
    ("parameters", "status", "message"),
    [
        ({"zs": [0], "new_zs": [1]}, 1, "z=1 of stack raw would be overwritten"),
        ({"zs": [0], "new_zs": [1, 2]}, 2, "1 zs and 2 new_zs"),
        ({"zs": [0, 1], "new_zs": [7, 7]}, 2, "named twice"),
        ({"zs": [4], "new_zs": [7]}, 1, "no section at z=4"),
    ],
)
def test_a_remap_that_would_lose_a_section_is_refused(render, capsys, parameters, status, message):
    layers(render, "raw")
    before = documents(render, "raw")
    assert run(RemapZs, render, input_stack="raw", in_place=True, **parameters)[0] == status
    assert message in capsys.readouterr().err
    assert documents(render, "raw") == before and state(render, "raw") == "COMPLETE"


def test_remapping_again_with_fewer_sections_leaves_none_of_the_last_run(render):
    layers(render, "raw")
    given = {"input_stack": "raw", "output_stack": "out"}
    assert run(RemapZs, render, **given, zs=[0, 1, 2.5], new_zs=[5, 6, 7])[0] == 0
    status, report = run(RemapZs, render, **given, zs=[1], new_zs=[9])
    assert status == 0 and report["kept_zs"] == []
    assert {tile.z for tile in read(render, "out").values()} == {9.0}
    more = {"zs": [0], "new_zs": [3], "existing": "overwrite_z"}
    status, report = run(RemapZs, render, **given, **more)
    assert status == 0 and report["kept_zs"] == [9.0]
    assert {tile.z for tile in read(render, "out").values()} == {3.0, 9.0}


def test_section_ids_follow_z_exactly(render):
    specs = [tile("a", 1.0, section="x"), tile("b", 1.0, section="1.0")]
    bare = tile("c", 1.04)
    bare.layout = renderapi.tilespec.Layout(force_pixelsize=False)
    put(render, "raw", [specs, [bare]])
    status, report = run(RenameSectionIds, render, input_stack="raw", output_stack="out")
    assert status == 0 and [s["changed_tiles"] for s in report["sections"]] == [1, 1]
    ids = {key: t.layout.sectionId for key, t in read(render, "out").items()}
    assert ids == {"a": "1.0", "b": "1.0", "c": "1.04"}
    assert read(render, "out")["a"].layout.imageRow == 3
    assert (section_id_of(3484), exact_z(7), exact_z(0.5)) == ("3484.0", "0007", "0.5")


def test_without_an_output_section_ids_are_set_in_place(render, capsys):
    put(render, "raw", [[tile("a", 1.0, section="x")], [tile("b", 2.0, section="y")]])
    assert run(RenameSectionIds, render, input_stack="raw", zmax=1)[0] == 0
    assert [t.layout.sectionId for t in read(render, "raw").values()] == ["1.0", "y"]
    assert run(RenameSectionIds, render, input_stack="raw", output_stack="raw")[0] == 2
    assert "leave it out to edit raw itself" in capsys.readouterr().err


def test_sections_are_swapped_between_stacks(render):
    layers(render, "one", prefix="one_", names="a")
    layers(render, "two", prefix="two_", names="ab")
    renderapi.stack.set_stack_state("two", "LOADING", render=render)
    status, report = run(SwapZs, render, source_stack="one", target_stack="two", zValues=[1, 2.5])
    assert status == 0 and report["pairs"][0]["tiles"] == [4, 2]
    assert sorted(places(render, "one")) == [
        "one_a_0",
        "two_a_1",
        "two_a_2.5",
        "two_b_1",
        "two_b_2.5",
    ]
    assert sorted(places(render, "two")) == ["one_a_1", "one_a_2.5", "two_a_0", "two_b_0"]
    assert (state(render, "one"), state(render, "two")) == ("COMPLETE", "LOADING")
    stacks = renderapi.render.get_stacks_by_owner_project(render=render)
    assert sorted(stacks) == ["one", "two"]


def test_a_swap_that_would_lose_something_is_refused(render, capsys):
    layers(render, "one", names="a")
    put(render, "two", [[tile("a_0", 1.0)]])
    put(render, "three", [[tile("c", 1.0)]], shared=[lens(M00=3.0)])
    before = documents(render, "one"), documents(render, "two")
    for target, z, message in (
        ("two", 1, "tile a_0 of stack two z=1 is also in stack one at z=0"),
        ("two", 9, "no section at z=9"),
        ("three", 1, "different shared transforms lens"),
    ):
        assert run(SwapZs, render, source_stack=["one"], target_stack=[target], zs=[z])[0] == 1
        assert message in capsys.readouterr().err
    assert (documents(render, "one"), documents(render, "two")) == before
    assert run(SwapZs, render, source_stack=["one"], target_stack=["one"], zs=[1])[0] == 2


def test_stacks_of_two_projects_are_joined_end_to_end(render):
    there = renderapi.connect(
        host=render.DEFAULT_HOST, owner="test", project="elsewhere", web_only=True
    )
    layers(render, "one", zs=(3.0, 5.0), names="a", prefix="one_")
    layers(there, "two", zs=(3.0,), names="a", prefix="two_")
    status, report = run(
        ConcatenateStacks,
        render,
        input_stacks="one,two",
        input_projects=["project", "elsewhere"],
        output_stack="both",
        output_project="elsewhere",
        adjust_z=True,
        gap=1,
    )
    assert status == 0
    assert places(there, "both") == {"one_a_3": 0, "one_a_5": 1, "two_a_3": 3}
    assert [(s["stack"], s["z"], s["new_z"]) for s in report["sections"]] == [
        ("one", 3.0, 0.0),
        ("one", 5.0, 1.0),
        ("two", 3.0, 3.0),
    ]
    assert version(there, "both") == version(render, "one") and state(there, "both") == "COMPLETE"
    assert renderapi.render.get_stacks_by_owner_project(render=there) == ["both", "two"]


def test_joining_again_gives_the_same_and_keeps_what_is_beside(render, capsys):
    layers(render, "one", zs=(3.0,), names="a", prefix="one_")
    put(render, "joined", [[tile("old", 3.0)], [tile("kept", 9.0)]])
    given = {"input_stacks": "one", "input_projects": "project", "output_stack": "joined"}
    keep = {"existing": "overwrite_z"}
    for _ in range(2):
        status, report = run(ConcatenateStacks, render, **given, **keep, output_project="project")
        assert (status, report["kept_zs"]) == (0, [9.0])
        assert places(render, "joined") == {"one_a_3": 3, "kept": 9}
    put(render, "joined", [[tile("one_a_3", 7.0)]])
    assert run(ConcatenateStacks, render, **given, **keep)[0] == 1
    assert "tile one_a_3 is already in section z=7 of stack joined" in capsys.readouterr().err
    assert places(render, "joined")["one_a_3"] == 7 and state(render, "joined") == "COMPLETE"
    assert run(ConcatenateStacks, render, **given)[0] == 0
    assert places(render, "joined") == {"one_a_3": 3}


def test_what_cannot_be_joined_is_refused(render, capsys):
    layers(render, "one", zs=(3.0,), names="a")
    layers(render, "two", zs=(3.0,), names="a", prefix="two_")
    layers(render, "three", zs=(8.0,), names="a")
    put(render, "four", [[tile("a_3", 4.0)]])
    for stacks, message in (
        (["one", "two"], "both have z=3"),
        (["one", "four"], "a_3 is in one and four"),
        (["one", "out", "three"], "no stack out"),
        (["three", "three"], "both have z=8"),
    ):
        given = {"input_stacks": stacks, "output_stack": "joined"}
        assert run(ConcatenateStacks, render, **given)[0] == 1
        assert message in capsys.readouterr().err
    given = {"input_stacks": ["one", "three"], "output_stack": "three"}
    assert run(ConcatenateStacks, render, **given)[0] == 1
    assert "also an input" in capsys.readouterr().err
    assert "joined" not in renderapi.render.get_stacks_by_owner_project(render=render)
    given |= {"output_stack": "two", "existing": "fail"}
    assert run(ConcatenateStacks, render, **given)[0] == 1
    assert sorted(places(render, "two")) == ["two_a_3"]


def test_numbers_go_on_from_stack_to_stack():
    assert numbered([[1.0], [1.0, 2.0]], first=10, gap=0) == [
        (0, 1.0, 10),
        (1, 1.0, 11),
        (1, 2.0, 12),
    ]
