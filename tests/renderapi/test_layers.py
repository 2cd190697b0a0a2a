"""Layers larger than one answer of a service are read in parts, and nothing of them is lost."""

import numpy as np
import pytest
from server_process import ServerProcess

import renderapi
from renderapi.errors import RequestError
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform
from renderapps.module.tile_documents import read_section
from renderapps.stack.set_stack_levels import SetStackLevels


@pytest.fixture
def served(tmp_path):
    """A service that answers with at most 30 tiles."""
    server = ServerProcess(tmp_path, "--max-tiles", "30")
    host = server.base.rpartition(":")[0]
    yield renderapi.connect(host=host, port=server.port, owner="o", project="p", client_scripts="")
    server.end()


def tiles_at(places, z):
    pyramid = ImagePyramid({"0": MipMap("file:///nowhere/a.png")})
    return [
        TileSpec(
            tileId=f"z{z:g}.{k:04d}",
            z=z,
            width=50,
            height=40,
            imagePyramid=pyramid,
            tforms=[ReferenceTransform(refId="lens"), AffineModel(B0=x, B1=y)],
        )
        for k, (x, y) in enumerate(places)
    ]


def store(render, stack, *layers):
    renderapi.stack.create_stack(stack, render=render)
    lens = AffineModel(transformId="lens")
    for tiles in layers:
        renderapi.resolvedtiles.put_tilespecs(
            stack, tilespecs=tiles, shared_transforms=[lens], render=render
        )
    renderapi.stack.set_stack_state(stack, "COMPLETE", render=render)


def test_every_reader_of_layers_gets_all_tiles(served):
    places = np.random.default_rng(2).integers(-2000, 2000, (137, 2))
    large, small = tiles_at(places.tolist(), 3.0), tiles_at([(0, 0)], 4.0)
    store(served, "s", large, small)
    ids = [tile.tileId for tile in large]
    resolved = renderapi.resolvedtiles.get_resolved_tiles_from_z("s", 3.0, render=served)
    assert [tile.tileId for tile in resolved.tilespecs] == ids
    assert [t.transformId for t in resolved.transforms] == ["lens"]
    flat = renderapi.tilespec.get_tile_specs_from_z("s", 3.0, render=served)
    assert [tile.tileId for tile in flat] == ids
    assert [(t.tforms[-1].B0, t.tforms[-1].B1) for t in flat] == [tuple(p) for p in places]
    every = renderapi.tilespec.get_tile_specs_from_stack("s", render=served)
    assert [tile.tileId for tile in every] == [*ids, "z4.0000"]
    section = read_section(served, "s", 3.0)
    assert section.tile_ids == ids
    assert list(section.transforms) == ["lens"]


def test_tiles_of_some_boxes_come_with_few_others(served):
    layers = [tiles_at([(45 * (k % 10), 35 * (k // 10)) for k in range(100)], z) for z in (2.0, 3)]
    store(served, "s", *layers)
    bounds = renderapi.stack.get_tilebounds_for_z("s", 3.0, render=served)
    wanted = {f"z3.{k:04d}" for k in (*range(20), 55, 56, *range(80, 100))}
    boxes = [
        tuple(tile[side] for side in ("minX", "minY", "maxX", "maxY"))
        for tile in bounds
        if tile["tileId"] in wanted
    ]
    for some, most in ((boxes, 100), (boxes[:20], 45), (boxes[20:22], 9)):
        found = renderapi.resolvedtiles.get_resolved_tiles_around("s", 3.0, some, render=served)
        ids = [tile.tileId for tile in found.tilespecs]
        here = {(tile.tforms[-1].B0, tile.tforms[-1].B1) for tile in found.tilespecs}
        assert len(set(ids)) == len(ids) <= most
        assert {(box[0], box[1]) for box in some} <= here
        assert [t.transformId for t in found.transforms] == ["lens"]
    none = renderapi.resolvedtiles.get_resolved_tiles_around("s", 3.0, [], render=served)
    assert none.tilespecs == []


def test_a_row_of_tiles_and_other_layers_beside_it(served):
    rows = [tiles_at([(25 * k, 0) for k in range(64)], z) for z in (1.0, 1.5)]
    store(served, "s", *rows)
    assert read_section(served, "s", 1.5).tile_ids == [tile.tileId for tile in rows[1]]


def test_tiles_that_no_cut_can_part_are_the_services_error(served):
    store(served, "s", tiles_at([(0, 0)] * 31, 1.0))
    with pytest.raises(RequestError, match="more than 30 tiles"):
        read_section(served, "s", 1.0)
    assert len(renderapi.tilespec.get_tile_specs_from_z("s", 1.0, render=served)) == 31


def test_a_module_works_on_them(served):
    tiles = tiles_at([(45 * (k % 10), 35 * (k // 10)) for k in range(90)], 3.0)
    store(served, "s", tiles)
    connection = {
        "host": served.DEFAULT_HOST, "port": served.DEFAULT_PORT, "owner": "o", "project": "p",
    }  # fmt: skip
    parameters = {"render": connection, "stack": "s", "maxIntensity": 77}
    SetStackLevels(input_data=parameters, args=[]).run()
    found = renderapi.tilespec.get_tile_specs_from_z("s", 3.0, render=served)
    assert [(tile.tileId, tile.maxint) for tile in found] == [(t.tileId, 77) for t in tiles]
