"""Stacks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from renderapi import resolvedtiles, stack
from renderapi.errors import ConflictError, NotFoundError, RenderError, RequestError
from renderapi.stack import StackVersion
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel


def test_a_version_is_stamped_in_universal_time():
    stamp = StackVersion().to_dict()["createTimestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.00Z", stamp)
    age = datetime.now(UTC) - datetime.fromisoformat(stamp.replace(".00Z", "+00:00"))
    assert timedelta(0) <= age < timedelta(minutes=1)


def test_a_version_writes_what_it_knows():
    version = StackVersion(1, 2, 3, 4, 5, "m", {"rootPath": "r"}, "notes", "stamp", unknown=1)
    assert version.to_dict() == {
        "cycleNumber": 1,
        "cycleStepNumber": 2,
        "stackResolutionX": 3,
        "stackResolutionY": 4,
        "stackResolutionZ": 5,
        "materializedBoxRootPath": "m",
        "mipmapPathBuilder": {"rootPath": "r"},
        "versionNotes": "notes",
        "createTimestamp": "stamp",
    }
    version.from_dict({"cycleNumber": 9, "alignmentQuality": 0.5})
    assert version.alignmentQuality == 0.5
    assert version.to_dict()["cycleNumber"] == 9
    assert "alignmentQuality" not in version.to_dict()
    assert StackVersion(createTimeStamp="old spelling").createTimestamp == "old spelling"


@pytest.fixture
def stored(render):
    """LOADING stack "s": tiles a (z 1), b and c (z 2.5)."""
    stack.create_stack("s", stackResolutionX=4, stackResolutionZ=40, render=render)
    tiles = [
        TileSpec(
            tileId=name,
            z=z,
            width=10,
            height=20,
            imageUrl="file:///x.png",
            sectionId=f"section {z}",
            tforms=[AffineModel(B0=shift)],
        )
        for name, z, shift in [("it's a", 1, 0), ("b/1", 2.5, 5), ("c", 2.5, 50)]
    ]
    resolvedtiles.put_tilespecs("s", tilespecs=tiles, render=render)


def test_a_stack_from_loading_to_complete(render, stored):
    assert stack.get_full_stack_metadata("s", render=render)["state"] == "LOADING"
    assert stack.set_stack_state("s", "COMPLETE", render=render).status_code == 201
    metadata = stack.get_full_stack_metadata("s", render=render)
    assert (metadata["state"], metadata["stats"]["tileCount"]) == ("COMPLETE", 3)
    version = stack.get_stack_metadata("s", render=render)
    resolution = (version.stackResolutionX, version.stackResolutionY, version.stackResolutionZ)
    assert resolution == (4, 1, 40)
    bounds = stack.get_stack_bounds("s", render=render)
    assert [bounds[k] for k in ("minX", "minY", "minZ")] == [0, 0, 1]
    assert [bounds[k] for k in ("maxX", "maxY", "maxZ")] == [60, 20, 2.5]
    sections = stack.get_stack_sectionData("s", render=render)
    assert [(s["sectionId"], s["z"], s["tileCount"]) for s in sections] == [
        ("section 1", 1, 1),
        ("section 2.5", 2.5, 2),
    ]


def test_questions_that_work_while_a_stack_is_loading(render, stored):
    assert stack.get_z_values_for_stack("s", render=render) == [1, 2.5]
    assert stack.get_bounds_from_z("s", 2.5, render=render)["minX"] == 5
    tiles = stack.get_tilebounds_for_z("s", 2.5, render=render)
    assert sorted(t["tileId"] for t in tiles) == ["b/1", "c"]
    assert stack.get_sectionId_for_z("s", 2.5, render=render) == "section 2.5"
    assert stack.get_section_z_value("s", "section 2.5", render=render) == 2.5
    with pytest.warns(DeprecationWarning, match="get_section_z_value"):
        assert stack.get_z_value_for_section("s", "section 2.5", render=render) == 2.5
    assert stack.get_stack_tileIds("s", render=render) == ["b/1", "c", "it's a"]
    with pytest.raises(RenderError, match="z 7"):
        stack.get_sectionId_for_z("s", 7, render=render)


def test_tiles_sections_and_stacks_are_deleted(render, stored):
    stack.delete_tile("s", "b/1", render=render)
    assert stack.get_stack_tileIds("s", render=render) == ["c", "it's a"]
    stack.delete_section("s", 2.5, render=render)
    assert stack.get_z_values_for_stack("s", render=render) == [1]
    stack.delete_stack("s", render=render)
    stack.delete_stack("s", render=render)
    with pytest.raises(NotFoundError, match="s"):
        stack.get_full_stack_metadata("s", render=render)


def test_a_stack_is_cloned_with_chosen_sections(render, stored):
    stack.set_stack_state("s", "COMPLETE", render=render)
    stack.clone_stack("s", "t", toProject="other", zs=[2.5], versionNotes="copied", render=render)
    metadata = stack.get_full_stack_metadata("t", project="other", render=render)
    assert (metadata["state"], metadata["stats"]["tileCount"]) == ("COMPLETE", 2)
    assert metadata["currentVersion"]["versionNotes"] == "copied"
    stack.clone_stack("s", "u", close_stack=False, skipTransforms=None, render=render)
    assert stack.get_full_stack_metadata("u", render=render)["state"] == "LOADING"
    assert stack.get_z_values_for_stack("u", render=render) == [1, 2.5]
    with pytest.raises(RequestError):
        stack.clone_stack("nothing", "v", render=render)


def test_a_stack_is_renamed(render, stored):
    stack.rename_stack("s", None, to_project="other", render=render)
    assert stack.get_full_stack_metadata("s", project="other", render=render)
    with pytest.raises(NotFoundError):
        stack.get_full_stack_metadata("s", render=render)


def test_a_new_version_opens_the_stack_again(render, stored):
    stack.set_stack_state("s", "COMPLETE", render=render)
    stack.set_stack_metadata("s", StackVersion(cycleNumber=3), render=render)
    metadata = stack.get_full_stack_metadata("s", render=render)
    assert (metadata["state"], metadata["currentVersion"]["cycleNumber"]) == ("LOADING", 3)
    assert stack.get_z_values_for_stack("s", render=render) == [1, 2.5]


def test_states_that_do_not_exist_or_are_not_allowed(render, stored):
    with pytest.raises(RenderError, match="DONE is not a state"):
        stack.set_stack_state("s", "DONE", render=render)
    stack.set_stack_state("s", "COMPLETE", render=render)
    stack.set_stack_state("s", "READ_ONLY", render=render)
    with pytest.raises(ConflictError):
        stack.delete_stack("s", render=render)


def test_only_created_is_success_for_a_state(wire):
    wire.answers = [(200, b"")]
    with pytest.raises(RequestError):
        stack.set_stack_state("S", render=wire.render)


def test_metadata_without_a_version_is_an_error(wire):
    wire.answers = [(200, {"state": "LOADING"})]
    with pytest.raises(RenderError, match="no current version"):
        stack.get_stack_metadata("S", render=wire.render)


def test_errors_are_not_taken_for_answers(wire):
    for call in (stack.likelyUniqueId, lambda render: stack.get_stack_tileIds("S", render=render)):
        wire.answers = [(500, b'["text"]')]
        with pytest.raises(RequestError, match="text"):
            call(render=wire.render)


def test_unique_ids_differ(render):
    ids = {stack.likelyUniqueId(render=render) for _ in range(5)}
    assert len(ids) == 5
    assert all(len(text) >= 24 for text in ids)


def test_arguments_of_java_clients():
    assert stack.make_stack_params("http://h", 80, "o", "p", "s") == [
        "--baseDataUrl",
        "http://h:80/render-ws/v1",
        "--owner",
        "o",
        "--project",
        "p",
        "--stack",
        "s",
    ]
