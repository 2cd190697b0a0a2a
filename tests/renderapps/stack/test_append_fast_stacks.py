"""Statetables appended to the stacks of their channels."""

import pytest
from layered_stacks import read, run, state, zs_of
from statetable_project import rows_of, write_table

import renderapi
from renderapps.dataimport.create_fast_stacks import CreateFastStack as Create
from renderapps.stack.append_fast_stacks import CreateFastStack as Append


@pytest.fixture
def tables(tmp_path):
    """Tables of frame 0 of ribbon 4, of its frame 1, and of ribbon 5, in a project."""
    rows = list(rows_of(tmp_path, sections=1))
    return {
        name: write_table(tmp_path / name, [row for row in rows if wanted(row)])
        for name, wanted in {
            "first": lambda row: (row["ribbon"], row["frame"]) == (4, 0),
            "second": lambda row: (row["ribbon"], row["frame"]) == (4, 1),
            "third": lambda row: row["ribbon"] == 5,
        }.items()
    }


def given(table):
    return {"statetableFile": str(table), "projectDirectory": str(table.parent), "levels": 1}


def test_tiles_and_sections_are_added_and_nothing_goes(render, tables):
    assert run(Create, render, **given(tables["first"]))[0] == 0
    before = read(render, "ACQ_GFP")
    assert run(Append, render, **given(tables["second"]))[0] == 0
    after = read(render, "ACQ_GFP")
    assert before.keys() < after.keys() and len(after) == 2 * len(before)
    # created up to 50000, appended up to 65000
    assert {tile.maxint for tile in before.values()} == {50000}
    assert {after[key].maxint for key in after.keys() - before.keys()} == {65000}
    assert run(Append, render, **given(tables["third"]))[0] == 0
    assert zs_of(render, "ACQ_GFP") == [400.0, 500.0] and state(render, "ACQ_GFP") == "COMPLETE"
    again = read(render, "ACQ_GFP")
    assert run(Append, render, **given(tables["third"]))[0] == 0
    assert read(render, "ACQ_GFP").keys() == again.keys()


def test_stacks_that_are_not_there_are_made(render, tables):
    status, report = run(Append, render, **given(tables["third"]), outputStackPrefix="NEW")
    assert status == 0 and len(report["output_stacks"]) == 5
    stacks = renderapi.render.get_stacks_by_owner_project(render=render)
    assert {"NEW_GFP", "NEW_Gephyrin"} < set(stacks)


def test_nothing_can_be_deleted(render, tables, capsys):
    assert run(Create, render, **given(tables["first"]))[0] == 0
    for wrong in (
        {"delete_stack": True},
        {"delete_stack": True, "existing": "overwrite_z"},
        {"existing": "replace"},
    ):
        assert run(Append, render, **given(tables["second"]), **wrong)[0] == 2
    assert "delete_stack" in capsys.readouterr().err
    assert zs_of(render, "ACQ_GFP") == [400.0]
