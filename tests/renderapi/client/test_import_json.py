"""Imports of tile specs, through every function there is for them."""

import gzip
import json
from pathlib import Path

import pytest
from example_stacks import lens, make_example, tiles

import renderapi
from renderapi.errors import ClientScriptError, RenderError
from renderapi.external.processpools.stdlib_pool import WithDummyMapPool, WithThreadPool
from renderapi.tilespec import TileSpec
from renderapi.utils import renderdumps

BOUNDS = {"minX": 149, "minY": 130, "minZ": 3407, "maxX": 5103, "maxY": 5386, "maxZ": 3408}


@pytest.fixture
def files(tmp_path):
    """Files of the tiles of each layer, and of the transforms."""
    shared, paths = lens(), []
    specs = tiles(shared)
    for z in (3407, 3408):
        paths.append(tmp_path / f"{z}.json")
        paths[-1].write_text(renderdumps([tile for tile in specs if tile.z == z]))
    (tmp_path / "transforms.json").write_text(renderdumps([shared]))
    return [str(path) for path in paths], str(tmp_path / "transforms.json")


@pytest.fixture
def stack(render):
    renderapi.stack.create_stack("imported", render=render)
    return "imported"


def state(render, stack):
    return renderapi.stack.get_full_stack_metadata(stack, render=render)["state"]


def bounds(render, stack):
    return renderapi.stack.get_stack_bounds(stack, render=render)


def test_files_are_imported_and_boxes_derived(render, stack, files):
    renderapi.client.import_jsonfiles(stack, files[0], files[1], render=render)
    assert state(render, stack) == "COMPLETE"
    assert bounds(render, stack) == BOUNDS
    assert len(renderapi.stack.get_stack_tileIds(stack, render=render)) == 8


@pytest.mark.parametrize("pool", [WithDummyMapPool, WithThreadPool, renderapi.client.WithPool])
def test_files_are_imported_in_any_pool(render, stack, files, pool):
    renderapi.client.import_jsonfiles_parallel(
        stack, files[0], poolsize=2, transformFile=files[1], mpPool=pool, render=render
    )
    assert bounds(render, stack) == BOUNDS


@pytest.mark.parametrize("pool", [WithDummyMapPool, renderapi.client.WithPool])
def test_each_file_may_have_transforms_of_its_own(render, stack, files, pool):
    renderapi.client.import_jsonfiles_and_transforms_parallel_by_z(
        stack, files[0], [files[1]] * 2, poolsize=2, mpPool=pool, render=render
    )
    assert bounds(render, stack) == BOUNDS
    with pytest.raises(RenderError, match="as many files"):
        renderapi.client.import_jsonfiles_and_transforms_parallel_by_z(
            stack, files[0], [], render=render
        )


def test_transforms_are_stored_verbatim(render, stack, files):
    renderapi.client.import_single_json_file(stack, files[0][0], files[1], render=render)
    assert state(render, stack) == "LOADING"
    expected = next(tile for tile in tiles(lens()) if tile.tileId == "3407.0.1").to_dict()
    stored = renderapi.tilespec.get_tile_spec_raw(stack, "3407.0.1", render=render).to_dict()
    assert stored == expected


def test_tile_specs_are_imported_without_leaving_files(render, stack, temporary):
    shared = lens()
    renderapi.client.import_tilespecs(stack, tiles(shared), [shared], render=render)
    assert len(renderapi.stack.get_z_values_for_stack(stack, render=render)) == 2
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("use_rest", [False, True])
def test_tile_specs_are_imported_in_groups(render, stack, use_rest):
    shared = lens()
    renderapi.client.import_tilespecs_parallel(
        stack, tiles(shared), [shared], poolsize=3, mpPool=WithDummyMapPool, use_rest=use_rest,
        max_tilespecs_per_group=1, render=render,
    )  # fmt: skip
    assert bounds(render, stack) == BOUNDS


@pytest.mark.parametrize("use_rest", [False, True])
@pytest.mark.parametrize("poolsize", [1, 2, 7])
def test_of_tiles_of_one_id_the_last_counts_and_generators_are_taken(
    render, stack, use_rest, poolsize
):
    """The same as `import_tilespecs`, however the tiles fall into groups."""
    shared = lens()
    first, *others = tiles(shared)
    again = [TileSpec(json=first.to_dict()) for _ in range(3)]
    for number, tile in enumerate(again):
        tile.maxint = 100 + number
    every = [*again[:2], first, *others, again[2]]
    renderapi.client.import_tilespecs_parallel(
        stack, (tile for tile in every), (t for t in [shared]), poolsize=poolsize,
        mpPool=WithDummyMapPool, use_rest=use_rest, render=render,
    )  # fmt: skip
    found = renderapi.tilespec.get_tile_spec_raw(stack, first.tileId, render=render)
    assert found.maxint == 102
    renderapi.stack.set_stack_state(stack, "LOADING", render=render)
    renderapi.client.import_tilespecs(
        stack, (tile for tile in [*again[:0:-1]]), (t for t in [shared]), use_rest=use_rest,
        render=render,
    )  # fmt: skip
    found = renderapi.tilespec.get_tile_spec_raw(stack, first.tileId, render=render)
    assert found.maxint == 101


