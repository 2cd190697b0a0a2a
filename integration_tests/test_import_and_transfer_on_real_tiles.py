"""The modules of the themes dataimport and transfer, started from the command line on real tiles.

Two services run as processes of their own, as they do in a laboratory; every module is a process
too. What is compared is what counts: pictures that the services draw with the pixels of the files,
and the bytes of files that were moved.
"""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import requests
import tifffile
from PIL import Image
from server_process import ServerProcess

import renderapi
from renderapi.rendering.pyramid import downsample
from renderapi.rendering.readers import read_image
from renderapi.urls import url_to_path

PIXEL = 0.65  # micrometres
CHANNELS = ("DAPI_1", "GFP")


class Service(ServerProcess):
    """A `renderapps serve` process that reads images of an object store, too."""

    def __init__(self, folder, name, images, environment=None):
        super().__init__(
            folder,
            "--allow-host",
            "lab",
            store=f"{name}.db",
            image_roots=[images],
            env=environment,
        )

    def group(self, project):
        """Parameters of a connection."""
        return {
            "host": "http://127.0.0.1",
            "port": self.port,
            "owner": "integration_tests",
            "project": project,
        }

    def render(self, project):
        """A connection."""
        return renderapi.connect(**self.group(project))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of everything, with what is special in URLs in its name."""
    folder = tmp_path_factory.mktemp("transfer") / "M33 100% #1"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def credentials(folder):
    """Environment of whoever speaks to the object store."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
    }
    requests.put(f"{environment['AWS_ENDPOINT_URL']}/lab", timeout=60).raise_for_status()
    yield environment
    requests.post(f"{environment['AWS_ENDPOINT_URL']}/moto-api/reset", timeout=60)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def here(folder):
    """The service that things are imported into."""
    service = Service(folder.parent, "here", folder)
    yield service
    service.end()


@pytest.fixture(scope="module")
def there(folder, credentials):
    """The service that things are moved to; it may read the bucket `lab`."""
    service = Service(folder.parent, "there", folder, credentials)
    yield service
    service.end()


@pytest.fixture
def run(tmp_path, credentials):
    """Function that runs a module as a command and gives its output JSON.

    The first dict goes through --input_json, the other arguments are flags.
    """

    def call(module, parameters, *flags, status=0):
        given, answer = tmp_path / "input.json", tmp_path / "output.json"
        answer.unlink(missing_ok=True)
        given.write_text(json.dumps(parameters))
        command = [sys.executable, "-m", f"renderapps.{module}", "--input_json", str(given),
                   "--output_json", str(answer), *map(str, flags)]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=os.environ | credentials,
            check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        if status:
            assert "Traceback" not in done.stderr
            return done.stderr
        return json.loads(answer.read_text())

    return call


class Tiles:
    """25 real tiles as an array tomography project has them: a ribbon, two sections, two channels.

    Channel GFP holds the tiles turned by half a turn. Section 1 is section 0 with the grey levels
    turned round.
    """

    def __init__(self, data, folder):
        with (data / "true_positions.csv").open() as file:
            rows = [(r["file"], int(r["x"]), int(r["y"])) for r in csv.DictReader(file)]
        left, top = min(x for _, x, _ in rows), min(y for _, _, y in rows)
        self.places = [(x - left, y - top) for _, x, y in rows]
        self.images = [tifffile.imread(data / name) for name, _, _ in rows]
        self.folder = folder
        self.height, self.width = self.images[0].shape
        self.table = [
            self._row(section, ch, frame)
            for section in (0, 1)
            for ch in range(len(CHANNELS))
            for frame in range(len(rows))
        ]

    def pixels(self, section, channel, frame):
        """What the file of a tile holds."""
        image = self.images[frame] if channel == "DAPI_1" else self.images[frame][::-1, ::-1]
        return image if section == 0 else np.uint16(65535) - image

    def mosaic(self, section, channel="DAPI_1"):
        """The picture of a section: tiles drawn over one another in the order of their ids."""
        shape = tuple(max(v[i] for v in self.places) for i in (1, 0))
        picture = np.zeros((shape[0] + self.height, shape[1] + self.width), np.uint16)
        for frame, (x, y) in enumerate(self.places):
            picture[y : y + self.height, x : x + self.width] = self.pixels(section, channel, frame)
        return picture

    def _row(self, section, ch, frame):
        channel = CHANNELS[ch]
        folder = self.folder / "raw" / "data" / "Ribbon0004" / "session01" / channel
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{channel}_S{section:04d}_F{frame:04d}_Z00.tif"
        tifffile.imwrite(path, self.pixels(section, channel, frame))
        x, y = self.places[frame]
        return {
            "full_path": path, "ribbon": 4, "session": 1, "section": section, "frame": frame,
            "zstack": 0, "ch_name": channel, "ch": ch,
            "tileID": 10**14 + 4 * 10**12 + section * 10**6 + frame * 10**3 + ch,
            "z": 400 + section, "width": self.width, "height": self.height,
            "scale_x": PIXEL, "scale_y": PIXEL, "xstage": x * PIXEL, "ystage": y * PIXEL,
            "a00": 1.0, "a01": 0.0, "a02": x, "a10": 0.0, "a11": 1.0, "a12": y,
        }  # fmt: skip

    def statetable(self, name, section=None):
        """Write the table of one section or both; its path."""
        rows = [row for row in self.table if section in (None, row["section"])]
        path = self.folder / name
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return str(path)


