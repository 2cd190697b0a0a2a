"""upload_tilespecdir, upload_channeltilespec: files become stacks, transforms stay shared."""

import json

import pytest

import renderapi
from renderapps.dataimport.upload_channeltilespec import UploadChannelModule
from renderapps.dataimport.upload_tilespecdir import UploadTileSpecs
from renderapps.module import ParameterError, RenderModuleException
from renderapps.module.tile_documents import read_section

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def leaf(text, **more):
    return {"type": "leaf", "className": AFFINE, "dataString": text} | more


LENS = leaf("1.0 0.0 0.0 1.0 0.5 0.5", id="lens")


def tile(name, z, refs=()):
    specs = [{"type": "ref", "refId": ref} for ref in refs]
    return {
        "tileId": name, "z": z, "width": 10.0, "height": 8.0,
        "mipmapLevels": {"0": {"imageUrl": "file:///a%20b.tif"}},
        "transforms": {"type": "list", "specList": [*specs, leaf("1.0 0.0 0.0 1.0 3.0 4.0")]},
    }  # fmt: skip


def write(folder, name, content):
    (folder / name).write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "tile specs"
    folder.mkdir()

    write(folder, "DAPI_1_rib0000.json", [tile("a", 0.0), tile("b", 0.0)])
    write(folder, "DAPI_1_rib0001.json", tile("c", 1.5))
    write(folder, "DAPI_10_rib0000.json", [tile("d", 7.0)])
    return folder


@pytest.fixture
def run(render, folder):
    def call(module=UploadTileSpecs, **options):
        instance = module(input_data=parameters(render, folder) | options, args=[])
        instance.run()
        return instance.result

    return call


def parameters(render, folder):
    connection = {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }
    return {"render": connection, "inputDir": str(folder), "outputStack": "up"}


def zs(render):
    return renderapi.stack.get_z_values_for_stack("up", render=render)


def test_all_files_of_a_folder(run, render):
    result = run(pixel_size_nm=[4.0, 5.0, 60.0])
    assert (result["tiles"], len(result["files"])) == (4, 3)
    assert zs(render) == [0.0, 1.5, 7.0]
    metadata = renderapi.stack.get_full_stack_metadata("up", render=render)
    assert metadata["state"] == "COMPLETE"
    assert metadata["currentVersion"]["stackResolutionY"] == 5
    (found,) = read_section(render, "up", 1.5).tiles
    assert found["transforms"] == tile("c", 1.5)["transforms"]


def test_one_channel_does_not_take_the_files_of_another(run, render):
    assert run(UploadChannelModule, channel="DAPI_1")["tiles"] == 3
    assert zs(render) == [0.0, 1.5]


def test_shared_transforms_stay_shared(run, render, folder, tmp_path):
    write(folder, "DAPI_1_rib0002.json", [tile("e", 3.0, ["list"]), tile("f", 3.0, ["lens"])])
    both = {"type": "list", "id": "list", "specList": [{"type": "ref", "refId": "lens"}]}
    transforms = tmp_path / "transforms.json"
    transforms.write_text(json.dumps([LENS, both]))
    run(transformFile=str(transforms))
    section = read_section(render, "up", 3.0)
    assert section.transforms.keys() == {"lens", "list"}
    assert section.tiles[1]["transforms"]["specList"][0]["refId"] == "lens"
    with pytest.raises(RenderModuleException, match="tile e refers to transform list, which no"):
        run()


def test_transforms_and_z_come_from_files_of_the_same_name(run, render, folder, tmp_path):
    write(folder, "DAPI_1_rib0000.json", [tile("a", 0.0, ["lens"]), tile("b", 0.0)])
    (tmp_path / "transforms").mkdir()
    (tmp_path / "z").mkdir()
    for number in (0, 1):
        lens = {"lens": LENS} if number == 0 else [LENS | {"id": "other"}]
        (tmp_path / "transforms" / f"rib000{number}.json").write_text(json.dumps(lens))
        others = json.dumps([tile("x", 20.0 + number)])
        (tmp_path / "z" / f"DAPI_1_rib000{number}.json").write_text(others)
    folders = {"transformDir": str(tmp_path / "transforms"), "zDir": str(tmp_path / "z")}
    run(UploadChannelModule, channel="DAPI_1", **folders)
    assert zs(render) == [20.0, 21.0]
    assert read_section(render, "up", 20.0).transforms.keys() == {"lens"}
    with pytest.raises(RenderModuleException, match=r"transformDir .* has no DAPI_1_rib0000.json"):
        run(**folders)


def test_exchanged_documents_are_files_too(run, render, folder):
    for path in folder.glob("*.json"):
        path.unlink()
    document = {
        "tileIdToSpecMap": {"t": tile("t", 2.0, ["lens"])},
        "transformIdToSpecMap": {"lens": LENS},
    }
    write(folder, "all.json", document)
    assert run()["shared_transforms"] == ["lens"]
    assert zs(render) == [2.0]


def test_existing_tiles_are_treated_as_asked(run, render, folder):
    run()
    for path in folder.glob("*.json"):
        path.unlink()
    write(folder, "more.json", [tile("new", 0.0)])
    run(existing="append")
    assert [t["tileId"] for t in read_section(render, "up", 0.0).tiles] == ["a", "b", "new"]
    run()
    assert [t["tileId"] for t in read_section(render, "up", 0.0).tiles] == ["new"]
    assert zs(render) == [0.0, 1.5, 7.0]
    with pytest.raises(RenderModuleException, match="has tiles"):
        run(existing="fail")
    run(existing="replace")
    assert zs(render) == [0.0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "holds no tiles"),
        ('[{"tileId": "x"}]', "tile 1 has no z, width, height, transforms"),
        ("{", "is not JSON"),
        (json.dumps([tile("a", 9.0)]), "two tiles have the tileId a"),
    ],
)
def test_bad_files_are_named_and_nothing_is_written(run, render, folder, content, reason):
    (folder / "bad.json").write_text(content)
    with pytest.raises(RenderModuleException, match=reason):
        run()
    assert renderapi.render.get_stacks_by_owner_project(render=render) == []


def test_no_match_is_an_error(run):
    with pytest.raises(RenderModuleException, match=r"has no GFP_\*.json"):
        run(UploadChannelModule, channel="GFP")
    with pytest.raises(RenderModuleException, match=r"has no \*.txt"):
        run(pattern="*.txt")
    with pytest.raises(ParameterError, match="inputDir: no such folder"):
        run(inputDir="/nowhere")


@pytest.mark.parametrize(
    ("module", "flags"),
    [(UploadTileSpecs, []), (UploadChannelModule, ["--channel", "DAPI_1"])],
)
def test_from_the_command_line(module, flags, render, folder, tmp_path):
    path = tmp_path / "in.json"
    path.write_text(json.dumps(parameters(render, folder)))
    with pytest.raises(SystemExit) as ended:
        module.main(["--input_json", str(path), *flags])
    assert ended.value.code == 0
    assert zs(render)[0] == 0.0
