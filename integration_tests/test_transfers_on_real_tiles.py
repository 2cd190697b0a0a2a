"""The modules of the theme transfer, started from the command line on real tiles.

Two services run as processes of their own, as they do in a laboratory; every module is a process
too. What is compared is what counts: pictures that the services draw with the pixels of the files,
and the bytes of files that were moved.
"""

import hashlib
import json
import shutil

import numpy as np
import pytest
from tomography_project import CHANNELS, PIXEL, drawn

import renderapi


@pytest.fixture
def both(here, there):
    """Parameters of a transfer."""
    return {"render_source": here.group("at"), "render_target": there.group("moved")}


def test_a_stack_moves_to_another_service(tiles, there, both, run, imported):
    for _ in range(2):
        moved = run("transfer.move_stack", both | {"stack_in": "ACQ_GFP"}, "--stack_out", "gfp")
        assert (moved["tiles"], len(moved["files"])) == (50, 200)
        for section in (0, 1):
            expected = tiles.mosaic(section, "GFP")
            picture = drawn(there.render("moved"), "gfp", 400 + section, expected.shape)
            np.testing.assert_array_equal(picture, expected)
    version = renderapi.stack.get_stack_metadata("gfp", render=there.render("moved"))
    assert (version.stackResolutionX, version.stackResolutionZ) == (PIXEL * 1000, 70)


def matches_of(tiles, section):
    """Corners of the overlaps of neighbours, exact."""
    names = [str(10**14 + 4 * 10**12 + section * 10**6 + f * 10**3) for f in range(25)]
    found = []
    for p, (px, py) in enumerate(tiles.places):
        for q, (qx, qy) in enumerate(tiles.places[:p]):
            left, right = max(px, qx), min(px, qx) + tiles.width
            top, bottom = max(py, qy), min(py, qy) + tiles.height
            if left < right and top < bottom:
                xs, ys = [left, right, left, right], [top, top, bottom, bottom]
                points = {
                    side: [[float(x - ox) for x in xs], [float(y - oy) for y in ys]]
                    for side, ox, oy in (("p", px, py), ("q", qx, qy))
                }
                found.append(
                    {"pGroupId": f"400{section}", "pId": names[p], "qGroupId": f"400{section}",
                     "qId": names[q], "matches": points | {"w": [1.0] * 4}}
                )  # fmt: skip
    return found


def by_pair(render, collection, group):
    found = renderapi.pointmatch.get_matches_with_group(collection, group, render=render)
    return {(m["pId"], m["qId"]): m["matches"] for m in found}


def test_matches_move_to_another_service(tiles, here, there, both, run):
    render = here.render("at")
    for section in (0, 1):
        renderapi.pointmatch.import_matches("montage", matches_of(tiles, section), render=render)
    target = both["render_target"] | {"owner": "archive"}
    parameters = both | {"render_target": target, "collection_source": "montage"}
    for _ in range(2):
        run("transfer.move_pointmatch", parameters, "--collection_target", "m2", "--pool_size", 2)
    other = renderapi.connect(**target)
    for section in (0, 1):
        group = f"400{section}"
        assert len(by_pair(other, "m2", group)) == len(matches_of(tiles, section)) > 40
        assert by_pair(other, "m2", group) == by_pair(render, "montage", group)


