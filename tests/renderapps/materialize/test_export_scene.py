"""export_scene: tiles as they are stored, and transformations that place them as renderapi does."""

import subprocess
import sys

import numpy as np
import pytest
import tifffile
import zarr
from volumes import level_of

import renderapi
from renderapi.image_pyramid import MipMap
from renderapi.layout import Layout
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform
from renderapi.urls import path_to_url
from renderapps.materialize.export_scene import ExportScene
from renderapps.module import ParameterError, RenderModuleException

VOXEL = np.array([50.0, 6.0, 4.0])  # z, y, x
PLACES = {
    "a/1": [AffineModel(B0=-13.5, B1=20)],
    "a 1": [
        AffineModel(M00=0.9, M01=0.2, M10=-0.1, M11=1.1, B0=40, B1=3),
        AffineModel(M00=1.01, B0=7.25),
    ],
}
LENS = Polynomial2DTransform(params=np.array([[3, 1, 0, 2e-4, 0, 0], [-2, 0, 1, 0, 0, 1e-4]]))


@pytest.fixture
def tiles(tmp_path):
    """Pixels of each tile by id and z."""
    generator = np.random.default_rng(5)
    return {
        (name, z): generator.integers(0, 60000, (37, 53), np.uint16)
        for name in PLACES
        for z in (2.0, 5.0)
    }


@pytest.fixture
def stack(render, tiles, tmp_path):
    """Function that makes a stack of the tiles, with further transforms put before theirs."""

    def make(name="turned", before=(), voxel=VOXEL, **settings):
        specs = []
        for number, ((tile_id, z), pixels) in enumerate(tiles.items()):
            path = tmp_path / f"{number}.tif"
            tifffile.imwrite(path, pixels)
            spec = TileSpec(
                tileId=f"{tile_id}.{z:g}",
                z=z,
                width=53,
                height=37,
                tforms=[*before, *PLACES[tile_id]],
                layout=Layout(sectionId=str(z)),
                minint=100,
                maxint=50000,
            )
            spec.ip[0] = MipMap(imageUrl=path_to_url(path), **settings)
            specs.append(spec)
        size = {f"stackResolution{a}": v for a, v in zip("ZYX", voxel, strict=True)}
        renderapi.stack.create_stack(name, force_resolution=False, render=render, **size)
        renderapi.resolvedtiles.put_tilespecs(name, tilespecs=specs, render=render)
        renderapi.stack.set_stack_state(name, "COMPLETE", render=render)
        return name

    return make


@pytest.fixture
def export(render, tmp_path):
    def call(stack, **options):
        parameters = {
            "render": {
                "host": render.DEFAULT_HOST,
                "owner": render.DEFAULT_OWNER,
                "project": render.DEFAULT_PROJECT,
            },
            "input_stack": stack,
            "output_scene": str(tmp_path / "out" / "scene.ome.zarr"),
            "chunk": [16, 16],
            "levels": 3,
            "pool_size": 1,
        } | options
        module = ExportScene(input_data=parameters, args=[])
        module.run()
        return zarr.open_group(parameters["output_scene"], mode="r"), module.result

    return call


def applied(transformation, points):
    """Points under a transformation, by the text of the specification."""
    kind = transformation["type"]
    if kind == "sequence":
        for part in transformation["transformations"]:
            points = applied(part, points)
        return points
    if kind == "scale":
        return points * np.array(transformation["scale"])
    if kind == "translation":
        return points + np.array(transformation["translation"])
    assert kind == "affine"
    rows = np.array(transformation["affine"])
    return points @ rows[:, :-1].T + rows[:, -1]


def world_of(group, place, level, indices):
    """Index of an array of a tile -> its system -> the world."""
    (multiscale,) = group[place["input"]["path"]].attrs["ome"]["multiscales"]
    assert [s["name"] for s in multiscale["coordinateSystems"]] == [place["input"]["name"]]
    dataset = multiscale["datasets"][level]
    (first,) = dataset["coordinateTransformations"]
    assert first["input"] == {"path": dataset["path"]}
    assert first["output"] == {"name": place["input"]["name"]}
    return applied(place, applied(first, np.asarray(indices, float)))


