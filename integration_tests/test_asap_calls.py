"""The calls that asap-modules makes of `renderapi`, as it makes them, against a service.

asap-modules is in no package index; these are its uses of the interface: a connection with client
scripts, imports with and without REST, resolved tiles, matches there and back, reports through the
encoder, tile pairs, images of sections, and transforms fitted and applied.
"""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

import renderapi
from renderapi.client import scripts
from renderapi.external.processpools.stdlib_pool import WithThreadPool

SHIFT = 90.0


@pytest.fixture
def client(connection, tmp_path, monkeypatch):
    """A connection made as asap-modules makes it: all names, client scripts, memory."""
    given = {**connection, "client_scripts": str(scripts.directory()), "memGB": "2G"}
    return renderapi.connect(**given)


@pytest.fixture
def tiles(tmp_path):
    """Two sections of two tiles that overlap, with real image files."""
    from PIL import Image

    rng = np.random.default_rng(0)
    specs = []
    for z in (1.0, 2.0):
        scene = rng.integers(40, 200, (100, 200), dtype=np.uint8)
        for column in range(2):
            path = tmp_path / f"{z:g}_{column}.png"
            left = int(SHIFT) * column
            Image.fromarray(scene[:, left : left + 100]).save(path)
            specs.append(
                renderapi.tilespec.TileSpec(
                    tileId=f"{z:g}_{column}", z=z, width=100, height=100, minint=0, maxint=255,
                    imageUrl=path.as_uri(), frameId=None,
                    layout=renderapi.tilespec.Layout(sectionId=str(z), imageRow=0, imageCol=column),
                    tforms=[renderapi.transform.AffineModel(B0=SHIFT * column)],
                )
            )  # fmt: skip
    return specs


@pytest.fixture
def stack(client, tiles):
    """The tiles in a COMPLETE stack, imported as the modules import."""
    renderapi.stack.create_stack(
        "acquired", cycleNumber=1, cycleStepNumber=1, stackResolutionX=4.0, stackResolutionY=4.0,
        stackResolutionZ=40.0, render=client,
    )  # fmt: skip
    renderapi.client.import_tilespecs_parallel(
        "acquired", tiles, poolsize=2, mpPool=WithThreadPool, close_stack=True, use_rest=True,
        render=client,
    )  # fmt: skip
    return "acquired"


def test_imports_and_reads(client, stack, tiles):
    assert renderapi.stack.get_z_values_for_stack(stack, render=client) == [1.0, 2.0]
    read = client.run(renderapi.tilespec.get_tile_specs_from_z, stack, 1)
    assert [tile.tileId for tile in read] == ["1_0", "1_1"]
    assert read[1].bbox == (SHIFT, 0.0, SHIFT + 100, 100.0)
    assert renderapi.tilespec.get_tile_spec(stack, "absent", render=client) is None
    # a module keeps what it read, changes a transform and writes another stack, without REST
    moved = [renderapi.tilespec.TileSpec(json=tile.to_dict()) for tile in read]
    for tile in moved:
        tile.tforms = [*tile.tforms, renderapi.transform.AffineModel(B1=5.0)]
    renderapi.stack.create_stack("moved", render=client)
    renderapi.client.import_tilespecs("moved", moved, use_rest=False, render=client)
    renderapi.stack.set_stack_state("moved", "COMPLETE", render=client)
    assert renderapi.stack.get_stack_bounds("moved", render=client)["minY"] == 5.0


def test_resolved_tiles(client, stack):
    shared = renderapi.transform.AffineModel(B1=7.0, transformId="shared")
    resolved = renderapi.resolvedtiles.get_resolved_tiles_from_z(stack, 2.0, render=client)
    for tile in resolved.tilespecs:
        tile.tforms.insert(0, renderapi.transform.ReferenceTransform(refId="shared"))
    renderapi.stack.create_stack("shared", render=client)
    renderapi.resolvedtiles.put_tilespecs(
        "shared", renderapi.resolvedtiles.ResolvedTiles(resolved.tilespecs, [shared]),
        deriveData=True, render=client,
    )  # fmt: skip
    again = renderapi.resolvedtiles.get_resolved_tiles_from_z("shared", 2.0, render=client)
    assert again.transforms == [shared]
    assert {tile.minY for tile in again.tilespecs} == {7.0}


def test_matches_there_and_back(client, collection):
    document = {
        "pGroupId": "1.0", "pId": "1_0", "qGroupId": "1.0", "qId": "1_1",
        "matches": {"p": [[91.0, 95.0, 99.0], [1.0, 50.0, 9.0]],
                    "q": [[1.0, 5.0, 9.0], [1.0, 50.0, 9.0]], "w": [1.0, 0.5, 1.0]},
    }  # fmt: skip
    renderapi.pointmatch.import_matches(collection, [document], render=client)
    get = partial(renderapi.pointmatch.get_matches_within_group, collection, render=client)
    (stored,) = get("1.0")
    assert stored["matches"] == document["matches"]
    assert renderapi.pointmatch.get_match_groupIds(collection, render=client) == ["1.0"]
    # an owner of collections has no project
    bare = renderapi.connect(**{**_defaults(client), "project": ""})
    assert renderapi.pointmatch.get_match_groupIds(collection, render=bare) == ["1.0"]
    p, q = (np.array(stored["matches"][side]).T for side in ("p", "q"))
    model = renderapi.transform.AffineModel()
    model.estimate(q, p)
    np.testing.assert_allclose(model.tform(q), p, atol=1e-9)
    np.testing.assert_allclose(model.translation, (90.0, 0.0), atol=1e-9)


def _defaults(client):
    keywords = client.DEFAULT_KWARGS
    return {name: keywords[name] for name in ("host", "port", "owner")}


def test_reports_hold_arrays(tmp_path):
    centroids = np.arange(6.0).reshape(3, 2)
    report = {"seam_centroids": centroids, "count": np.int64(3), "gaps": [np.zeros(2)]}
    path = tmp_path / "report.json"
    with path.open("w") as file:
        json.dump(report, file, cls=renderapi.utils.RenderEncoder)
    expected = {"seam_centroids": centroids.tolist(), "count": 3, "gaps": [[0.0, 0.0]]}
    assert json.loads(path.read_text()) == expected
    with path.open("w") as file:
        renderapi.utils.renderdump(report, file, indent=4)
    assert json.loads(path.read_text()) == expected


def test_tile_pairs_and_images(client, stack, tmp_path):
    pairs = renderapi.client.tilePairClient(
        stack, 1, 1, outjson="pairs.json", cwd=str(tmp_path), xyNeighborFactor=0.9,
        excludeSameLayerNeighbors=False, render=client,
    )  # fmt: skip
    assert [(p["p"]["id"], p["q"]["id"]) for p in pairs["neighborPairs"]] == [("1_0", "1_1")]
    image = renderapi.image.get_section_image(stack, 1.0, scale=0.5, render=client)
    assert image.shape[:2] == (50, 95)
    with pytest.raises((OSError, renderapi.errors.RenderError)):
        renderapi.image.get_section_image("absent", 1.0, render=client)


def test_loggers_that_scripts_quieten():
    for module in (renderapi.client.client, renderapi.stack, renderapi.image, renderapi.pointmatch):
        renderapi.utils.stripLogger(module.logger)
        module.logger.setLevel("WARNING")
        module.logger.setLevel("NOTSET")
