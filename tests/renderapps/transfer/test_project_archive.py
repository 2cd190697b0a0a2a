"""export_project and import_project: a project in one file, and back."""

import json
import zipfile

import pytest
from transfer_stacks import full_tile, group, put_stack

import renderapi
from renderapps.module import ParameterError, RenderModuleException
from renderapps.module.stacks import stack_state
from renderapps.module.tile_documents import read_section
from renderapps.pointmatch.match_collection import locked_collection
from renderapps.transfer.export_project import ExportProject
from renderapps.transfer.import_project import ImportProject

MATCH = {
    "pGroupId": "0.0", "pId": "a", "qGroupId": "1.0", "qId": "b",
    "matches": {"p": [[1.5], [2.0]], "q": [[3.0], [4.0]], "w": [0.25]},
}  # fmt: skip


@pytest.fixture
def project(render, stack):
    """A project of three stacks (COMPLETE, LOADING, READ_ONLY) and a collection."""
    put_stack(render, "odd_name", [[full_tile("x", 2.5, {})]], state="LOADING")
    put_stack(render, "locked", [[full_tile("x", 0, {})]])
    renderapi.stack.set_stack_state("locked", "READ_ONLY", render=render)
    renderapi.pointmatch.import_matches("montage", [MATCH], render=render)
    renderapi.pointmatch.set_collection_metadata("montage", {"local_transforms": 1}, render=render)
    return render


@pytest.fixture
def exported(project, tmp_path):
    """Path of the archive."""
    return run(ExportProject, project, archive=str(tmp_path / "out" / "project.zip"))["archive"]


def run(module, render, **options):
    instance = module(input_data={"render": group(render)} | options, args=[])
    instance.run()
    return instance.result


def test_everything_comes_back(exported, project, other):
    result = run(ImportProject, other, archive=exported)
    assert result["stacks"] == [
        {"name": "locked", "tiles": 1},
        {"name": "odd_name", "tiles": 1},
        {"name": "raw", "tiles": 2},
    ]
    assert result["collections"] == [{"name": "montage", "pairs": 1}]
    for name, z in (("raw", 0.0), ("raw", 1.0), ("odd_name", 2.5), ("locked", 0.0)):
        assert read_section(other, name, z) == read_section(project, name, z)
    for name in ("raw", "odd_name", "locked"):
        old, new = (
            renderapi.stack.get_full_stack_metadata(name, render=r) for r in (project, other)
        )
        assert (new["state"], new["currentVersion"]) == (old["state"], old["currentVersion"])
    old, new = (
        renderapi.pointmatch.get_matches_with_group("montage", "0.0", render=r)
        for r in (project, other)
    )
    assert new == old
    found = renderapi.pointmatch.get_collection_metadata("montage", render=other)
    assert found == {"local_transforms": 1}


def test_running_again_changes_nothing(exported, project, other):
    for _ in range(2):
        run(ImportProject, other, archive=exported, stacks=["raw"])
    assert read_section(other, "raw", 1.0) == read_section(project, "raw", 1.0)
    with pytest.raises(RenderModuleException, match="has tiles"):
        run(ImportProject, other, archive=exported, stacks=["raw"], existing="fail")


def test_a_read_only_stack_is_left_alone(exported, project, other):
    for _ in range(2):
        run(ImportProject, other, archive=exported)
    assert stack_state(other, "locked") == "READ_ONLY"
    renderapi.stack.set_stack_state("locked", "COMPLETE", render=other)
    put_stack(other, "locked", [[full_tile("y", 0, {})]])
    renderapi.stack.set_stack_state("locked", "READ_ONLY", render=other)
    with pytest.raises(RenderModuleException, match="locked is READ_ONLY"):
        run(ImportProject, other, archive=exported)


