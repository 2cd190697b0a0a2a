"""What modules that make stacks refuse, keep and repeat, on real tiles and a service elsewhere.

Every rule is tried on every module. They run in this process, by their command line; as programs
they run in test_stack_modules_on_real_tiles. Filtered images, views and single sections are here.
"""

import json

import cv2
import numpy as np
import pytest
from PIL import Image
from real_stacks import LENS, SHIFT, Service, em_tiles, pixels_of, serial_tiles

ZS = (0, 1, 2.5)


@pytest.fixture(scope="module")
def data(real_data):
    return {n: real_data(n) for n in ("tem_2x2", "sstem_30_sections")}


@pytest.fixture(scope="module")
def service(data, tmp_path_factory):
    """A service with the stacks `serial`, `twin` (of the same images) and `em`."""
    folder = tmp_path_factory.mktemp("rules")
    service = Service.start(folder, data["tem_2x2"].parent, folder)
    service.put("em", em_tiles(data["tem_2x2"]), [LENS])
    for name in ("serial", "twin"):
        service.put(name, serial_tiles(data["sstem_30_sections"], ZS, prefix=name), [SHIFT])
    yield service
    service.stop()


def modules(folder):
    """Parameters of every module that makes a stack of `serial`, without the output."""
    box = {"minX": 0, "maxX": 100, "minY": 0, "maxY": 100}
    channels = {"channel_stacks": {"GFP": "twin"}, "frame_pattern": r"z(\d+)"}
    one = {"input_stack": "serial"}
    names = {"regex_find": "sstem", "regex_replace": "moved"}
    return {
        "stack.set_stack_levels": {"stack": "serial", "maxIntensity": 99},
        "stack.auto_set_stack_levels": one,
        "stack.flip_stack_by_raw_image_flip": one
        | {"output_directory": folder, "minZ": 0, "maxZ": 9},
        "stack.apply_global_affine_to_stack": one | {"transformId": "t", "B0": 5},
        "stack.consolidate_render_transforms": {"stack": "serial"},
        "stack.apply_mask_to_stack": one | {"remove_masks": True},
        "stack.regex_replace_filenames": one | names,
        "stack.rename_sectionIds": one,
        "stack.squeeze_stack": one,
        "stack.remap_zs": one | {"zs": [0, 1], "new_zs": [5, 6]},
        "stack.create_subvolume_stack": one | box,
        "stack.merge_stacks": {"stacks": ["serial", "twin"]},
        "stack.merge_render_stacks": {"stack1": "serial", "stack2": "twin"},
        "stack.merge_session_stacks": {"base_stack": "serial"} | channels,
        "stack.concatenate_stacks": {"input_stacks": ["serial", "twin"], "adjust_z": True},
        "stack.clone_stack": one,
        "tile.create_filtered_EM_images": one | {"output_directory": folder, "clahe_size": 4},
    }


NAMES = sorted(modules(""))
EDITORS = [n for n in NAMES if n not in ("stack.concatenate_stacks", "stack.clone_stack")]
READS_NO_FILES = [n for n in EDITORS if not n.startswith("tile.") and "flip" not in n]


def parameters(service, name, **more):
    return modules(str(service.folder / "made"))[name] | {"pool_size": 1} | more


def run(service, capsys, name, **more):
    given = parameters(service, name, **more)
    if name == "stack.clone_stack":
        del given["pool_size"]
    return service.module(name, capsys, **given)


def content(service, stack):
    """Everything of a stack but when it was made."""
    tiles = service.tiles(stack)
    shared = {z: service.section(stack, z)[1] for z in service.zs(stack)}
    return json.dumps([tiles, shared, service.version(stack), service.state(stack)], sort_keys=True)


@pytest.fixture
def serial(service):
    """The input is afterwards what it was before."""
    before = content(service, "serial"), content(service, "twin")
    yield
    assert (content(service, "serial"), content(service, "twin")) == before
    assert not [name for name in service.stacks() if "_unfinished_" in name]


@pytest.mark.parametrize("name", NAMES)
def test_again_is_the_same(service, serial, capsys, name):
    output = f"again_{name.partition('.')[2]}"
    assert run(service, capsys, name, output_stack=output) == (0, [])
    first = content(service, output)
    assert service.state(output) == "COMPLETE" and len(service.zs(output)) >= 2
    existing = "replace" if name == "stack.clone_stack" else "overwrite_z"
    for policy in (existing, "replace"):
        assert run(service, capsys, name, output_stack=output, existing=policy) == (0, [])
        assert content(service, output) == first


