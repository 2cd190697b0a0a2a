"""The solver as a module on a live service: montages and stacks whose truth is known."""

import json
import subprocess
import sys

import numpy as np
import pytest
from layered_matches import SIDE, Layers, turn

import renderapi
from renderapps.alignment.solve import Solve
from renderapps.module import RenderModuleException
from renderapps.module.errors import ParameterError


def arguments(render, **more):
    return {
        "render": {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"},
        "input_stack": "rough",
        "output_stack": "solved",
        "matchCollections": ["matches"],
        "pool_size": 1,
        **more,
    }


def run(render, **more):
    module = Solve(input_data=arguments(render, **more), args=[])
    module.run()
    return module.result


def moved_sections(seed, angle=2.5, shift=300.0):
    """An arbitrary rigid movement of each section of one tile; the first stays."""
    rng = np.random.default_rng(seed)
    kept = {}

    def section(z):
        if z not in kept:
            kept[z] = np.eye(3)
            if z:
                kept[z][:2, :2] = turn(rng.uniform(-angle, angle))
                middle = np.full(2, SIDE / 2)
                kept[z][:2, 2] = middle - kept[z][:2, :2] @ middle + rng.uniform(-shift, shift, 2)
        return kept[z]

    return section


def test_a_montage_of_affine_tiles_with_noise_and_wrong_links(render):
    rng = np.random.default_rng(3)
    layers = Layers([0], 5, 5, rng, noise=0.1)
    for name in layers.truth:
        layers.truth[name][:2, :2] += rng.normal(0, 0.003, (2, 2))
    layers.link_within(0, points=40)
    wrong = [layers.matches[k] for k in (8, 21, 33)]
    for k, match in enumerate(wrong):
        match["matches"]["p"] = (
            np.array(match["matches"]["p"]) + np.array([[9.0 + k], [-7.0]])
        ).tolist()
    layers.store(render)
    layers.store_matches(render)
    result = run(render, model="affine", html_report=None)
    errors = np.array(list(layers.errors(render, "solved").values()))
    assert np.median(errors) <= 0.3 and errors.max() <= 2
    rejected = {(pair["pId"], pair["qId"]) for pair in result["rejected"]}
    assert rejected == {(match["pId"], match["qId"]) for match in wrong}
    assert all("contradicts" in pair["reason"] for pair in result["rejected"])
    (section,) = result["sections"]
    assert len(section["tiles_by_id"]) == 25
    # 4 nm a pixel
    assert result["median_residual_nm"] == pytest.approx(4 * result["median_residual"], abs=0.01)
    truth = [np.sqrt(np.linalg.det(m[:2, :2])) for m in layers.truth.values()]
    mad = np.median(np.abs(truth - np.median(truth)))
    assert result["scale"]["mad"] == pytest.approx(mad, rel=0.25)


def test_rough_sections_find_their_places_however_they_are_turned(render):
    rng = np.random.default_rng(4)
    layers = Layers(range(8), 1, 1, rng, 0, moved_sections(1, np.pi, 40), 0.5)
    for low in range(8):
        for high in range(low + 1, min(low + 3, 8)):
            layers.link(f"z{low}r0c0", f"z{high}r0c0", 40)
    layers.store(render)
    layers.store_matches(render)
    result = run(render, preset="rough", fixed_zs=[0])
    errors = layers.errors(render, "solved", fixed="z0r0c0")
    assert len(errors) == 8
    assert np.median(list(errors.values())) <= 0.5 and max(errors.values()) <= 2
    assert result["connectivity"]["groups"] == 1
    tiles = renderapi.tilespec.get_tile_specs_from_stack("solved", render=render)
    for tile in tiles:  # rigid: nothing shrinks
        matrix = tile.tforms[-1].M[:2, :2]
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(2), atol=1e-9)


def stack_with_faults(seed=5):
    """Six sections of 2 x 3 tiles, each warped a little; z 2 is absent, z 4 torn off."""
    rng = np.random.default_rng(seed)

    def section(z):
        whole = np.eye(3)
        whole[:2, :2] += np.random.default_rng(z).normal(0, 0.004, (2, 2)) * (z > 0)
        whole[:2, 2] = np.random.default_rng(z).uniform(-6, 6, 2) * (z > 0)
        return whole

    layers = Layers([0, 1, 3, 4, 5, 6], 2, 3, rng, section=section, noise=0.1)
    layers.claim_truth(0)
    for z in (0, 1, 3, 4, 5, 6):
        layers.link_within(z)
    for low, high in ((0, 1), (1, 3), (3, 5), (5, 6)):
        layers.link_across(low, high)
    return layers