def test_scripts_that_are_not_there_matter_only_to_java(render, stack):
    missing = {"client_script": "/nowhere/run_ws_client.sh", "mpPool": WithDummyMapPool}
    shared = lens()
    renderapi.client.import_tilespecs_parallel(
        stack, tiles(shared), [shared], use_rest=True, render=render, **missing
    )
    assert bounds(render, stack) == BOUNDS
    for action in (
        lambda: renderapi.client.import_tilespecs_parallel(stack, [], render=render, **missing),
        lambda: renderapi.client.import_jsonfiles(stack, [], render=render, **missing),
        lambda: renderapi.client.import_jsonfiles_parallel(stack, [], render=render, **missing),
    ):
        with pytest.raises(ClientScriptError, match="is not a file"):
            action()
        assert state(render, stack) == "COMPLETE"  # nothing was begun


def test_a_failed_import_leaves_the_stack_loading_and_no_files(render, temporary):
    specs, _ = make_example(render, "example")
    with pytest.raises(ClientScriptError, match=r"3407\.0\.0.*lens"):
        renderapi.client.import_tilespecs_parallel(
            "example", specs, poolsize=1, mpPool=WithDummyMapPool, render=render
        )
    assert state(render, "example") == "LOADING"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("mode", ["check_call", "check_output"])
def test_a_file_that_is_not_there_is_an_error(render, stack, files, mode):
    with pytest.raises(ClientScriptError, match="not found: /nowhere"):
        renderapi.client.import_jsonfiles(
            stack, [files[0][0], "/nowhere"], files[1], subprocess_mode=mode, render=render
        )
    assert renderapi.stack.get_z_values_for_stack(stack, render=render) == []


def test_a_stack_that_is_not_there_is_an_error(render, files):
    with pytest.raises(ClientScriptError):
        renderapi.client.importJsonClient("nowhere", files[0], files[1], render=render)


def test_empty_files_are_skipped_and_nameless_tiles_refused(render, stack, tmp_path):
    (tmp_path / "empty.json").write_text("[]")
    renderapi.client.importJsonClient(stack, str(tmp_path / "empty.json"), render=render)
    (tmp_path / "nameless.json").write_text(json.dumps([{"z": 1}]))
    with pytest.raises(ClientScriptError, match="tile 0 has no tileId"):
        renderapi.client.importJsonClient(stack, str(tmp_path / "nameless.json"), render=render)


def test_the_validating_import_drops_tiles_without_files(render, stack, tmp_path):
    shared = lens()
    specs = tiles(shared)
    for tile in specs[:2]:
        image = tmp_path / f"{tile.tileId}.tif"
        image.write_bytes(b"something")
        tile.imageUrl = image.as_uri()
    path, transforms = tmp_path / "t.json", tmp_path / "s.json"
    path.write_text(renderdumps(specs))
    transforms.write_text(renderdumps([shared]))
    renderapi.client.import_jsonfiles_validate_client(
        stack, [str(path)], transformFile=str(transforms), render=render
    )
    ids = renderapi.stack.get_stack_tileIds(stack, render=render)
    assert sorted(ids) == ["3407.0.0", "3407.0.1"]
    with pytest.raises(NotImplementedError):
        renderapi.client.import_jsonfiles_validate_client(stack, [], validator="x", render=render)


def test_packed_files_are_read(render, stack, files, tmp_path):
    packed = tmp_path / "3407.json.gz"
    packed.write_bytes(gzip.compress(Path(files[0][0]).read_bytes()))
    renderapi.client.importJsonClient(stack, str(packed), files[1], render=render)
    assert renderapi.stack.get_z_values_for_stack(stack, render=render) == [3407.0]


@pytest.mark.parametrize("name", ["local_to_world_array", "world_to_local_array"])
def test_functions_that_never_worked_say_what_to_use(name):
    with pytest.raises(NotImplementedError, match="use renderapi"):
        getattr(renderapi.client, name)("s", [], "t")