def sums(folder):
    """Checksum of each file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_project_goes_to_the_cloud_and_comes_back(
    tiles, here, there, both, run, imported, credentials
):
    raw, back = tiles.folder / "raw", tiles.folder / "back"
    parameters = both | {
        "input_stacks": ["ACQ_DAPI_1", "ACQ_GFP"],
        "data_destination": "s3://lab/M33",
        "source_prefix": str(tiles.folder),
        "zs": [401],
    }
    flags = ("--output_prefix", "cloud_", "--upload_data", "true", "--aws_region", "us-east-1")
    sent = run("transfer.move_stacks_and_data_to_s3", parameters, *flags)
    assert (len(sent["uploaded"]), sent["failed"], sent["missing"]) == (200, [], [])
    again = run("transfer.move_stacks_and_data_to_s3", parameters, *flags)
    assert (again["uploaded"], len(again["skipped"])) == ([], 200)
    expected = tiles.mosaic(1, "GFP")
    tile = renderapi.tilespec.get_tile_specs_from_z(
        "cloud_ACQ_GFP", 401, render=there.render("moved")
    )[0]
    assert tile.imageUrl.startswith("s3://lab/M33/raw/data/Ribbon0004/")
    picture = drawn(there.render("moved"), "cloud_ACQ_GFP", 401, expected.shape)
    np.testing.assert_array_equal(picture, expected)
    home = {
        "render_source": there.group("moved"),
        "render_target": here.group("returned"),
        "input_stacks": ["cloud_ACQ_DAPI_1", "cloud_ACQ_GFP"],
        "data_destination": str(back),
        "source_prefix": "s3://lab/M33",
    }
    flags = ("--output_stacks", "DAPI", "GFP", "--upload_data", "true")
    run("transfer.move_stacks_and_data_to_s3", home, *flags)
    returned, kept = sums(back / "raw"), sums(raw)
    assert returned == {name: kept[name] for name in returned}
    assert sum("_S0001_" in name for name in returned) == len(returned) == 50
    picture = drawn(here.render("returned"), "GFP", 401, expected.shape)
    np.testing.assert_array_equal(picture, expected)


def test_a_project_travels_in_an_archive(tiles, here, there, run, imported, folder):
    archive = folder / "at.zip"
    parameters = {"render": here.group("at"), "stacks": ["ACQ_DAPI_1", "ACQ_GFP"]}
    run("transfer.export_project", parameters, "--archive", archive, "--match_collections", "[]")
    run("transfer.import_project", {"render": there.group("unpacked")}, "--archive", archive)
    for channel in CHANNELS:
        expected = tiles.mosaic(1, channel)
        picture = drawn(there.render("unpacked"), f"ACQ_{channel}", 401, expected.shape)
        np.testing.assert_array_equal(picture, expected)


def test_images_with_masks_travel_in_an_archive(real_data, here, there, run, folder):
    """The raw images are gone when the pictures are drawn from those that were unpacked."""
    raw = folder / "tem 2x2"
    shutil.copytree(real_data("tem_2x2"), raw)
    mask = "test_mask.jpg_level_1_mipmap.png"
    render = {"render": here.group("tem")}
    grid = {
        "rows": 2, "columns": 2, "first_row": 21, "first_column": 75, "overlap": 0.2,
        "file_pattern": "col{column:04d}_row{row:04d}_cam*.png_level_1_mipmap.png",
    }  # fmt: skip
    parameters = render | {"image_directory": str(raw), "mask_file": str(raw / mask)}
    run("dataimport.import_tiles", parameters | {"grid": grid}, "--output_stack", "tem")
    reduced = render | {"output_directory": str(raw / "mips"), "levels": 2}
    flags = ("--input_stack", "tem", "--output_stack", "reduced")
    run("dataimport.generate_mipmaps", reduced, *flags, "--image_format", "png")
    scales = (1.0, 0.3)
    before = [
        renderapi.image.get_bb_image("reduced", 0, 0, 0, 2400, 2200, s, render=here.render("tem"))
        for s in scales
    ]
    assert before[0][..., :3].any() and not before[0][..., 3].all()
    archive, kept = folder / "tem.zip", sums(raw)
    sent = run(
        "transfer.export_project", render, "--archive", archive, "--include_images", "true",
        "--match_collections", "[]",
    )  # fmt: skip
    assert sent["images"] == 5 * 3
    shutil.rmtree(raw)
    target = folder / "unpacked 1"
    flags = ("--image_directory", target, "--source_prefix", raw)
    back = run(
        "transfer.import_project", {"render": there.group("tem")}, "--archive", archive, *flags
    )
    assert (back["images"], back["images_written"]) == (15, 15)
    returned = sums(target)
    assert returned == {name: kept[name] for name in returned}
    for scale, expected in zip(scales, before, strict=True):
        picture = renderapi.image.get_bb_image(
            "reduced", 0, 0, 0, 2400, 2200, scale, render=there.render("tem")
        )
        np.testing.assert_array_equal(picture, expected)


def test_what_is_wrong_is_one_line_and_a_status(tiles, here, both, run):
    at = {"render": here.group("at")}
    assert "no stack nothing" in run(
        "transfer.export_project", at, "--archive", "a.zip", "--stacks", "nothing", status=1
    )
    assert "data_destination" in run(
        "transfer.move_stack", both | {"stack_in": "ACQ_GFP"},
        "--data_destination", "ftp://x", status=2,
    )  # fmt: skip
    (tiles.folder / "one").mkdir()
    (tiles.folder / "one" / "a.json").write_text(
        json.dumps([{"tileId": "a", "z": 1, "width": 1, "height": 1, "transforms": {}}])
    )
    dead = {"render": here.group("at") | {"port": 9}, "inputDir": str(tiles.folder / "one")}
    said = run("dataimport.upload_tilespecdir", dead, "--outputStack", "x", status=1)
    assert "127.0.0.1:9" in said and len(said.splitlines()) == 1
