"""Image files in the archive of a project."""

import hashlib
import json
import os
import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest
import tifffile
from transfer_stacks import full_tile, group, put_stack

import renderapi
from renderapi.urls import path_to_url, url_to_path
from renderapps.module import ParameterError, RenderModuleException
from renderapps.module.tile_documents import read_section
from renderapps.transfer.export_project import ExportProject
from renderapps.transfer.import_project import ImportProject


def run(module, render, **options):
    instance = module(input_data={"render": group(render)} | options, args=[])
    instance.run()
    return instance.result


@pytest.fixture
def archive(tmp_path):
    return str(tmp_path / "out" / "project.zip")


@pytest.fixture
def exported(render, stack, archive):
    """An archive of two images, two mipmaps and a mask."""
    result = run(ExportProject, render, archive=archive, include_images=True)
    assert (result["images"], result["images_left_out"], result["missing_images"]) == (5, [], [])
    return archive


def urls_of(render, name="raw"):
    return [
        entry[key]
        for z in renderapi.stack.get_z_values_for_stack(name, render=render)
        for tile in read_section(render, name, z).tiles
        for holder in (tile, *tile.get("channels", ()))
        for entry in holder["mipmapLevels"].values()
        for key in ("imageUrl", "maskUrl")
        if key in entry
    ]


def test_images_are_unpacked_and_named(exported, render, other, images, tmp_path):
    target = tmp_path / "new place 100%"
    result = run(ImportProject, other, archive=exported, image_directory=str(target))
    assert (result["images"], result["images_written"]) == (5, 5)
    old, new = urls_of(render), urls_of(other)
    assert len(old) == len(new)
    computed = 0
    for before, after in zip(old, new, strict=True):
        if before.startswith("mask:"):
            assert after == before
            computed += 1
            continue
        path = url_to_path(after)
        assert path == target / str(url_to_path(before)).lstrip("/")
        assert path.read_bytes() == url_to_path(before).read_bytes()
    assert computed == 1
    for z in (0.0, 1.0):  # nothing but the URLs has changed
        was, now = read_section(render, "raw", z), read_section(other, "raw", z)
        text = json.dumps([now.tiles, now.transforms])
        for before, after in zip(old, new, strict=True):
            text = text.replace(json.dumps(after), json.dumps(before))
        assert json.loads(text) == [was.tiles, was.transforms]


def test_the_place_they_had_is_taken_off_and_again_changes_nothing(exported, other, images):
    target = images.parent / "b"
    options = {"image_directory": str(target), "source_prefix": str(images)}
    assert run(ImportProject, other, archive=exported, **options)["images_written"] == 5
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*.tif")) == [
        "mask.tif", "mips/tile 0.tif", "mips/tile 1.tif", "tile 0 100%=1.tif", "tile 1 100%=1.tif",
    ]  # fmt: skip
    (target / "mips" / "tile 0.tif").unlink()
    assert run(ImportProject, other, archive=exported, **options)["images_written"] == 1


def test_other_files_are_never_overwritten(exported, other, images):
    target = images.parent / "b"
    target.mkdir()
    (target / "mask.tif").write_text("mine")
    options = {"image_directory": str(target), "source_prefix": str(images)}
    with pytest.raises(RenderModuleException, match=r"b/mask\.tif is there and differs"):
        run(ImportProject, other, archive=exported, **options)
    assert (target / "mask.tif").read_text() == "mine"
    assert renderapi.render.get_stacks_by_owner_project(render=other) == []


def test_without_a_folder_the_urls_stay(exported, render, other):
    assert run(ImportProject, other, archive=exported)["images"] == 0
    assert urls_of(other) == urls_of(render)


def test_only_the_images_of_chosen_stacks_are_unpacked(render, other, stack, images, archive):
    extra = images / "extra.tif"
    tifffile.imwrite(extra, np.zeros((24, 32), np.uint16))
    put_stack(render, "more", [[full_tile("x", 3, {"0": {"imageUrl": str(extra)}})]])
    run(ExportProject, render, archive=archive, include_images=True)
    options = {"image_directory": str(images.parent / "b"), "source_prefix": str(images)}
    run(ImportProject, other, archive=archive, stacks=["more"], **options)
    assert urls_of(other, "more") == [path_to_url(images.parent / "b" / "extra.tif")]
    assert [p.name for p in (images.parent / "b").rglob("*.tif")] == ["extra.tif"]


def test_missing_files_are_an_error_or_listed(render, other, stack, images, archive):
    (images / "mask.tif").unlink()
    with pytest.raises(RenderModuleException, match=r"1 of 5 image files are missing.*mask\.tif"):
        run(ExportProject, render, archive=archive, include_images=True)
    assert not os.path.exists(archive)
    result = run(ExportProject, render, archive=archive, include_images=True, skip_missing=True)
    assert result["missing_images"] == [path_to_url(images / "mask.tif")]
    target = images.parent / "b"
    run(ImportProject, other, archive=archive, image_directory=str(target))
    assert path_to_url(images / "mask.tif") in urls_of(other)