def test_collections_are_locked_and_treated_as_stacks_are(exported, project, other):
    kept = MATCH | {"qId": "c"}
    renderapi.pointmatch.import_matches("montage", [kept], render=other)
    busy = pytest.raises(RenderModuleException, match=r"montage is being written by my\.module")
    with locked_collection(other, "archive", "montage", "my.module"), busy:
        run(ImportProject, other, archive=exported)
    with pytest.raises(RenderModuleException, match="montage of owner archive is there already"):
        run(ImportProject, other, archive=exported, existing="fail")
    assert stack_state(other, "raw") is None and pairs(other) == ["c"]
    run(ImportProject, other, archive=exported)
    assert pairs(other) == ["b", "c"]
    run(ImportProject, other, archive=exported, existing="replace", stacks=["raw"])
    assert pairs(other) == ["b"]


def pairs(render):
    found = renderapi.pointmatch.get_matches_with_group("montage", "0.0", render=render)
    return [match["qId"] for match in found]


def test_parts_can_be_chosen(project, other, tmp_path):
    archive = str(tmp_path / "part.zip")
    result = run(ExportProject, project, archive=archive, stacks=["raw"], match_collections=[])
    assert [entry["name"] for entry in result["stacks"]] == ["raw"]
    run(ImportProject, other, archive=archive)
    assert stack_state(other, "locked") is None
    with pytest.raises(RenderModuleException, match="no stack nothing"):
        run(ExportProject, project, archive=archive, stacks=["nothing"])
    with pytest.raises(RenderModuleException, match="no match collection nothing"):
        run(ExportProject, project, archive=archive, match_collections=["nothing"])
    with pytest.raises(RenderModuleException, match="has no locked among its stacks"):
        run(ImportProject, other, archive=archive, stacks=["locked"])


def changed(path, name, data):
    """Replace a member of an archive."""
    with zipfile.ZipFile(path) as old:
        members = {item: old.read(item) for item in old.namelist()}
    members[name] = data(members[name])
    with zipfile.ZipFile(path, "w") as new:
        for item, content in members.items():
            new.writestr(item, content)


def test_a_changed_archive_is_refused_before_anything_is_written(exported, other):
    changed(exported, "stacks/raw/z_1.0.json", lambda data: data.replace(b"4000", b"4001"))
    with pytest.raises(RenderModuleException, match=r"checksum of stacks/raw/z_1.0.json is wrong"):
        run(ImportProject, other, archive=exported)
    assert renderapi.render.get_stacks_by_owner_project(render=other) == []


def test_other_files_are_refused(exported, other, tmp_path):
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    with pytest.raises(RenderModuleException, match="not a ZIP archive"):
        run(ImportProject, other, archive=str(text))
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("a", "b")
    with pytest.raises(RenderModuleException, match="not an archive of a project"):
        run(ImportProject, other, archive=str(text))
    with pytest.raises(RenderModuleException, match="no such file"):
        run(ImportProject, other, archive=str(tmp_path / "none.zip"))
    changed(exported, "manifest.json", lambda data: data.replace(b'"version": 1', b'"version": 2'))
    with pytest.raises(RenderModuleException, match="format renderapps-project 2"):
        run(ImportProject, other, archive=exported)


def test_check_only_writes_nothing(exported, other):
    result = run(ImportProject, other, archive=exported, check_only=True)
    assert result["written"] is False
    assert result["files"] == 4 + 3 + 2
    assert renderapi.render.get_stacks_by_owner_project(render=other) == []


def test_archives_may_lie_in_a_bucket(project, other, moto):
    where = {"archive": "s3://lab/archives/project.zip", "endpoint_url": moto}
    run(ExportProject, project, **where)
    run(ImportProject, other, **where)
    assert read_section(other, "raw", 1.0) == read_section(project, "raw", 1.0)


def test_from_the_command_line(project, other, tmp_path, capsys):
    archive = str(tmp_path / "p.zip")
    for module, render in ((ExportProject, project), (ImportProject, other)):
        parameters = tmp_path / "parameters.json"
        parameters.write_text(json.dumps({"render": group(render), "archive": archive}))
        with pytest.raises(SystemExit) as ended:
            module.main(["--input_json", str(parameters)])
        assert ended.value.code == 0
    assert read_section(other, "raw", 0.0) == read_section(project, "raw", 0.0)
    with pytest.raises(ParameterError, match="archive: missing"):
        ImportProject(input_data={"render": group(other)}, args=[])
