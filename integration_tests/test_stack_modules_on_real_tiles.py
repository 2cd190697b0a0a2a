"""The modules of the stack theme, each started from the command line, on stacks of real tiles.

The service is a process of its own. What is expected is computed with numpy from the files: what
the service draws before and after, where tiles are, and what the stacks say of themselves.
"""

import csv
import json
import shutil

import numpy as np
import pytest
from real_stacks import (
    LENS,
    SHIFT,
    VERSION,
    Service,
    em_tiles,
    one_level,
    phase_canvas,
    phase_tiles,
    pixels_of,
    serial_tiles,
    shown,
)

SERIAL_BOX = (10, 20, 512, 512)


@pytest.fixture(scope="module")
def data(real_data):
    return {n: real_data(n) for n in ("tem_2x2", "phase_contrast_5x5", "sstem_30_sections")}


@pytest.fixture(scope="module")
def service(data, tmp_path_factory):
    """A service with the stacks `em`, `phase` and `serial`, which no test changes."""
    folder = tmp_path_factory.mktemp("stack 100%")
    service = Service.start(folder, data["tem_2x2"].parent, folder)
    service.put("em", em_tiles(data["tem_2x2"]), [LENS])
    service.put("phase", phase_tiles(data["phase_contrast_5x5"]))
    service.put("serial", serial_tiles(data["sstem_30_sections"], (0, 1, 2.5)), [SHIFT])
    yield service
    service.stop()


@pytest.fixture
def phase(data):
    """Values of the whole phase contrast picture, and its box."""
    return phase_canvas(data["phase_contrast_5x5"])


def serial_pixels(data, z):
    return pixels_of(data["sstem_30_sections"] / f"z{z:02d}.png").astype(int)


def test_levels(service, phase):
    values, box = phase
    assert np.abs(service.picture("phase", 5, box) - shown(values, 0, 600)).max() <= 1
    given = {"stack": "phase", "output_stack": "levels", "minIntensity": 200}
    report = service.command("stack.set_stack_levels", "--maxIntensity", 400, **given)
    assert report["sections"][0]["changed_tiles"] == 25
    assert np.abs(service.picture("levels", 5, box) - shown(values, 200, 400)).max() <= 1
    assert service.version("levels") == service.version("phase")
    assert {t["maxIntensity"] for t in service.tiles("phase").values()} == {600}


def test_automatic_levels(service, data, phase, tmp_path):
    given = {"input_stack": "phase", "output_stack": "auto", "output_directory": str(tmp_path)}
    flags = ("--bin_width", 8, "--margin", 100)
    report = service.command("stack.auto_set_stack_levels", *flags, samples=25, **given)
    ranges = []
    for path in sorted(data["phase_contrast_5x5"].glob("*.tif")):
        counts, edges = np.histogram(pixels_of(path), np.arange(0, 65536, 8))
        centres = (edges[:-1] + edges[1:]) / 2
        mode = centres[counts.argmax()]
        chosen = (centres > mode) & (np.log(np.maximum(counts, 1)) > 4)
        x, y = np.log(centres[chosen]), np.log(counts[chosen])
        a, b = np.polyfit(x, y, 1)
        assert a < 0 and np.corrcoef(x, y)[0, 1] ** 2 > 0.5
        ranges.append((max(mode - 100, 0), np.exp((4 - b) / a)))
    low, high = np.round(np.median(ranges, axis=0))
    (found,) = report["sections"][0]["ranges"]
    assert (found["minIntensity"], found["maxIntensity"]) == (low, high)
    assert (found["samples"], found["by_power_law"]) == (25, 25)
    values, box = phase
    assert np.abs(service.picture("auto", 5, box) - shown(values, low, high)).max() <= 1
    written = json.loads((tmp_path / "auto_00005.json").read_text())
    assert {t["minIntensity"] for t in written} == {low} and len(written) == 25


def test_flip(service, data, phase):
    folder = service.folder / "flipped"
    given = {"input_stack": "phase", "output_stack": "flipped", "output_directory": str(folder)}
    report = service.command(
        "stack.flip_stack_by_raw_image_flip", "--minZ", 5, "--maxZ", 5, **given
    )
    assert report["sections"][0]["flipped_files"] == 25 and report["deleted"] == []
    values, (x, y, width, height) = phase
    mirrored = service.picture("flipped", 5, (x, -y - height, width, height))
    assert np.abs(mirrored - shown(values, 0, 600)[::-1]).max() <= 1
    below = folder / data["phase_contrast_5x5"].relative_to("/")
    old = pixels_of(data["phase_contrast_5x5"] / "ImageName_t01_p07.tif")
    new = pixels_of(below / "ImageName_t01_p07_flip.png")
    assert new.dtype.itemsize >= 2 and np.array_equal(new, old[::-1])


