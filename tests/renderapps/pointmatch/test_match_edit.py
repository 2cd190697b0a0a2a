"""Match collections edited into others: orientation, coordinates, reports, and killed runs."""

import os
import signal
import subprocess
import sys

import pytest
from killed_runs import KILLED as KILLED_BY_TEST
from killed_runs import copy_of, killed_at
from match_collections import match, stored

import renderapi
from renderapi import stackchanges
from renderapi.errors import RenderError, SpecError
from renderapi.pointmatch import get_collection_metadata, import_matches
from renderapi.tilespec import TileSpec
from renderapps.alignment.section_tiles import SectionTiles
from renderapps.alignment.stored_matches import TileIndex
from renderapps.module import RenderModuleException
from renderapps.module.tile_documents import Section
from renderapps.pointmatch.match_collection import locked_collection
from renderapps.pointmatch.match_edit import Edited, MatchEditModule, MatchEditParameters
from renderapps.pointmatch.match_target import MatchTarget, rename_collection
from renderapps.pointmatch.pair_matches import PairMatches

A, B, C = ("1.0", "a"), ("1.0", "b"), ("2.0", "c")
MATCHES = [
    match(A, B, (1, 2, 3, 4, 1), (5, 6, 7, 8, 0)),
    match(A, C, (9, 10, 11, 12, 1)),
    match(C, ("2.0", "d"), (1, 1, 2, 2, 0.5)),
]


class Heavy(MatchEditModule):
    """Keeps the points that have a weight; tile c goes into group 0 where that is asked for."""

    default_schema = MatchEditParameters

    def edit_matches(self, pairs):
        kept = [pair.only(pair.w > 0) for pair in pairs]
        lost = [p.ids | {"reason": "light"} for p in kept if p.w.max(initial=0) < 0.6]
        return Edited([p for p in kept if p.w.max(initial=0) >= 0.6], lost)


def test_matches_stored_point_by_point_are_refused_by_name():
    ids = {"pGroupId": "1.0", "pId": "a", "qGroupId": "1.0", "qId": "b"}
    points = {"p": [[1, 2]] * 3, "q": [[3, 4]] * 3, "w": [1] * 3}
    tiles = [TileSpec(tile_id, 1.0, 9, 9).document() for tile_id in "ab"]
    index = TileIndex([SectionTiles.of(Section(1.0, tiles))])
    for use in (
        lambda document: PairMatches.from_document(document),
        lambda document: index.points_of([document], 0),
    ):
        with pytest.raises(SpecError, match="tiles a and b is stored point by point"):
            use({**ids, "matches": points})


class Renaming(MatchEditModule):
    """Puts tile c into group 0, before all others."""

    keeps_tiles = False

    def edit_matches(self, pairs):
        def name(tile):
            return ("0", tile[1]) if tile == C else tile

        moved = [PairMatches.of(name(m.p_tile), name(m.q_tile), m.p, m.q, m.w) for m in pairs]
        return Edited(moved, [])


class Forgetful(MatchEditModule):
    """Says nothing of what it leaves out."""

    def edit_matches(self, pairs):
        return Edited(pairs[:1], [])


class Doubling(MatchEditModule):
    keeps_tiles = False

    def edit_matches(self, pairs):
        one = pairs[0]
        return Edited([PairMatches.of(A, B, one.p, one.q, one.w)], [])


class Failing(MatchEditModule):
    def edit_matches(self, pairs):
        if pairs[0].p_tile[0] == "2.0":
            raise RenderModuleException("group 2.0 is not for us")
        return Edited(pairs, [])


@pytest.fixture
def collection(render):
    import_matches("raw", MATCHES, render=render)
    return "raw"


def go(render, cls=Heavy, **options):
    connection = {"host": render.DEFAULT_HOST, "owner": "test"}
    given = {"render": connection | {"project": render.DEFAULT_PROJECT}, "pool_size": 1}
    given |= {"input_collection": "raw", "output_collection": "out"} | options
    module = cls(input_data=given, args=[])
    module.run()
    return module.result


def names(render):
    found = renderapi.pointmatch.get_matchcollections(render=render)
    return sorted(entry["collectionId"]["name"] for entry in found)


def test_pairs_are_written_with_points_and_weights_and_the_dropped_ones_named(render, collection):
    report = go(render)
    expected = [match(A, B, (1, 2, 3, 4, 1)), MATCHES[1]]
    assert stored(render, "out") == expected and stored(render, "raw") == MATCHES
    ids = {"pGroupId": "2.0", "pId": "c", "qGroupId": "2.0", "qId": "d"}
    assert report["dropped_pairs"] == [ids | {"reason": "light"}]
    counts = ("groups", "pairs_read", "pairs_written", "points_read", "points_written")
    assert [report[key] for key in counts] == [2, 3, 2, 4, 2]
    again = go(render)
    assert again == report and stored(render, "out") == expected
    assert names(render) == ["out", "raw"]