def test_fine_solve_of_a_stack_with_a_missing_and_a_torn_section(render):
    """z 4 has no matches across: it lies where its neighbours say, and that is told."""
    layers = stack_with_faults()
    layers.store(render)
    layers.store_matches(render)
    result = run(render, preset="fine", fixed_zs=[0], z_weights=[1.0, 1.0])
    connected = [name for name, z in layers.z_of.items() if z != 4]
    errors = layers.errors(render, "solved", only=connected)
    assert np.median(list(errors.values())) <= 0.3 and max(errors.values()) <= 2
    placed = {row["name"]: row["placed_by"] for row in result["placed_without_matches"]}
    assert set(placed) == set(layers.names(4))
    assert set(placed.values()) == {"matches; its group by the stage model"}
    assert any("hang together, but not with the others" in w
               for w in result["connectivity"]["warnings"])  # fmt: skip
    torn = layers.errors(render, "solved")
    assert max(torn[name] for name in layers.names(4)) < 25  # within what sections differ by
    assert len(renderapi.stack.get_stack_tileIds("solved", render=render)) == 36
    crossing = {
        tuple(g["z"]): g["pairs_across"] for g in result["connectivity"]["between_sections"]
    }
    assert crossing[3.0, 4.0] > 0 and crossing[1.0, 3.0] > 0


def test_wrong_links_across_sections_are_found(render):
    layers = stack_with_faults(6)
    layers.link_across(3, 4)
    layers.link_across(4, 5)
    across = [m for m in layers.matches if m["pGroupId"] != m["qGroupId"]]
    wrong = across[5::9]
    for match in wrong:
        match["matches"]["p"] = (
            np.array(match["matches"]["p"]) + np.array([[31.0], [-24.0]])
        ).tolist()
    layers.store(render)
    layers.store_matches(render)
    result = run(render, preset="fine", fixed_zs=[0], z_weights=[1, 1])
    assert {(p["pId"], p["qId"]) for p in result["rejected"]} == {
        (m["pId"], m["qId"]) for m in wrong
    }
    errors = list(layers.errors(render, "solved").values())
    assert np.median(errors) <= 0.3 and max(errors) <= 2


@pytest.mark.parametrize("preset", ["montage", "rough", "fine"])
def test_sections_without_any_matches_keep_their_places_and_that_is_told(render, preset):
    layers = Layers([0, 1], 1, 2, np.random.default_rng(0))
    layers.store(render)
    layers.store_matches(render)
    result = run(render, preset=preset)
    for tile in renderapi.tilespec.get_tile_specs_from_stack("solved", render=render):
        np.testing.assert_allclose(tile.tforms[-1].M[:2, 2], layers.claimed[tile.tileId])
    told = [*result["warnings"], *result.get("connectivity", {}).get("warnings", [])]
    assert any("no pair of tiles has matches" in text for text in told)


@pytest.mark.parametrize("preset", ["montage", "rough", "fine"])
def test_a_single_tile(render, preset):
    layers = Layers([0], 1, 1, np.random.default_rng(0))
    layers.store(render)
    layers.store_matches(render)
    result = run(render, preset=preset)
    assert result["sections"][0]["tiles"] == 1
    (tile,) = renderapi.tilespec.get_tile_specs_from_stack("solved", render=render)
    np.testing.assert_allclose(tile.tforms[-1].M, np.eye(3), atol=1e-9)


def test_two_disconnected_halves_of_a_stack(render):
    """Sections 0-2 and 3-5 hang together; the second half goes where the first leads."""
    layers = Layers(range(6), 1, 1, np.random.default_rng(1), 0, moved_sections(2, 0.5, 20))
    for low in (0, 1, 3, 4):
        layers.link(f"z{low}r0c0", f"z{low + 1}r0c0", 40)
    layers.store(render)
    layers.store_matches(render)
    result = run(render, preset="rough", fixed_zs=[0])
    first = [f"z{k}r0c0" for k in range(3)]
    second = [f"z{k}r0c0" for k in range(3, 6)]
    assert max(layers.errors(render, "solved", fixed=first[0], only=first).values()) < 0.01
    assert max(layers.errors(render, "solved", fixed=second[0], only=second).values()) < 0.01
    told = result["connectivity"]
    assert told["other_groups"] == [["z=3", "z=4", "z=5"]]
    assert "no match crosses from z=2 to z=3" in told["warnings"]
    assert {row["name"] for row in result["placed_without_matches"]} == {"z=3", "z=4", "z=5"}


def test_several_collections_count_by_their_weights(render):
    """One tile free between two statements, 0 and 10 px: it comes to lie at the weighted mean."""
    layers = Layers([0], 1, 2, np.random.default_rng(0), jitter=0)
    layers.link("z0r0c0", "z0r0c1")
    layers.store(render)
    layers.store_matches(render, "one")
    shifted = json.loads(json.dumps(layers.matches))
    for match in shifted:
        match["matches"]["p"][0] = [x + 10 for x in match["matches"]["p"][0]]
    layers.store_matches(render, "two", shifted)
    for weights, expected in (([1, 3], 7.5), ([4, 1], 2.0)):
        run(
            render, matchCollections=["one", "two"], collection_weights=weights, robust=False,
            fixed_tiles=["z0r0c0"], regularization_place=1e-12,
        )  # fmt: skip
        places = {
            t.tileId: t.tforms[-1].M[0, 2]
            for t in renderapi.tilespec.get_tile_specs_from_stack("solved", render=render)
        }
        moved = places["z0r0c1"] - layers.claimed["z0r0c1"][0]
        assert moved == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("model", ["polynomial2", "polynomial3", "thin_plate_spline"])