def test_pictures_of_services_and_volumes_stay(render, other, archive, tmp_path):
    url = "http://127.0.0.1:9/box/png-image"
    volume = {"imageUrl": "file:///a.n5?dataSet=x", "imageLoaderType": "N5_SLICE"}
    tile = full_tile("x", 0, {"0": {"imageUrl": url}, "1": volume})
    put_stack(render, "far", [[tile]])
    result = run(ExportProject, render, archive=archive, include_images=True)
    assert (result["images"], result["images_left_out"]) == (0, ["file:///a.n5?dataSet=x", url])
    with pytest.raises(RenderModuleException, match="holds no images; export it with include_im"):
        run(ImportProject, other, archive=archive, image_directory=str(tmp_path / "b"))


def test_a_damaged_image_is_noticed_before_anything_is_written(exported, other, tmp_path):
    with zipfile.ZipFile(exported) as old:
        members = {name: old.read(name) for name in old.namelist()}
    name = next(name for name in members if "mask" in name)
    members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])
    with zipfile.ZipFile(exported, "w") as new:
        for item, content in members.items():
            new.writestr(item, content)
    with pytest.raises(RenderModuleException, match=r"checksum of images/.*mask\.tif is wrong"):
        run(ImportProject, other, archive=exported, image_directory=str(tmp_path / "b"))
    assert not list((tmp_path / "b").rglob("*.tif"))


@pytest.mark.parametrize("url", ["s3://lab/a/=2E=2E/=2E=2E/evil.tif", "s3://lab/../../evil.tif"])
def test_an_archive_cannot_write_elsewhere(exported, other, tmp_path, url):
    """An archive may come from anywhere: a tile whose object is called ../../evil.tif."""
    with zipfile.ZipFile(exported) as old:
        members = {name: old.read(name) for name in old.namelist()}
    manifest = json.loads(members["manifest.json"])
    was = manifest["images"][0]["url"]
    manifest["images"][0]["url"] = url
    for name in [n for n in members if n.startswith("stacks/raw/z_")]:
        members[name] = members[name].replace(was.encode(), url.encode())
        manifest["members"][name] = {
            "bytes": len(members[name]),
            "sha256": hashlib.sha256(members[name]).hexdigest(),
        }
    members["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(exported, "w") as new:
        for item, content in members.items():
            new.writestr(item, content)
    with pytest.raises(RenderModuleException, match=r"has '\.\.' in its path"):
        run(ImportProject, other, archive=exported, image_directory=str(tmp_path / "b" / "c"))
    assert not list(tmp_path.rglob("evil.tif"))


def test_a_link_cannot_lead_files_elsewhere(exported, other, images, tmp_path):
    target, elsewhere = images.parent / "b", tmp_path / "elsewhere"
    target.mkdir()
    elsewhere.mkdir()
    (target / "mips").symlink_to(elsewhere)
    options = {"image_directory": str(target), "source_prefix": str(images)}
    with pytest.raises(RenderModuleException, match=r"mips/.* is led out of .*/b by a link"):
        run(ImportProject, other, archive=exported, **options)
    assert not list(elsewhere.iterdir())
    assert renderapi.render.get_stacks_by_owner_project(render=other) == []


def test_a_file_for_which_there_is_no_room_is_refused_before_it_is_written(
    exported, other, tmp_path, monkeypatch
):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    target = tmp_path / "b"
    with pytest.raises(RenderModuleException, match=r"there is no room for images/"):
        run(ImportProject, other, archive=exported, image_directory=str(target))
    assert not list(target.rglob("*.tif"))
    assert renderapi.render.get_stacks_by_owner_project(render=other) == []


def test_memory_does_not_grow_with_a_file(render, other, images, archive, tmp_path):
    big = images / "stack.mrc"
    with big.open("wb") as file:
        file.truncate(200 << 20)
    put_stack(render, "em", [[full_tile("x", 0, {"0": {"imageUrl": path_to_url(big)}})]])
    tracemalloc.start()
    run(ExportProject, render, archive=archive, include_images=True)
    run(ImportProject, other, archive=archive, image_directory=str(tmp_path / "b"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 << 20
    assert url_to_path(urls_of(other, "em")[0]).stat().st_size == 200 << 20


def test_images_of_a_bucket_come_home(render, stack, other, moto, images, tmp_path):
    from renderapps.transfer.move_stacks_and_data_to_s3 import MoveStacksAndDataToS3

    far = {**group(render), "project": "far"}
    parameters = {
        "render_source": group(render), "render_target": far, "input_stacks": ["raw"],
        "data_destination": "s3://lab/x", "source_prefix": str(images), "upload_data": True,
        "endpoint_url": moto,
    }  # fmt: skip
    MoveStacksAndDataToS3(input_data=parameters, args=[]).run()
    where = {"archive": "s3://lab/a.zip", "endpoint_url": moto}
    export = {"render": far, "include_images": True, **where}
    ExportProject(input_data=export, args=[]).run()
    home = {"image_directory": str(tmp_path / "b"), "source_prefix": "s3://lab/x"}
    run(ImportProject, other, **where, **home)
    for path in images.rglob("*.tif"):
        assert (tmp_path / "b" / path.relative_to(images)).read_bytes() == path.read_bytes()


def test_parameters_that_do_not_go_together(render, other, archive):
    with pytest.raises(ParameterError, match="skip_missing: only with include_images"):
        run(ExportProject, render, archive=archive, skip_missing=True)
    with pytest.raises(ParameterError, match="source_prefix: only with image_directory"):
        run(ImportProject, other, archive=archive, source_prefix="/data")