def test_tiles_that_change_places_take_their_points_along(render, collection):
    go(render, Renaming)
    zero = ("0", "c")
    expected = [match(zero, A, (11, 12, 9, 10, 1)), match(zero, ("2.0", "d"), (1, 1, 2, 2, 0.5))]
    assert stored(render, "out") == [*expected, MATCHES[0]]


def test_a_document_in_either_order_is_one_pair():
    one = PairMatches.from_document(match(A, C, (9, 10, 11, 12, 1)))
    other = PairMatches.from_document(match(C, A, (11, 12, 9, 10, 1)))
    assert one.to_document() == other.to_document() == MATCHES[1] and one.key == other.key
    p, q = other.from_tile("c")
    assert (p.tolist(), q.tolist()) == ([[11, 12]], [[9, 10]])
    ten = PairMatches.from_document(match(("9", "x"), ("10", "y"), (1, 2, 3, 4, 1)))
    assert ten.p_tile == ("10", "y") and ten.p.tolist() == [[3, 4]]
    same = PairMatches.from_document(match(("1", "z"), ("1", "y"), (1, 2, 3, 4, 1)))
    assert same.p_tile == ("1", "y") and same.q.tolist() == [[1, 2]]
    with pytest.raises(RenderModuleException, match="a and b have 1 and 2 points with 1 weights"):
        PairMatches.of(A, B, [[1, 2]], [[1, 2], [3, 4]], [1])


def test_what_a_module_leaves_out_without_a_word_is_reported(render, collection):
    import_matches("raw", [match(A, ("1.0", "z"))], render=render)
    report = go(render, Forgetful)
    assert [(e["pId"], e["qId"], e["reason"]) for e in report["dropped_pairs"]] == [
        ("a", "z", "left out"),
        ("a", "c", "left out"),
    ]


@pytest.mark.parametrize(("cls", "named"), [(Failing, "not for us"), (Doubling, "1 pairs come")])
def test_a_failure_leaves_the_output_as_it_was(render, collection, cls, named):
    import_matches("out", MATCHES[1:2], render=render)
    with pytest.raises(RenderModuleException, match=f"{named}.*out is as it was before"):
        go(render, cls)
    assert stored(render, "out") == MATCHES[1:2] and names(render) == ["out", "raw"]


def test_an_output_of_nothing_does_not_take_the_place_of_one(render, collection):
    import_matches("out", MATCHES[1:2], render=render)
    import_matches("light", MATCHES[2:], render=render)
    with pytest.raises(RenderModuleException, match=r"no pair is left.*as it was before"):
        go(render, input_collection="light")
    assert stored(render, "out") == MATCHES[1:2]


def test_existing(render, collection):
    other = match(("7", "x"), ("7", "y"), (1, 2, 3, 4, 1))
    import_matches("out", [other, match(A, B, (0, 0, 0, 0, 1))], render=render)
    with pytest.raises(RenderModuleException, match="out of owner test is there already"):
        go(render, existing="fail")
    go(render, existing="append")
    made = [match(A, B, (1, 2, 3, 4, 1)), MATCHES[1]]
    assert stored(render, "out") == [*made, other]
    go(render)
    assert stored(render, "out") == made
    with pytest.raises(RenderModuleException, match="raw is also an input"):
        go(render, output_collection="raw")
    with pytest.raises(RenderModuleException, match="no match collection none"):
        go(render, input_collection="none")


def test_coordinates_are_carried_and_have_to_agree(render, collection):
    record = renderapi.pointmatch.set_collection_metadata
    record("raw", {"local_transforms": 2, "note": "x"}, render=render)
    assert go(render)["local_transforms"] == 2
    found = get_collection_metadata("out", render=render)
    assert found == {"local_transforms": 2, "note": "x"}
    with pytest.raises(RenderModuleException, match=r"raw holds points after 2 .* not 1"):
        go(render, local_transforms=1)
    record("out", {"local_transforms": 0}, render=render)
    with pytest.raises(RenderModuleException, match=r"out holds points after 0 .* after 2"):
        go(render, existing="append")
    assert go(render)["recorded"] is True
    record("raw", {}, render=render)
    assert go(render, output_collection="new")["local_transforms"] is None
    assert go(render, output_collection="new", local_transforms=3)["local_transforms"] == 3

    class Asking(Heavy):
        needs_local_transforms = True

    with pytest.raises(RenderModuleException, match=r"not recorded .* give local_transforms"):
        go(render, Asking)