def test_every_pixel_lies_where_renderapi_puts_it(stack, export, tiles):
    group, result = export(stack())
    ome = group.attrs["ome"]
    assert ome["version"] == "0.6"
    (world,) = ome["scene"]["coordinateSystems"]
    assert [(a["name"], a["unit"]) for a in world["axes"]] == [(a, "nanometer") for a in "zyx"]
    places = ome["scene"]["coordinateTransformations"]
    assert {p["output"]["name"] for p in places} == {world["name"]}
    assert result["tiles"] == len(places) == 4
    seen = set()
    for place in places:
        marks = group[place["input"]["path"]].attrs["render"]
        tile_id, z = marks["tileId"].rsplit(".", 1)
        seen.add((tile_id, float(z)))
        pixels = np.array([[0, 0], [52, 36], [10.5, 20]])  # x, y
        expected = pixels
        for transform in PLACES[tile_id]:
            expected = transform.tform(expected)
        indices = np.column_stack([np.zeros(3), pixels[:, ::-1]])
        found = world_of(group, place, 0, indices) / VOXEL
        np.testing.assert_allclose(found[:, :0:-1], expected, atol=1e-9)
        np.testing.assert_allclose(found[:, 0], float(z))
        # the middle of a coarse voxel is the middle of the 4 x 4 voxels it is the mean of
        middle = world_of(group, place, 0, [[0, 5.5, 9.5]])
        np.testing.assert_allclose(world_of(group, place, 2, [[0, 1, 2]]), middle, atol=1e-9)
    assert seen == set(tiles)


def test_pixels_are_as_stored_and_levels_are_means(stack, export, tiles):
    group, _ = export(stack())
    for place in group.attrs["ome"]["scene"]["coordinateTransformations"]:
        image = group[place["input"]["path"]]
        tile_id, z = image.attrs["render"]["tileId"].rsplit(".", 1)
        pixels = tiles[tile_id, float(z)]
        for level in range(3):
            np.testing.assert_array_equal(image[str(level)][:], level_of(pixels[None], level))
        (channel,) = image.attrs["ome"]["omero"]["channels"]
        assert (channel["window"]["start"], channel["window"]["end"]) == (100.0, 50000.0)


def test_a_lens_is_refused_or_fitted_and_said(stack, export, tiles):
    name = stack("lens", [LENS])
    with pytest.raises(RenderModuleException, match=r"not affine.*give nonaffine fit"):
        export(name)
    group, result = export(name, nonaffine="fit")
    deviations = {t["tileId"]: t["greatest_deviation"] for t in result["fitted_tiles"]}
    assert len(deviations) == 4
    x, y = np.meshgrid(np.linspace(0, 52, 20), np.linspace(0, 36, 20))
    pixels = np.column_stack([x.ravel(), y.ravel()])
    for place in group.attrs["ome"]["scene"]["coordinateTransformations"]:
        marks = group[place["input"]["path"]].attrs["render"]
        expected = LENS.tform(pixels)
        for transform in PLACES[marks["tileId"].rsplit(".", 1)[0]]:
            expected = transform.tform(expected)
        indices = np.column_stack([np.zeros(len(pixels)), pixels[:, ::-1]])
        found = (world_of(group, place, 0, indices) / VOXEL)[:, :0:-1]
        off = np.linalg.norm(found - expected, axis=1).max()
        assert off <= deviations[marks["tileId"]] * 1.01 < 1


def test_unknown_sizes_have_no_unit(stack, export):
    group, result = export(stack("unknown", voxel=(None, None, None)))
    (world,) = group.attrs["ome"]["scene"]["coordinateSystems"]
    assert all("unit" not in axis for axis in world["axes"])
    assert result["voxel_nm_zyx"] == [None] * 3


def test_a_stopped_scene_goes_on(stack, export, tmp_path):
    name = stack()
    (tmp_path / "3.tif").rename(tmp_path / "aside")
    with pytest.raises(RenderModuleException, match=r"z=5: .*3\.tif"):
        export(name)
    assert not (tmp_path / "out" / "scene.ome.zarr").exists()
    (tmp_path / "aside").rename(tmp_path / "3.tif")
    _, result = export(name)
    assert (result["sections"], result["kept_sections"]) == (2, 1)
    with pytest.raises(RenderModuleException, match=r"scene\.ome\.zarr exists"):
        export(name)


def test_wrong_parameters_are_listed(export, tmp_path):
    with pytest.raises(ParameterError) as raised:
        export("turned", nonaffine="maybe", levels=0)
    assert len(raised.value.problems) == 2


def test_the_command_line(stack, tmp_path):
    command = [sys.executable, "-m", "renderapps.materialize.export_scene", "--pool_size", "1"]
    command += ["--render.store", str(tmp_path / "render.db"), "--render.owner", "test"]
    command += ["--render.project", "project", "--input_stack", stack("lens", [LENS])]
    command += ["--output_scene", str(tmp_path / "s.ome.zarr")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    done = subprocess.run([*command, "--nonaffine", "fit"], capture_output=True, check=False)
    assert done.returncode == 0
    assert (tmp_path / "s.ome.zarr" / "zarr.json").is_file()