def test_flip_of_tiles_behind_a_lens(service):
    """Tiles of mipmap level 1, affine but for the lens, with masks."""
    given = {"input_stack": "em", "output_stack": "em_flipped", "minz": 1, "maxz": 1}
    given |= {"output_directory": str(service.folder / "flipped")}
    assert service.module("stack.flip_stack_by_raw_image_flip", **given)[0] == 0
    # row p of the picture is drawn at y = 2 p, and its mirror image at -1 - 2 p
    before = service.picture("em", 1, (0, 0, 4400, 3900), 0.5)
    after = service.picture("em_flipped", 1, (0, -3899, 4400, 3900), 0.5)[::-1]
    inside = (before > 0) & (after > 0)
    assert inside.mean() > 0.9
    assert np.corrcoef(before[inside], after[inside])[0, 1] > 0.9995
    assert list(service.section("em_flipped", 1)[1]) == ["lens"]


def test_a_quarter_turn(service, phase):
    given = {"input_stack": "phase", "output_stack": "turned", "M00": 0, "M11": 0, "M10": 1}
    report = service.command(
        "stack.apply_global_affine_to_stack", "--M01", "-1", "--transformId", "turn", **given
    )
    assert report["warnings"] == []
    values, (x, y, width, height) = phase
    # (x, y) goes to (-y, x): the row y = 0 becomes the column x = 0, the last one
    turned = service.picture("turned", 5, (1 - y - height, x, height, width))
    assert np.abs(turned - np.rot90(shown(values, 0, 600), -1)).max() <= 1
    tiles, transforms = service.section("turned", 5)
    assert list(transforms) == ["turn"]
    assert {t["transforms"]["specList"][-1]["refId"] for t in tiles.values()} == {"turn"}


def test_a_shift_of_several_stacks(service, data):
    given = {"input_stacks": ["serial", "em"], "transformId": "far", "B0": 1000}
    report = service.command(
        "stack.apply_global_affine_to_stacks", "--output_prefix", "far_", **given
    )
    assert [s["output_stack"] for s in report["stacks"]] == ["far_serial", "far_em"]
    assert np.array_equal(
        service.picture("far_serial", 1, (1010, 20, 512, 512)), serial_pixels(data, 1)
    )
    assert sorted(service.section("far_em", 1)[1]) == ["far", "lens"]
    assert service.box("far_em")[0] == service.box("em")[0] + 1000


def test_consolidated_transforms(service):
    report = service.command("stack.consolidate_render_transforms", "--pool_size", 2, stack="em")
    assert report["sections"][0]["transforms_before"] == 12
    before, (after, transforms) = service.tiles("em"), service.section("em_CONS", 1)
    assert list(transforms) == ["lens"] and service.state("em_CONS") == "COMPLETE"
    for key, tile in after.items():
        lens, affine = tile["transforms"]["specList"]
        assert lens == {"type": "ref", "refId": "lens"}
        old = [matrix(spec["dataString"]) for spec in before[key]["transforms"]["specList"][1:]]
        np.testing.assert_allclose(matrix(affine["dataString"]), old[1] @ old[0], atol=1e-9)
        assert [tile[k] for k in ("minX", "maxY")] == [before[key][k] for k in ("minX", "maxY")]
    box = (1000, 1000, 1600, 1200)
    pictures = [service.picture(stack, 1, box, scale=0.5) for stack in ("em", "em_CONS")]
    assert np.array_equal(*pictures) and pictures[0].std() > 10


def matrix(numbers):
    a, b, c, d, e, f = map(float, numbers.split())
    return np.array([[a, c, e], [b, d, f], [0, 0, 1]])