def test_a_swap_that_fails_is_undone(render, collection, monkeypatch):
    monkeypatch.setattr(stackchanges, "additions", lambda **_: frozenset())
    import_matches("out", MATCHES[1:2], render=render)
    calls = []

    def rename(render, owner, name, new):
        calls.append(name)
        if len(calls) == 2:
            raise RenderError("the service went away")
        rename_collection(render, owner, name, new)

    monkeypatch.setattr("renderapps.pointmatch.match_target.rename_collection", rename)
    with pytest.raises(RenderError, match="went away"):
        go(render)
    assert stored(render, "out") == MATCHES[1:2] and names(render) == ["out", "raw"]


@pytest.mark.parametrize("existing", ["replace", "append"])
def test_a_second_writer_is_refused_and_told_who_is_there(render, collection, existing):
    import_matches("out", MATCHES[1:2], render=render)
    with locked_collection(render, "test", "out", "my.module"):
        busy = f"match collection out is being written by my.module, pid {os.getpid()} on host"
        with pytest.raises(RenderModuleException, match=busy):
            go(render, existing=existing)
        assert stored(render, "out") == MATCHES[1:2] and names(render) == ["out", "raw"]
        assert go(render, output_collection="other")["pairs_written"] == 2
    assert go(render, existing=existing)["pairs_written"] == 2
    assert renderapi.render.get_projects_by_owner("test", render=render) == []


def test_collections_of_a_user_are_never_taken_for_those_of_a_run(render, collection):
    for name in ("out_old_1", "out_new_of_mine", "xout_old_0123456789ab"):
        import_matches(name, MATCHES[2:], render=render)
    assert go(render)["left_behind"] == []
    assert len(names(render)) == 5


KILLED = """
import os, signal, sys
from renderapi import stackchanges
from renderapps.pointmatch import match_collection
stackchanges.additions = lambda **_: frozenset()
from test_match_edit import Heavy
step = int(sys.argv.pop(1))
real = match_collection.put_json, match_collection.renderapi.pointmatch.delete_collection
done = 0
def die(number, function):
    def call(*args, **kwargs):
        global done
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        return function(*args, **kwargs)
    return call
match_collection.put_json = die(0, real[0])
match_collection.renderapi.pointmatch.delete_collection = die(1, real[1])
Heavy.main(sys.argv[1:])
"""


@pytest.mark.parametrize(("step", "left"), [(0, 1), (1, 2), (2, 1)])
def test_a_run_killed_at_any_step_of_the_swap_loses_nothing(
    render, collection, tmp_path, step, left
):
    """Before the first renaming, between the two, and before the old collection is deleted.

    So where names are exchanged one by one; else there is one request.
    """
    import_matches("out", MATCHES[1:2], render=render)
    command = [sys.executable, "-c", KILLED, str(step), "--render.store"]
    command += [str(tmp_path / "render.db"), "--render.owner", "test", "--render.project"]
    command += ["project", "--input_collection", "raw", "--output_collection", "out"]
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    ended = subprocess.run(
        [*command, "--pool_size", "1"], env=os.environ | {"PYTHONPATH": path}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    made = [match(A, B, (1, 2, 3, 4, 1)), MATCHES[1]]
    target = MatchTarget(render, "test", "out", "replace")
    assert len(target.left_behind()) == left
    target.recover()
    assert stored(render, "out") == (made if step == 2 else MATCHES[1:2])
    go(render)
    assert stored(render, "out") == made and stored(render, "raw") == MATCHES


@pytest.mark.parametrize("existing", ["replace", "append"])
def test_a_run_killed_at_any_request_has_written_all_pairs_or_none(
    render, collection, tmp_path, existing
):
    import_matches("out", [MATCHES[0], MATCHES[2]], render=render)
    before = stored(render, "out")
    connection = {"owner": "test", "project": render.DEFAULT_PROJECT}
    given = {"input_collection": "raw", "output_collection": "out", "existing": existing}
    given |= {"pool_size": 1}
    ways = set()
    for step in range(1, 100):
        path = copy_of(tmp_path / "render.db", tmp_path / f"{step}.db")
        here = renderapi.connect(host="local", store=path, **connection)
        given["render"] = connection | {"host": here.DEFAULT_HOST}
        status = killed_at(step, True, Heavy, given, every=False)
        made = [match(A, B, (1, 2, 3, 4, 1)), MATCHES[1]]
        made += [MATCHES[2]] if existing == "append" else []
        ways.add(stored(here, "out") == made)
        assert stored(here, "out") in (before, made), f"request {step}"
        if status == 0:
            break
        assert status == KILLED_BY_TEST
        go(here, existing=existing)
        assert stored(here, "out") == made
    assert step > 4 and ways == {True, False}


def test_a_group_that_fails_lets_nothing_be_appended(render, collection):
    import_matches("out", MATCHES[1:2], render=render)
    with pytest.raises(RenderModuleException, match=r"not for us; out is as it was before"):
        go(render, Failing, existing="append")
    assert stored(render, "out") == MATCHES[1:2] and names(render) == ["out", "raw"]