@pytest.fixture(scope="module")
def tiles(real_data, folder):
    """The project."""
    return Tiles(real_data("phase_contrast_5x5"), folder)


@pytest.fixture
def imported(tiles, here, run):
    """The statetable as stacks of channels in project `at`; the report, or None if it was there."""
    if renderapi.render.get_stacks_by_owner_project(render=here.render("at")):
        return None
    parameters = {
        "render": here.group("wrong"),
        "statetableFile": tiles.statetable("statetable"),
        "projectDirectory": str(tiles.folder),
        "section_thickness_nm": 70.0,
    }
    flags = ("--render.project", "at", "--maxIntensity", "65535", "--pool_size", 2)
    return run("dataimport.create_fast_stacks", parameters, *flags)


def drawn(render, stack, z, shape, scale=1.0, **options):
    """16 bit values of a window at the origin, as the service draws it."""
    return renderapi.image.get_bb_image(
        stack, z, 0, 0, shape[1], shape[0], scale, img_format="tiff16", render=render, **options
    )


def test_a_statetable_becomes_the_pictures_of_its_channels(tiles, here, imported):
    render = here.render("at")
    assert imported is None or [s["stack"] for s in imported["output_stacks"]] == [
        "ACQ_DAPI_1",
        "ACQ_GFP",
    ]
    for channel in CHANNELS:
        for section in (0, 1):
            expected = tiles.mosaic(section, channel)
            picture = drawn(render, f"ACQ_{channel}", 400 + section, expected.shape)
            np.testing.assert_array_equal(picture, expected)
    tile = renderapi.tilespec.get_tile_specs_from_z("ACQ_GFP", 401, render=render)[3]
    assert (tile.layout.sectionId, tile.minint, tile.maxint) == ("4001", 0, 65535)
    for level, mipmap in tile.ip.items():
        path = url_to_path(mipmap.imageUrl)
        with Image.open(path) as image:
            assert image.size == (tiles.width >> int(level), tiles.height >> int(level))
        if level == "1":
            raw = downsample(tiles.pixels(1, "GFP", 3), 1) >> 8
            with Image.open(path) as image:
                apart = np.abs(np.asarray(image).astype(int) - raw)
            assert apart.mean() < 2  # JPEG


def test_sessions_become_tiles_of_several_channels(tiles, here, run):
    parameters = {
        "render": here.group("multi"),
        "statetableFile": tiles.statetable("statetable"),
        "projectDirectory": str(tiles.folder),
        "dataOutputFolder": "processed multi",
        "maxIntensity": 65535,
        "pool_size": 2,
    }
    run("dataimport.create_fast_stacks_multi", parameters, "--reference_channel", "GFP")
    render = here.render("multi")
    for channel in (None, *CHANNELS):
        expected = tiles.mosaic(1, channel or "GFP")
        options = {} if channel is None else {"channel": channel}
        picture = drawn(render, "ACQSession1", 401, expected.shape, **options)
        np.testing.assert_array_equal(picture, expected)


