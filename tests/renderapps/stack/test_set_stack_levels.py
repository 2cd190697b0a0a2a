"""Display ranges set for whole stacks."""

import pytest
from layered_stacks import documents, layers, put, read, run, shared, state, tile, version, zs_of

import renderapi
from renderapps.stack.set_stack_levels import SetStackLevels


def without_range(document):
    kept = {k: v for k, v in document.items() if k not in ("minIntensity", "maxIntensity")}
    for channel in kept.get("channels", []):
        channel.pop("minIntensity"), channel.pop("maxIntensity")
    return kept


def test_in_place_only_the_range_changes(render):
    layers(render, "raw", channels=("DAPI", "GFP"), levels=(0, 1))
    before, metadata = documents(render, "raw"), version(render, "raw")
    status, report = run(SetStackLevels, render, stack="raw", maxIntensity=4000)
    assert status == 0
    assert [s["changed_tiles"] for s in report["sections"]] == [2, 2, 2]
    after = documents(render, "raw")
    for spec in after.values():
        ranges = [(spec["minIntensity"], spec["maxIntensity"])]
        ranges += [(c["minIntensity"], c["maxIntensity"]) for c in spec["channels"]]
        assert ranges == [(10, 4000), (5, 4000), (5, 4000)]
    assert {k: without_range(v) for k, v in after.items()} == {
        k: without_range(v) for k, v in before.items()
    }
    assert list(shared(render, "raw", 2.5)) == ["lens"]
    assert (state(render, "raw"), version(render, "raw")) == ("COMPLETE", metadata)
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["raw"]


def test_named_channels_alone(render):
    layers(render, "raw", channels=("DAPI", "GFP"))
    status, _ = run(
        SetStackLevels,
        render,
        input_stack="raw",
        output_stack="out",
        minIntensity=7,
        maxIntensity=70,
        channels=["GFP"],
        zs=[1],
    )
    assert status == 0 and zs_of(render, "out") == [1.0]
    for spec in read(render, "out").values():
        assert (spec.minint, spec.maxint) == (10, 200)
        assert [(c.minIntensity, c.maxIntensity) for c in spec.channels] == [(5, 1000), (7, 70)]


def test_a_channel_that_is_nowhere_changes_nothing(render, capsys):
    layers(render, "raw")
    before = documents(render, "raw")
    assert run(SetStackLevels, render, stack="raw", maxIntensity=9, channels=["GFP"])[0] == 1
    assert "has a channel GFP" in capsys.readouterr().err
    assert documents(render, "raw") == before and state(render, "raw") == "COMPLETE"


@pytest.mark.parametrize("wrong", [{}, {"minIntensity": 5, "maxIntensity": 5}])
def test_no_range_is_refused(render, wrong, capsys):
    assert run(SetStackLevels, render, stack="raw", **wrong)[0] == 2
    assert "minIntensity" in capsys.readouterr().err


def test_a_read_only_stack_stays_as_it_is(render, capsys):
    put(render, "raw", [[tile("a", 1.0)]], state="COMPLETE")
    renderapi.stack.set_stack_state("raw", "READ_ONLY", render=render)
    assert run(SetStackLevels, render, stack="raw", maxIntensity=9)[0] == 1
    assert "READ_ONLY" in capsys.readouterr().err
    assert state(render, "raw") == "READ_ONLY" and read(render, "raw")["a"].maxint == 200
