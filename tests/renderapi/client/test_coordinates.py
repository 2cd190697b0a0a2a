"""Points through the coordinate client: files in and out, and SWC folders."""

import json

import numpy as np
import pytest
from example_stacks import HEIGHT, WIDTH, make_example
from hypothesis import given
from hypothesis import strategies as st

import renderapi
from renderapi.client import call_run_ws_client, coordinateClient
from renderapi.client.programs.point_mapping import readable_points
from renderapi.errors import ClientScriptError

CORNERS = np.array(
    [[10, 10], [WIDTH - 10, 10], [WIDTH - 10, HEIGHT - 10], [10, HEIGHT - 10]], float
)
CLIENT = "org.janelia.render.client.CoordinateClient"


def mapped(render, tmp_path, points, z=3407, to_world=False, stack="example", **more):
    (tmp_path / "in.json").write_text(json.dumps(points))
    return coordinateClient(
        stack, z, str(tmp_path / "in.json"), str(tmp_path / "out.json"), localToWorld=to_world,
        render=render, **more,
    )  # fmt: skip


@pytest.mark.parametrize("threads", [1, 3])
def test_round_trips_of_corners_are_exact_to_a_tenth_of_a_pixel(render, example, tmp_path, threads):
    ids = [tile.tileId for tile in example[0] if tile.z == 3407]
    points = [
        [{"tileId": tile, "visible": False, "local": corner}]
        for tile in ids
        for corner in CORNERS.tolist()
    ]
    world = mapped(render, tmp_path, points, to_world=True, numberOfThreads=threads)
    assert [place["tileId"] for place in world] == [tile for tile in ids for _ in CORNERS]
    assert all(len(place["world"]) == 3 and place["world"][2] == 3407 for place in world)
    local = mapped(render, tmp_path, world, numberOfThreads=threads)
    for (entry,), places in zip(points, local, strict=True):
        (same,) = [place for place in places if place["tileId"] == entry["tileId"]]
        assert np.abs(np.array(same["local"][:2]) - entry["local"]).max() < 0.1


def test_the_client_and_the_service_agree(render, example, tmp_path):
    rng = np.random.default_rng(1)
    points = [{"world": p} for p in rng.uniform([0, 0], [5200, 4700], (700, 2)).tolist()]
    here = mapped(render, tmp_path, points)
    there = renderapi.coordinate.world_to_local_coordinates_batch(
        "example", points, 3407, render=render
    )
    for ours, theirs in zip(here, there, strict=True):
        if "error" in theirs[0]:
            assert len(ours) == 1
            assert "error" in ours[0]
        else:
            assert [place["tileId"] for place in ours] == [place["tileId"] for place in theirs]
            local = [[place["local"] for place in places] for places in (ours, theirs)]
            assert np.allclose(*local, rtol=0, atol=1e-9)


def test_few_and_many_points_take_ways_that_agree(render, example, tmp_path):
    rng = np.random.default_rng(2)
    points = [{"world": p} for p in rng.uniform([0, 0], [5200, 4700], (600, 2)).tolist()]
    many = mapped(render, tmp_path, points)
    few = [
        place for n in range(0, 600, 100) for place in mapped(render, tmp_path, points[n : n + 100])
    ]
    assert few == many


def test_the_last_tile_is_visible_and_one_alone_too(render, example, tmp_path):
    alone, shared = mapped(render, tmp_path, [{"world": [1500, 1500]}, {"world": [2600, 1500]}])
    assert [place["tileId"] for place in alone] == ["3407.0.0"]
    assert alone[0]["visible"] is True
    assert [place["tileId"] for place in shared] == ["3407.0.0", "3407.0.1"]
    assert ["visible" in place for place in shared] == [False, True]


def test_points_without_tile_are_errors_in_place(render, example, tmp_path):
    nowhere, good, wrong = mapped(
        render, tmp_path, [{"world": [-5, -5]}, {"world": [1500, 1500]}, {"world": [1]}]
    )
    assert list(nowhere[0]) == ["error"]
    assert "error" not in good[0]
    assert wrong[0]["world"] == [1]
    assert "both x and y" in wrong[0]["error"]


def test_each_point_may_have_a_z_of_its_own(render, example, tmp_path):
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "example"
    )
    points = [{"world": [1500, 1500, z]} for z in (3407, 3408, 1)] + [{"world": [1, 1]}]
    (tmp_path / "in.json").write_text(json.dumps(points))
    out = tmp_path / "out.json"
    call_run_ws_client(CLIENT, [*where, "--fromJson", tmp_path / "in.json", "--toJson", out])
    a, b, nowhere, wrong = json.loads(out.read_bytes())
    assert (a[0]["tileId"], b[0]["tileId"]) == ("3407.0.0", "3408.0.0")
    assert "no tile" in nowhere[0]["error"]
    assert "x, y, and z" in wrong[0]["error"]