def test_sections_can_be_appended(tiles, here, run):
    project = {"projectDirectory": str(tiles.folder), "render": here.group("appended")}
    for section in (0, 1):
        table = {"statetableFile": tiles.statetable(f"statetable_{section}", section)}
        run("stack.append_fast_stacks", project | table, "--levels", 0, "--maxIntensity", 65535)
    for section in (0, 1):
        expected = tiles.mosaic(section)
        picture = drawn(here.render("appended"), "ACQ_DAPI_1", 400 + section, expected.shape)
        np.testing.assert_array_equal(picture, expected)
    said = run("stack.append_fast_stacks", project | table, "--delete_stack", "true", status=2)
    assert "delete_stack" in said


def test_mipmaps_of_one_image(real_data, tmp_path, folder, run):
    image = real_data("tem_2x2") / "col0075_row0021_cam1.png_level_1_mipmap.png"
    with Image.open(image) as opened:
        pixels = np.asarray(opened.convert("L"))
    flags = ("--outputDirectory", tmp_path / "small", "--outputformat", "png")
    made = run("dataimport.create_mipmaps", {"inputImage": str(image)}, *flags)["mipmaps"]
    assert sorted(made) == ["1", "2", "3"]
    for level, url in made.items():
        with Image.open(url_to_path(url)) as opened:
            np.testing.assert_array_equal(np.asarray(opened), downsample(pixels, int(level)))


SPECS = [
    {"level": 1, "compression": "LZW"},
    {"level": 2, "compression": "PNG", "png_options": {"compress_level": 6}},
]


@pytest.mark.parametrize(
    ("module", "more"),
    [
        ("dataimport.add_downsample_to_render_project", {"levels": 2}),
        ("dataimport.add_downsample_to_render_project_v3", {"mipmapspecs": SPECS}),
        ("dataimport.generate_mipmaps", {"levels": 2}),
    ],
)
def test_stacks_with_mipmaps_show_means(tiles, here, run, imported, module, more):
    name = module.rpartition("_")[2]
    parameters = {"render": here.group("at"), "input_stack": "ACQ_DAPI_1"} | more
    if module.endswith("generate_mipmaps"):
        parameters |= {"output_directory": str(tiles.folder / "mip maps"), "overwrite": True}
    else:
        parameters |= {
            "convert_to_8bit": False,
            "path_replace": f"processed/by {name}",
        }
    flags = ("--output_stack", f"reduced_{name}", "--pool_size", 2)
    run(module, parameters, *flags)
    render = here.render("at")
    found = renderapi.tilespec.get_tile_specs_from_z(f"reduced_{name}", 400, render=render)
    assert len(found) == 25
    for tile in found:
        frame = int(tile.tileId[-6:-3])
        assert {"0", "1", "2"} <= set(tile.ip.levels)
        raw = tiles.pixels(0, "DAPI_1", frame)
        for level in (1, 2):
            read = read_image(tile.ip[str(level)].imageUrl)
            np.testing.assert_array_equal(read, downsample(raw, level))
        x, y = tiles.places[frame]
        assert (tile.minX, tile.minY) == (x, y)


def test_tile_files_of_folders(tiles, here, run, imported):
    made = tiles.folder / "processed" / "downsamp_tilespec" / "Ribbon0004" / "session01"
    flat = tiles.folder / "tile specs"
    flat.mkdir()
    for channel in CHANNELS:
        for path in (made / channel).glob("at_*.json"):
            shutil.copy(path, flat / f"{channel}_{path.name}")
    render = {"render": here.group("uploaded")}
    from_folder = render | {"inputDir": str(made / "GFP"), "outputStack": "of_folder"}
    run(
        "dataimport.upload_tilespecdir",
        from_folder,
        "--pattern",
        "at_*",
        "--pixel_size_nm",
        650,
        650,
        70,
    )
    of_channel = render | {"inputDir": str(flat), "outputStack": "of_channel"}
    run("dataimport.upload_channeltilespec", of_channel, "--channel", "GFP")
    expected = tiles.mosaic(1, "GFP")
    for stack in ("of_folder", "of_channel"):
        picture = drawn(here.render("uploaded"), stack, 401, expected.shape)
        np.testing.assert_array_equal(picture, expected)
    version = renderapi.stack.get_stack_metadata("of_folder", render=here.render("uploaded"))
    assert (version.stackResolutionX, version.stackResolutionZ) == (650, 70)
    said = run("dataimport.upload_channeltilespec", of_channel, "--channel", "GF", status=1)
    assert "no GF_*.json" in said