@pytest.mark.parametrize("name", NAMES)
def test_an_output_that_must_not_be_written_stays(service, serial, data, capsys, name):
    output = f"kept_{name.partition('.')[2]}"
    service.put(output, serial_tiles(data["sstem_30_sections"], (20,), prefix="old"), [SHIFT])
    before = content(service, output)
    status, lines = run(service, capsys, name, output_stack=output, existing="fail")
    assert status == 1 and len(lines) == 1 and f"stack {output} has tiles" in lines[0]
    assert content(service, output) == before
    service.module("stack.set_stack_state", stack=output, state="READ_ONLY")
    status, lines = run(service, capsys, name, output_stack=output)
    assert status == 1 and len(lines) == 1 and f"stack {output} is READ_ONLY" in lines[0]
    assert content(service, output) == before.replace("COMPLETE", "READ_ONLY")


@pytest.mark.parametrize("name", NAMES)
def test_an_output_that_is_an_input_is_refused(service, serial, capsys, name):
    if name == "stack.apply_mask_to_stack":  # may be, and a stack without masks stays the same
        assert run(service, capsys, name, output_stack="serial") == (0, [])
        return
    status, lines = run(service, capsys, name, output_stack="serial")
    assert status in (1, 2) and len(lines) == 1 and "serial" in lines[0] and "input" in lines[0]


@pytest.mark.parametrize("name", [n for n in NAMES if n != "stack.concatenate_stacks"])
def test_what_is_not_there_is_named(service, serial, capsys, name):
    wrong = {"stack.remap_zs": {"zs": [0, 77]}, "stack.flip_stack_by_raw_image_flip": {"minZ": 77,
             "maxZ": 78}}.get(name, {"zs": [77]})  # fmt: skip
    status, lines = run(service, capsys, name, output_stack="none", **wrong)
    assert status == 1 and len(lines) == 1 and "no section" in lines[0]
    given = parameters(service, name)
    key = next(k for k in ("stack", "stacks", "input_stack", "base_stack", "stack1") if k in given)
    value = ["absent"] if isinstance(given[key], list) else "absent"
    status, lines = run(service, capsys, name, output_stack="none", **{key: value})
    assert status == 1 and len(lines) == 1 and "no stack absent" in lines[0]
    assert "none" not in service.stacks()


@pytest.mark.parametrize("name", READS_NO_FILES)
def test_tiles_of_sections_that_stay_are_not_taken(service, serial, data, capsys, name):
    """The output keeps z = 20, where it has a tile that the input has elsewhere."""
    output = f"mixed_{name.partition('.')[2]}"
    tiles = serial_tiles(data["sstem_30_sections"], (20,), prefix="serial")
    tiles[0].tileId = "serial_1"
    service.put(output, tiles, [SHIFT])
    before = service.tiles(output)
    status, lines = run(service, capsys, name, output_stack=output, existing="overwrite_z")
    assert status == 1 and len(lines) == 1 and "serial_1 is already in section z=20" in lines[0]
    assert service.tiles(output)["serial_1"] == before["serial_1"]


IN_PLACE = [n for n in READS_NO_FILES if "session" not in n]


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_nothing_happens_to_a_read_only_stack(service, serial, capsys, name):
    service.module("stack.set_stack_state", stack="serial", state="READ_ONLY")
    status, lines = run(service, capsys, name, in_place=True)
    assert status == 1 and len(lines) == 1 and "serial is READ_ONLY" in lines[0]
    service.module("stack.set_stack_state", stack="serial", state="COMPLETE")


def test_a_section_that_fails_leaves_the_stack_as_it_was(service, serial, capsys):
    """The files of one section only would be there under the new names."""
    names = {"regex_find": r"z0[01]\.png", "regex_replace": "z05.png.none", "check_files": True}
    given = {"input_stack": "serial"} | names
    status, lines = service.module("stack.regex_replace_filenames", capsys, **given)
    assert status == 1 and len(lines) == 1
    assert "2 of 3 sections failed" in lines[0] and "all is left as it was" in lines[0]


