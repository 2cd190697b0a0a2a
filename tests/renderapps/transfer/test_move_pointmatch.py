"""move_pointmatch: all pairs, points and metadata arrive."""

import pytest

import renderapi
from renderapps.module import ParameterError, RenderModuleException
from renderapps.transfer.match_copy import MatchCopy
from renderapps.transfer.move_pointmatch import PointMatchTransfer


def match(p_group, p, q_group, q, x):
    points = {"p": [[x, 2.0], [3.0, 4.0]], "q": [[5.0, 6.0], [7.0, 8.5]], "w": [1.0, 0.5]}
    return {"pGroupId": p_group, "pId": p, "qGroupId": q_group, "qId": q, "matches": points}


MATCHES = [
    match("1.0", "a", "1.0", "b", 1.0),
    match("1.0", "a", "2.0", "c/#", 2.0),
    match("2.0", "c/#", "2.0", "d", 3.0),
    match("10.0", "e", "2.0", "d", 4.0),
]


@pytest.fixture
def collection(render):
    renderapi.pointmatch.import_matches("montage", MATCHES, render=render)
    renderapi.pointmatch.set_collection_metadata("montage", {"local_transforms": 1}, render=render)
    return "montage"


@pytest.fixture
def move(connections, collection):
    def call(**options):
        data = {**connections, "collection_source": collection, "pool_size": 1} | options
        module = PointMatchTransfer(input_data=data, args=[])
        module.run()
        return module.result

    return call


def all_matches(render, collection):
    groups = renderapi.pointmatch.get_match_groupIds_from_only(collection, render=render)
    return [
        found
        for group in groups
        for found in renderapi.pointmatch.get_matches_with_group(collection, group, render=render)
    ]


def test_pairs_points_and_metadata_arrive(move, render, other):
    result = move()
    assert (result["pairs"], result["groups"], result["failed_groups"]) == (4, 3, [])
    assert all_matches(other, "montage") == all_matches(render, "montage")
    assert len(all_matches(other, "montage")) == 4
    found = renderapi.pointmatch.get_collection_metadata("montage", render=other)
    assert found == {"local_transforms": 1}


def test_a_second_run_changes_nothing_and_others_stay_unless_deleted(move, render, other):
    renderapi.pointmatch.import_matches("kept", [match("9.0", "x", "9.0", "y", 0.0)], render=other)
    move(collection_target="kept")
    move(collection_target="kept")
    assert len(all_matches(other, "kept")) == 5
    move(collection_target="kept", delete_target=True)
    assert all_matches(other, "kept") == all_matches(render, "montage")


def test_a_copy_that_fails_does_not_take_the_place_of_what_is_there(move, other, monkeypatch):
    renderapi.pointmatch.import_matches("kept", MATCHES[3:], render=other)
    there = all_matches(other, "kept")
    copied = MatchCopy.copy_group

    def fail(self, group):
        if group == "2.0":
            raise RenderModuleException("it is too far")
        return copied(self, group)

    monkeypatch.setattr(MatchCopy, "copy_group", fail)
    with pytest.raises(RenderModuleException, match=r"2\.0: it is too far; kept is as it was"):
        move(collection_target="kept", delete_target=True)
    assert all_matches(other, "kept") == there
    found = renderapi.pointmatch.get_matchcollections(render=other)
    assert [entry["collectionId"]["name"] for entry in found] == ["kept"]


def test_groups_are_copied_by_worker_processes(move, other):
    assert move(pool_size=2)["pairs"] == 4
    assert len(all_matches(other, "montage")) == 4


def test_the_catalogue_s_spellings_are_accepted(connections, collection, other):
    data = {**connections, "collection_in": collection, "collection_out": "copy", "pool_size": 1}
    PointMatchTransfer(input_data=data, args=[]).run()
    assert len(all_matches(other, "copy")) == 4


def test_missing_collections_and_copies_onto_themselves_are_refused(move, connections):
    with pytest.raises(RenderModuleException, match="no match collection nothing"):
        move(collection_source="nothing")
    with pytest.raises(RenderModuleException, match="onto itself"):
        move(render_target=connections["render_source"])
    with pytest.raises(ParameterError, match="collection_source"):
        PointMatchTransfer(input_data=dict(connections), args=[])


def test_from_the_command_line(connections, collection, other, capsys):
    flags = ["--collection_source", collection, "--pool_size", "1"]
    for side, values in connections.items():
        for key, value in values.items():
            if value is not None:
                flags += [f"--{side}.{key}", str(value)]
    with pytest.raises(SystemExit) as ended:
        PointMatchTransfer.main(flags)
    assert ended.value.code == 0
    assert len(all_matches(other, "montage")) == 4