def test_a_folder_of_sections(real_data, folder, here, run):
    images = folder / "sstem 50%"
    images.mkdir()
    for number in (2, 9, 10):
        shutil.copy(
            real_data("sstem_30_sections") / f"z{number:02d}.png", images / f"s{number}.png"
        )
    parameters = {"render": here.group("sections"), "inputTileDirectory": str(images)}
    flags = (
        "--outputStack",
        "sections",
        "--pattern",
        "*.png",
        "--z_start",
        2,
        "--pixelsize",
        0.004,
    )
    run("dataimport.upload_tiledir", parameters, *flags)
    for z, number in ((2, 2), (3, 9), (4, 10)):
        with Image.open(images / f"s{number}.png") as image:
            expected = np.asarray(image)
        picture = renderapi.image.get_bb_image(
            "sections", z, 0, 0, 512, 512, render=here.render("sections")
        )
        np.testing.assert_array_equal(picture[..., 0], expected)


def test_a_montage_of_serialem(real_data, folder, here, there, run):
    """Pieces cut from a section, in an MRC file (bytes, IMOD's stamp) with its .mdoc.

    It is drawn from the file, with mipmaps, and from a bucket.
    """
    with Image.open(real_data("sstem_30_sections") / "z00.png") as image:
        section = np.asarray(image)
    size, step = 190, 161
    places = [(x, y) for x in range(0, 323, step) for y in range(0, 323, step)]
    header = np.zeros(256, "<i4")
    header[:4] = size, size, len(places), 0
    header[16:19], header[38], header[52] = (1, 2, 3), 1146047817, int.from_bytes(b"MAP ", "little")
    header[53] = 0x4444
    with (folder / "mont 1.st").open("wb") as file:
        file.write(header.tobytes())
        for x, y in places:  # y upwards, of the lower left corner
            file.write(section[::-1][y : y + size, x : x + size].tobytes())
    (folder / "mont 1.st.mdoc").write_text(
        "PixelSpacing = 40\nImageFile = mont 1.st\n[T = SerialEM: test]\n"
        + "".join(
            f"[ZValue = {n}]\nPieceCoordinates = {x} {y} 5\n" for n, (x, y) in enumerate(places)
        )
    )
    render = {"render": here.group("serialem")}
    parameters = render | {"mdoc_file": str(folder / "mont 1.st.mdoc")}
    flags = ("--image_directory", folder, "--output_stack", "em")
    run("dataimport.import_tiles", parameters, *flags)
    parameters = render | {"input_stack": "em", "output_directory": str(folder / "em mips")}
    run("dataimport.generate_mipmaps", parameters, "--output_stack", "em_mips", "--levels", 1)
    for stack in ("em", "em_mips"):
        picture = renderapi.image.get_bb_image(
            stack, 5, 0, 0, 512, 512, render=here.render("serialem")
        )
        np.testing.assert_array_equal(picture[..., 0], section)
    version = renderapi.stack.get_stack_metadata("em", render=here.render("serialem"))
    assert version.stackResolutionX == 4.0
    parameters = {
        "render_source": here.group("serialem"),
        "render_target": there.group("serialem"),
        "input_stacks": ["em"],
        "data_destination": "s3://lab/em",
        "source_prefix": str(folder),
    }
    sent = run("transfer.move_stacks_and_data_to_s3", parameters, "--upload_data", "true")
    assert sent["uploaded"] == ["s3://lab/em/mont=201.st"]
    picture = renderapi.image.get_bb_image("em", 5, 0, 0, 512, 512, render=there.render("serialem"))
    np.testing.assert_array_equal(picture[..., 0], section)


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