def test_mask(service, data):
    """The mask alone decides where there is something: first without, then with, then without."""
    image = next(data["tem_2x2"].glob("col0075_row0021*"))
    mask = data["tem_2x2"] / "test_mask.jpg_level_1_mipmap.png"
    (tile,) = em_tiles(data["tem_2x2"], prefix="bare")[:1]
    tile.ip, tile.width, tile.height, tile.tforms = one_level(image), 1325, 1130, []
    service.put("bare", [tile])
    given = {"input_stack": "bare", "output_stack": "masked", "minz": -1, "maxz": -1}
    report = service.command("stack.apply_mask_to_stack", "--mask_file", mask, **given)
    assert report["sections"][0]["changed_images"] == 1
    box, weight, values = (0, 0, 1325, 1130), pixels_of(mask), pixels_of(image).astype(int)
    picture = service.picture("masked", 1, box)
    assert set(np.unique(weight)) >= {0, 255}
    assert np.array_equal(picture[weight == 255], values[weight == 255])
    assert (picture[weight == 0] == 0).all() and (values[weight == 0] > 0).any()
    given |= {"input_stack": "masked", "output_stack": "masked"}
    assert service.module("stack.apply_mask_to_stack", remove_masks=True, **given)[0] == 0
    assert np.array_equal(service.picture("masked", 1, box), values)


def test_mask_of_the_level_that_the_tiles_have(service, data):
    mask = data["tem_2x2"] / "test_mask.jpg_level_1_mipmap.png"
    given = {"input_stack": "em", "output_stack": "em_bare", "remove_masks": True}
    assert service.module("stack.apply_mask_to_stack", **given)[0] == 0
    given = {"input_stack": "em_bare", "output_stack": "em_masked", "mask_file": str(mask)}
    assert service.module("stack.apply_mask_to_stack", **given)[0] == 0
    assert service.tiles("em_masked") == service.tiles("em") != service.tiles("em_bare")


def test_channels_from_sessions(service, data, phase):
    tiles = phase_tiles(data["phase_contrast_5x5"], prefix="session")
    for tile in tiles:
        tile.maxint = 300
    service.put("session", tiles[::-1])
    channels = {"GFP": "session", "DAPI_1": "phase"}
    report = service.command(
        "stack.merge_session_stacks", "--frame_pattern", r"_p(\d+)",
        base_stack="phase", channel_stacks=channels, output_stack="channels",
    )  # fmt: skip
    assert report["sections"][0]["missing_frames"] == {}
    for key, tile in service.tiles("channels").items():
        assert [c["name"] for c in tile["channels"]] == ["DAPI_1", "GFP"]
        names = {c["mipmapLevels"]["0"]["imageUrl"][-6:-4] for c in tile["channels"]}
        assert names == {key[-2:]}
    values, box = phase
    for channel, high in (("DAPI_1", 600), ("GFP", 300)):
        picture = service.picture("channels", 5, box, channel=channel)
        assert np.abs(picture - shown(values, 0, high)).max() <= 1


def test_subvolume(service):
    box = {"minX": 2500, "maxX": 2600, "minY": 100, "maxY": 200, "minZ": 0}
    flags = ("--maxZ", 100000000, "--directory", service.folder / "specs", "--scale", 0.01)
    report = service.command(
        "stack.create_subvolume_stack", *flags, input_stack="em", output_stack="part", **box
    )
    tiles = service.tiles("em")
    corners = {key: corner_box(tile) for key, tile in tiles.items()}
    wanted = {
        key
        for key, (x0, y0, x1, y1) in corners.items()
        if x0 <= 2600 and x1 >= 2500 and y0 <= 200 and y1 >= 100
    }
    assert 0 < len(wanted) < 4 and report["total_tiles"] == len(wanted)
    assert service.tiles("part") == {key: tiles[key] for key in wanted}
    assert len(json.loads((service.folder / "specs" / "tilespec_0001.json").read_text()))


def corner_box(tile):
    """Box of a tile, from its corners behind the lens and the affines."""
    w, h = tile["width"], tile["height"]
    points = LENS.tform(np.array([[0, 0], [w, 0], [0, h], [w, h]], float))
    for spec in tile["transforms"]["specList"][1:]:
        points = points @ matrix(spec["dataString"])[:2, :2].T + matrix(spec["dataString"])[:2, 2]
    return (*points.min(axis=0), *points.max(axis=0))


