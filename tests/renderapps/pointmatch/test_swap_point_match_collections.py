"""Matches of sections exchanged between two collections, whole or not at all."""

import pytest
from layered_stacks import put, run, tile
from match_collections import match, stored

import renderapi
from renderapi import stackchanges
from renderapi.pointmatch import get_collection_metadata, import_matches, set_collection_metadata
from renderapps.module import ParameterError
from renderapps.pointmatch.collection_exchange import CollectionExchange
from renderapps.pointmatch.match_target import rename_collection
from renderapps.pointmatch.swap_point_match_collections import SwapPointMatchCollections


def within(z, number, q="b"):
    group = f"{z}.0"
    return match((group, f"a{z}"), (group, f"{q}{z}"), (number, 1, 2, 3, 1))


def across(z, number):
    return match((f"{z}.0", f"a{z}"), (f"{z + 1}.0", f"a{z + 1}"), (number, 5, 6, 7, 1))


ONE = [within(1, 100), across(1, 101), within(2, 102), within(3, 103)]
TWO = [within(1, 200), within(1, 201, "c"), within(2, 202), across(2, 203)]


@pytest.fixture
def both(render):
    import_matches("one", ONE, render=render)
    import_matches("two", TWO, render=render)
    set_collection_metadata("one", {"local_transforms": 1}, render=render)


def go(render, zs, **options):
    given = {"source_collection": "one", "target_collection": "two", "zValues": zs}
    return run(SwapPointMatchCollections, render, **given | options)


def ordered(documents):
    return sorted(documents, key=lambda m: (m["pGroupId"], m["qGroupId"], m["pId"], m["qId"]))


def held(render):
    return tuple(ordered(stored(render, name)) for name in ("one", "two"))


def names(render):
    found = renderapi.pointmatch.get_matchcollections(render=render)
    return sorted(entry["collectionId"]["name"] for entry in found)


SWAPPED = (
    ordered([*TWO[:2], across(1, 101), within(2, 102), within(3, 103)]),
    ordered([within(1, 100), within(2, 202), across(2, 203)]),
)


def test_matches_within_the_sections_are_exchanged_and_back(render, both):
    status, report = go(render, [1, 3])
    assert status == 0
    assert held(render) == SWAPPED
    assert report["swapped_zs"] == [1]
    (left,) = report["nonswapped_zs"]
    assert left == {"z": 3, "reason": "collection two has no matches of section 3.0"}
    assert report["swapped_pairs"] == {"one": 2, "two": 1}
    assert report["pairs"] == {"one": 5, "two": 3}
    assert names(render) == ["one", "two"]
    assert get_collection_metadata("one", render=render) == {"local_transforms": 1}
    assert go(render, 1)[0] == 0
    assert held(render) == (ordered(ONE), ordered(TWO))


def test_matches_with_other_sections_too(render, both):
    assert go(render, [2], include_across=True)[0] == 0
    assert held(render) == (
        ordered([within(1, 100), within(2, 202), across(2, 203), within(3, 103)]),
        ordered([*TWO[:2], across(1, 101), within(2, 102)]),
    )


def test_a_stack_says_which_sections_are_at_a_z(render, both):
    put(render, "raw", [[tile("x", 7.0, section="1.0")], [tile("y", 8.0, section="2.0")]])
    status, report = go(render, [7, 9], stack="raw")
    assert status == 0 and held(render) == SWAPPED
    assert "no section at z=9" in report["nonswapped_zs"][0]["reason"]


class Stopped(Exception):
    pass


@pytest.mark.parametrize("step", range(6))
def test_a_run_that_is_killed_loses_nothing(render, both, step):
    """Killed before each of the four renamings, and around the two deletions."""
    exchange = CollectionExchange(render, "test", ("one", "two"))
    import_matches(exchange.new("one"), SWAPPED[0], render=render)
    import_matches(exchange.new("two"), SWAPPED[1], render=render)
    renamings = [
        ("one", exchange.old("one")),
        (exchange.new("one"), "one"),
        ("two", exchange.old("two")),
        (exchange.new("two"), "two"),
    ]
    for name, new_name in renamings[:step]:
        rename_collection(render, "test", name, new_name)
    if step == 5:
        renderapi.pointmatch.delete_collection(exchange.old("one"), render=render)
        status, _ = go(render, [1])
        assert status == 1  # it had come to its end
        assert held(render) == SWAPPED and names(render) == ["one", "two"]
        return
    status, _ = go(render, [1])
    assert status == 0 and held(render) == SWAPPED
    left = {exchange.new("one"), exchange.new("two")} if step == 0 else set()
    assert set(names(render)) == {"one", "two"} | left


@pytest.mark.parametrize("at_once", [True, False])
def test_what_fails_midway_is_put_back(render, both, capsys, monkeypatch, at_once):
    if not at_once:
        monkeypatch.setattr(stackchanges, "additions", lambda **_: frozenset())
    exchange = CollectionExchange(render, "test", ("one", "two"))
    import_matches(exchange.new("one"), SWAPPED[0], render=render)
    with pytest.raises(renderapi.errors.RenderError):  # there is no new form of the second
        exchange.exchange()
    exchange.abandon()
    assert held(render) == (ordered(ONE), ordered(TWO)) and names(render) == ["one", "two"]


def test_bad_input(render, both, capsys):
    for wrong, message in (
        ({"source_collection": "none"}, "no match collection none"),
        ({"zValues": [3]}, "nothing is exchanged: collection two has no matches of section 3.0"),
        ({"stack": "none"}, "no stack none"),
    ):
        zs = wrong.pop("zValues", [1])
        assert go(render, zs, **wrong)[0] == 1
        assert message in capsys.readouterr().err
    set_collection_metadata("two", {"local_transforms": 0}, render=render)
    assert go(render, [1])[0] == 1
    assert "one after 1 and two after 0" in capsys.readouterr().err
    assert held(render) == (ordered(ONE), ordered(TWO)) and names(render) == ["one", "two"]
    base = {"render": {"host": render.DEFAULT_HOST, "owner": "t", "project": "p"}}
    given = {"source_collection": "one", "target_collection": "one", "zValues": [1]}
    with pytest.raises(ParameterError, match="target_collection"):
        SwapPointMatchCollections(input_data=base | given, args=[])
    with pytest.raises(ParameterError, match="zValues"):
        SwapPointMatchCollections(
            input_data=base | given | {"target_collection": "two", "zValues": []}, args=[]
        )