def test_local_points_that_cannot_be_mapped_are_errors_in_place(render, example, tmp_path):
    points = [
        [{"tileId": "nowhere", "local": [1, 1]}],
        [{"local": [1, 1]}],
        [],
        [{"error": "it was not found"}],
        [{"tileId": "3407.0.0", "local": [1, 1]}],
        {"tileId": "3407.0.0", "local": [1, 1]},
    ]
    answers = mapped(render, tmp_path, points, to_world=True)
    assert ["error" in answer for answer in answers] == [True] * 4 + [False] * 2
    assert "nowhere" in answers[0]["error"]
    assert answers[3]["error"] == "it was not found"
    assert answers[4] == answers[5]


def test_the_visible_entry_counts(render, example, tmp_path):
    entry = {"tileId": "3407.0.1", "local": [1, 1]}
    other = {"tileId": "3407.0.0", "local": [1, 1]}
    (answer,) = mapped(render, tmp_path, [[other, {**entry, "visible": True}]], to_world=True)
    assert answer["tileId"] == "3407.0.1"


def moved_copy(render, dx):
    """A stack in which every tile of the example lies dx further right."""
    specs, shared = make_example(render, "moved", state="LOADING")
    for tile in specs:
        tile.tforms[-1].B0 += dx
    renderapi.resolvedtiles.put_tilespecs(
        "moved", tilespecs=specs, shared_transforms=[shared], render=render
    )
    renderapi.stack.set_stack_state("moved", "COMPLETE", render=render)


def test_points_pass_on_to_another_stack(render, example, tmp_path):
    moved_copy(render, 100)
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "example"
    )
    (tmp_path / "in.json").write_text(json.dumps([{"world": [1500, 1500]}]))
    out = tmp_path / "out.json"
    call_run_ws_client(
        CLIENT,
        [
            *where,
            "--z",
            "3407",
            "--toStack",
            "moved",
            "--fromJson",
            tmp_path / "in.json",
            "--toJson",
            out,
        ],
    )
    (answer,) = json.loads(out.read_bytes())
    assert answer["world"] == pytest.approx([1600, 1500, 3407], abs=1e-4)


def test_swc_files_are_mapped_in_nanometres(render, example, tmp_path):
    moved_copy(render, 100)
    (tmp_path / "in").mkdir()
    x, y, z = 1500 * 4.0, 1500 * 4.0, 3407 * 35.0
    (tmp_path / "in" / "cell.swc").write_text(
        f"# traced\n1 0 {x} {y} {z + 3} 10 -1\n2 0 -50 -50 {z} 10 1\n"
    )
    (tmp_path / "in" / "notes.txt").write_text("not a cell")
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "example"
    )
    folders = ["--fromSwcDirectory", tmp_path / "in", "--toSwcDirectory", tmp_path / "out"]
    call_run_ws_client(CLIENT, [*where, "--toStack", "moved", *folders])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["cell.swc"]
    comment, first, second = (tmp_path / "out" / "cell.swc").read_text().splitlines()
    assert comment == "# traced"
    words = first.split()
    assert words[:2] + words[5:] == ["1", "0", "10", "-1"]
    assert np.array(words[2:5], float) == pytest.approx([1600 * 4, 1500 * 4, z], abs=1e-3)
    assert second == "2 0 -999 -999 -999 10 1"
    with pytest.raises(ClientScriptError, match="SWC files need"):
        call_run_ws_client(CLIENT, [*where, *folders])


def test_files_are_required(render, example, tmp_path):
    with pytest.raises(ClientScriptError, match="fromJson and toJson"):
        coordinateClient("example", 1, render=render)
    with pytest.raises(ClientScriptError, match="cannot read JSON"):
        coordinateClient("example", 1, "/nowhere", str(tmp_path / "out"), render=render)


@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6) | st.integers(-9, 9), min_size=2, max_size=4), max_size=9
    ),
    st.sampled_from([[None, 1], ["1", 2], [1], [float("nan"), 0], None]),
)
def test_points_are_read_alike_with_and_without_a_broken_one(points, broken):
    elements = [{"local": point} for point in points]
    alone, rows, problems = readable_points(elements, "local", 2)
    assert (rows.tolist(), problems) == (list(range(len(points))), {})
    among, rows, problems = readable_points([{"local": broken}, *elements], "local", 2)
    assert np.array_equal(alone, among)
    assert rows.tolist() == list(range(1, len(points) + 1))
    assert list(problems) == [0]