def test_file_names(service, data, tmp_path, phase):
    moved = service.folder / "moved #1"
    shutil.copytree(data["phase_contrast_5x5"], moved)
    given = {"input_stack": "phase", "output_stack": "renamed", "check_files": True}
    find = "^.*/ImageName_(t01_p[0-9]+)"
    replace = (service.folder / "moved #1").as_uri() + r"/ImageName_\1"
    report = service.command(
        "stack.regex_replace_filenames", "--regex_find", find, "--regex_replace", replace, **given
    )
    assert report["total_replaced"] == 25
    values, box = phase
    shutil.rmtree(tmp_path)
    assert np.abs(service.picture("renamed", 5, box) - shown(values, 0, 600)).max() <= 1
    urls = {t["mipmapLevels"]["0"]["imageUrl"] for t in service.tiles("renamed").values()}
    assert urls == {path.as_uri() for path in moved.glob("*.tif")}
    missing = given | {"regex_find": "ImageName", "regex_replace": "none"}
    told = service.command("stack.regex_replace_filenames", status=1, **missing)
    assert told.count("\n") == 1 and "25 files are not there" in told
    assert service.zs("renamed") == [5.0]


def test_section_ids(service):
    service.command(
        "stack.rename_sectionIds", "--zmax", 2, input_stack="serial", output_stack="named"
    )
    ids = {k: t["layout"]["sectionId"] for k, t in service.tiles("named").items()}
    assert ids == {"serial_0": "0.0", "serial_1": "1.0"}


def test_merged_stacks(service, data, phase):
    """One section of both, side by side; sections of one of them as they are."""
    phase_at_1 = phase_tiles(data["phase_contrast_5x5"], z=1.0)
    service.put("phase_at_1", phase_at_1)
    shifted = {"input_stack": "phase_at_1", "transformId": "aside", "B0": 600}
    assert service.module("stack.apply_global_affine_to_stack", **shifted)[0] == 0  # in place
    given = {"stack1": "serial", "stack2": "phase_at_1", "output_stack": "merged"}
    report = service.command("stack.merge_render_stacks", "--zmax", 2, **given)
    assert [s["tiles"] for s in report["sections"]] == [1, 26]
    assert sorted(service.section("merged", 1)[1]) == ["aside", "shift"]
    values, (x, y, width, height) = phase
    picture = service.picture("merged", 1, (x + 600, y, width, height))
    assert np.abs(picture - shown(values, 0, 600)).max() <= 1
    assert np.array_equal(service.picture("merged", 1, SERIAL_BOX), serial_pixels(data, 1))
    report = service.command(
        "stack.merge_stacks", "--stacks", "em", "serial", "phase_at_1", output_stack="all"
    )
    assert len(service.tiles("all")) == 4 + 3 + 25 and service.version("all") == VERSION
    assert sorted(service.section("all", 1)[1]) == ["aside", "lens", "shift"]


def test_sections_at_other_places(service, data, tmp_path):
    report = service.command(
        "stack.squeeze_stack", "--output_directory", tmp_path / "specs",
        input_stack="serial", output_stack="squeezed",
    )  # fmt: skip
    assert report["mapping"] == [[0.0, 0.0], [1.0, 1.0], [2.5, 2.0]]
    assert np.array_equal(service.picture("squeezed", 2, SERIAL_BOX), serial_pixels(data, 2))
    assert sorted(p.name for p in (tmp_path / "specs").iterdir())[2] == "tilespec_0002.json"
    service.command(
        "stack.remap_zs", "--zs", 0, 1, "--new_zs", 1, 0, input_stack="squeezed", in_place=True
    )
    assert {k: t["z"] for k, t in service.tiles("squeezed").items()} == {
        "serial_0": 1, "serial_1": 0, "serial_2.5": 2,
    }  # fmt: skip
    assert list(service.section("squeezed", 0)[1]) == ["shift"]


def test_swapped_sections(service, data):
    folder = data["sstem_30_sections"]
    for name, zs in (("north", (3, 4)), ("south", (4, 5))):
        service.put(name, serial_tiles(folder, zs, prefix=name), [SHIFT])
    flags = ("--source_stack", "north", "--target_stack", "south")
    report = service.command("stack.swap_zs", *flags, zs=[4])
    assert report["pairs"][0]["tiles"] == [1, 1]
    assert sorted(service.tiles("north")) == ["north_3", "south_4"]
    assert sorted(service.tiles("south")) == ["north_4", "south_5"]
    assert not [name for name in service.stacks() if "_unfinished_" in name]