def test_filtered_images(service, data):
    folder = service.folder / "filtered"
    given = {"input_stack": "em", "output_stack": "filtered", "output_directory": str(folder)}
    report = service.command("tile.create_filtered_EM_images", "--vert_flip", "false", **given)
    assert report["sections"][0]["images_made"] == 4
    before = service.tiles("em")["em_tile_1"]
    after = service.tiles("filtered")["em_tile_1"]
    assert after["transforms"] == before["transforms"] and list(after["mipmapLevels"]) == ["1"]
    assert after["mipmapLevels"]["1"]["maskUrl"] == before["mipmapLevels"]["1"]["maskUrl"]
    raw = pixels_of(data["tem_2x2"] / before["mipmapLevels"]["1"]["imageUrl"].rpartition("/")[2])
    made = pixels_of(after["mipmapLevels"]["1"]["imageUrl"].removeprefix("file://"))
    expected = filtered(raw)
    assert made.dtype == np.uint8 and np.array_equal(made, expected)
    flags = ("--output_stack", "flipped", "--output_directory", folder)
    service.command("tile.create_filtered_EM_images_2", *flags, input_stack="em")
    entry = service.tiles("flipped")["em_tile_1"]["mipmapLevels"]["1"]
    assert entry["imageUrl"].endswith("_mipmap_flip.tif")
    assert np.array_equal(pixels_of(entry["imageUrl"].removeprefix("file://")), expected[::-1])
    mask = pixels_of(data["tem_2x2"] / "test_mask.jpg_level_1_mipmap.png")
    assert np.array_equal(pixels_of(entry["maskUrl"].removeprefix("file://")), mask[::-1])


def filtered(raw):
    """Inverted, stretched between the 0.2 % of each end, 85 % contrast, smoothed, equalised."""
    inside = raw > 0
    image = 255 - raw.astype(int)
    c = np.cumsum(np.bincount(image[inside], minlength=256)) / inside.sum()
    low = next(k for k in range(255) if c[k] <= 0.002 < c[k + 1])
    high = next(k for k in range(255) if c[k] < 0.998 <= c[k + 1])
    image = (255 * (image - low) / (high - low) - 128) * 0.85 + 128
    image = np.clip(image, 0, 255).astype(np.uint8)
    image = cv2.bilateralFilter(image, 3, 20, 20)
    image = cv2.createCLAHE(1.5, (90, 90)).apply(image)
    return np.where(inside, image, 0)


def test_views(service, data):
    folder = service.folder / "views"
    flags = ("--firstz", 0, "--lastz", 2.5, "--skip", 1, "--image_format", "png")
    given = {"inputStack": "serial", "outputDirectory": str(folder), "scale": 1}
    service.command("materialize.create_views", *flags, **given)
    assert sorted(p.name for p in folder.iterdir()) == ["Section_z_0000.png", "Section_z_0001.png"]
    raw = pixels_of(data["sstem_30_sections"] / "z01.png")
    view = np.asarray(Image.open(folder / "Section_z_0001.png").convert("L"))
    assert np.array_equal(view, raw)


def test_sections_are_deleted_and_differences_told(service, data, capsys):
    folder = data["sstem_30_sections"]
    service.put("short", serial_tiles(folder, (0, 1, 2.5, 7), prefix="serial"), [SHIFT])
    report = service.command(
        "datamanagement.delete_section", "--section_z", 2.5, input_stack="short"
    )
    assert report == {"stack": "short", "deleted": [2.5], "not_found": []}
    assert service.zs("short") == [0.0, 1.0, 7.0] and service.state("short") == "COMPLETE"
    status, lines = service.module(
        "datamanagement.delete_section", capsys, input_stack="short", zs=[1, 9]
    )
    assert status == 1 and "no section at z=9" in lines[0] and service.zs("short")[1] == 1.0
    service.module("stack.set_stack_state", stack="short", state="READ_ONLY")
    status, lines = service.module(
        "datamanagement.delete_section", capsys, input_stack="short", section_z=1
    )
    assert status == 1 and "READ_ONLY" in lines[0] and len(service.zs("short")) == 3
    given = {"input_stack1": "serial", "input_stack2": "short", "compare": "tile_ids"}
    given["pool_size"] = 1
    report = service.command("datamanagement.diff_z", "--project2", "first", **given)
    assert report == {
        "only_in_stack1": [2.5], "only_in_stack2": [7.0], "common": 2, "differing": [],
    }  # fmt: skip