def test_bent_tiles_are_written_as_they_were_solved(render, model):
    """Right half of a tile's points says 6 px to the right, the left half nothing."""
    of_model = {"grid": 5} if model == "thin_plate_spline" else {}
    layers = Layers([0, 1], 1, 1, np.random.default_rng(0), jitter=0)
    grid = np.stack(np.meshgrid(np.linspace(0, SIDE - 1, 9), np.linspace(0, SIDE - 1, 9)), -1)
    q = grid.reshape(-1, 2)
    p = q + np.column_stack([6 * (q[:, 0] / (SIDE - 1)) ** 2, np.zeros(len(q))])
    layers.matches = [{
        "pGroupId": "0.0", "pId": "z0r0c0", "qGroupId": "1.0", "qId": "z1r0c0",
        "matches": {"p": p.T.tolist(), "q": q.T.tolist(), "w": [1.0] * len(q)},
    }]  # fmt: skip
    layers.store(render)
    layers.store_matches(render)
    run(render, preset="fine", model=model, **of_model, fixed_zs=[0], regularization=1e-9,
        regularization_bending=1e-9)  # fmt: skip
    (tile,) = renderapi.tilespec.get_tile_specs_from_z("solved", 1.0, render=render)
    points = q
    for transform in tile.tforms:
        points = transform.tform(points)
    limit = 1e-3 if model.startswith("poly") else 0.3
    assert np.abs(points - p).max() < limit


def test_a_report_alone_writes_no_stack_but_a_page(render, tmp_path):
    layers = stack_with_faults()
    layers.store(render)
    layers.store_matches(render)
    page = tmp_path / "report.html"
    result = run(render, preset="fine", dry_run=True, output_stack=None, html_report=str(page))
    assert result["connectivity"]["pairs"] == len(layers.matches)
    assert "solved" not in renderapi.render.get_stacks_by_owner_project(render=render)
    text = page.read_text()
    assert "hang together, but not with the others" in text
    assert "<script" not in text and "http" not in text


def test_fixed_sections_stay_and_running_twice_is_running_once(render):
    layers = stack_with_faults()
    layers.store(render)
    layers.store_matches(render)
    found = []
    for _ in range(2):
        run(render, preset="fine", fixed_zs=[0, 6], z_weights=[1, 1])
        tiles = renderapi.tilespec.get_tile_specs_from_stack("solved", render=render)
        found.append({t.tileId: t.tforms[-1].M for t in tiles})
    for name in (*layers.names(0), *layers.names(6)):
        np.testing.assert_allclose(found[0][name][:2, 2], layers.claimed[name], atol=1e-9)
    assert all((found[0][name] == found[1][name]).all() for name in found[0])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"preset": "montage", "z_weights": [1]}, "z_weights: is for the presets rough and fine"),
        ({"preset": "rough", "montage_weight": 2}, "montage_weight: is for the presets montage"),
        ({"preset": "fine", "grid": 5}, "grid: is for thin plate splines, the model is affine"),
        ({"model": "rigid", "grid": 4}, "grid: is for thin plate splines, the model is rigid"),
    ],
)
def test_what_would_have_no_effect_is_refused(render, given, told):
    with pytest.raises(ParameterError, match=told):
        Solve(input_data=arguments(render, **given), args=[])


def test_bad_input_is_named(render):
    bad = arguments(render, model="spline", collection_weights=[1, 2], minimum_tolerance=90)
    with pytest.raises(ParameterError) as caught:
        Solve(input_data=bad, args=[])
    assert all(word in str(caught.value) for word in ("model", "collection_weights", "above"))
    Layers([0], 1, 1, np.random.default_rng(0)).store(render)
    with pytest.raises(RenderModuleException, match="no match collection matches"):
        run(render)
    renderapi.pointmatch.set_collection_metadata("matches", {"local_transforms": 0}, render=render)
    with pytest.raises(RenderModuleException, match="fixed_tiles: stack rough has no tile other"):
        run(render, fixed_tiles=["other"])


def test_from_the_command_line(render, tmp_path):
    layers = Layers([0], 2, 2, np.random.default_rng(2))
    layers.link_within(0)
    layers.store(render)
    layers.store_matches(render)
    given, out = tmp_path / "in.json", tmp_path / "out.json"
    given.write_text(json.dumps(arguments(render)))
    command = [sys.executable, "-m", "renderapps.alignment.solve"]
    done = subprocess.run(
        [*command, "--input_json", given, "--model", "affine", "--output_json", out],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert max(layers.errors(render, "solved").values()) < 0.01
    assert json.loads(out.read_text())["sections"][0]["used_pairs"] == 4
    bad = subprocess.run([*command, "--preset", "x"], capture_output=True, text=True)
    assert bad.returncode == 2 and "Traceback" not in bad.stderr