def test_concatenated_and_cloned(service, data):
    service.put("more", serial_tiles(data["sstem_30_sections"], (7, 9), prefix="more"), [SHIFT])
    given = {"input_stacks": "serial,more", "input_projects": "first,first", "adjust_z": True}
    given |= {"output_stack": "joined", "output_project": "second"}
    report = service.command("stack.concatenate_stacks", **given)
    assert [s["new_z"] for s in report["sections"]] == [0, 1, 2, 3, 4]
    assert "joined" not in service.stacks()
    given = {"input_stack": "serial", "output_stack": "copy", "output_project": "second"}
    assert service.command("stack.clone_stack", "--zs", 1, 2.5, **given)["zs"] == [1.0, 2.5]
    second = Service(service.server, service.folder, "second")
    assert second.stacks() == ["copy", "joined"]
    assert np.array_equal(second.picture("joined", 4, SERIAL_BOX), serial_pixels(data, 9))
    serial = service.tiles("serial")
    assert second.tiles("copy") == {k: serial[k] for k in ("serial_1", "serial_2.5")}
    assert second.version("joined") == second.version("copy") == VERSION


def test_whole_stacks(service, data, capsys):
    tiles = serial_tiles(data["sstem_30_sections"], (0, 1))
    for name in ("whole", "other"):
        service.put(name, tiles, [SHIFT], cycleNumber=9)
    flags = ("--stackResolutionX", 3.58, "--stackResolutionZ", 40)
    service.command("stack.set_stack_resolution", *flags, stacks=["whole"])
    changed = {"cycleNumber": 9, "stackResolutionX": 3.58, "stackResolutionZ": 40.0}
    assert service.version("whole") == VERSION | changed
    service.command("stack.set_stack_state", "--stack", "whole", state="READ_ONLY")
    assert service.state("whole") == "READ_ONLY"
    given = {"stacks": ["other", "whole"], "confirm": True}
    status, (told,) = service.module("stack.delete_stacks", capsys, **given)
    assert status == 1 and "READ_ONLY" in told and {"other", "whole"} <= set(service.stacks())
    given = {"input_stack": "whole", "output_stack": "other"}
    service.command("stack.copy_stack_metadata", **given)
    assert service.version("other") == VERSION | changed and service.state("other") == "COMPLETE"
    status, (told,) = service.module("stack.delete_stacks", capsys, stackName="other")
    assert status == 2 and "give confirm" in told
    report = service.command("stack.delete_stacks", "--stackName", "other", "none", confirm=True)
    assert report == {"deleted": ["other"], "not_found": ["none"]}
    assert "other" not in service.stacks()


COLUMNS = (
    "ribbon,section,session,ch_name,frame,zstack,full_path,xstage,ystage,scale_x,"
    "a00,a01,a02,a10,a11,a12,tileID,z,width,height"
)


def test_a_statetable_is_appended(service, data, phase, tmp_path):
    raw = service.folder / "raw" / "data" / "Ribbon0001" / "session01" / "DAPI_1"
    raw.mkdir(parents=True)
    rows = []
    for frame, tile in enumerate(phase_tiles(data["phase_contrast_5x5"])):
        old = data["phase_contrast_5x5"] / f"ImageName_t01_p{tile.tileId[-2:]}.tif"
        path = raw / f"DAPI_1_S0002_F{frame:04d}_Z00.tif"
        shutil.copy(old, path)
        x, y = tile.tforms[0].B0, tile.tforms[0].B1
        rows.append([1, 2, 1, "DAPI_1", frame, 0, path, 0, 0, 0.65, 1, 0, x, 0, 1, y])
        rows[-1] += [1000 + frame, 102, 245, 183]
    table = tmp_path / "statetable.csv"
    with table.open("w", newline="") as file:
        file.write(f"{COLUMNS}\n")
        csv.writer(file).writerows(rows)
    project = service.folder / "project"
    project.mkdir()
    service.put("ACQ_DAPI_1", serial_tiles(data["sstem_30_sections"], (0,)), [SHIFT])
    given = {"statetableFile": str(table), "projectDirectory": str(project)}
    service.command("stack.append_fast_stacks", "--pool_size", 1, **given)
    assert service.zs("ACQ_DAPI_1") == [0.0, 102.0]
    tiles, _ = service.section("ACQ_DAPI_1", 102)
    assert {t["layout"]["sectionId"] for t in tiles.values()} == {"1002"}
    assert {(t["minIntensity"], t["maxIntensity"]) for t in tiles.values()} == {(0, 65000)}
    assert all(list(t["mipmapLevels"]) == ["0", "1", "2", "3"] for t in tiles.values())
    values, box = phase
    picture = service.picture("ACQ_DAPI_1", 102, box, minIntensity=0, maxIntensity=600)
    assert np.abs(picture - shown(values, 0, 600)).max() <= 1
