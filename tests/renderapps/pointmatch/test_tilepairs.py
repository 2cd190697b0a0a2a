"""Tile pairs around a section and across a break, and the functions that make them."""

import json

import pytest
from layered_stacks import put, run, tile

import renderapi
from renderapi.matching.tilepairs import read_tile_pairs
from renderapps.module import ParameterError, RenderModuleException
from renderapps.pointmatch import tilepairs
from renderapps.pointmatch.create_tilepairs_for_across_z_break import CreateTilePairsAcrossZBreak
from renderapps.pointmatch.create_tilepairs_for_single_z import CreateTilePairsForSingleZ

# rows of three tiles 40 px wide, 35 apart; those of odd sections lie 18 px further right
STEP, SHIFT = 35, 18


def section(z):
    tiles = [
        tile(f"{n}_{z:g}", z, STEP * i + SHIFT * (z % 2), section=f"s{z:g}", lens_id=None)
        for i, n in enumerate("abc")
    ]
    return tiles


def share(one, other):
    """Share of a tile that another covers, from their names."""

    def left(name):
        return STEP * "abc".index(name[0]) + SHIFT * (float(name[2:]) % 2)

    return max(0.0, 1 - abs(left(one) - left(other)) / 40)


ZS = (1.0, 2.0, 3.0, 5.0, 6.5)


def expected(plan, fraction=0.25):
    names = {z: [f"{n}_{z:g}" for n in "abc"] for z in ZS}
    return {
        frozenset((one, other))
        for z, others in plan.items()
        for second in others
        for one in names[z]
        for other in names[second]
        if share(one, other) > fraction
    }


@pytest.fixture
def stack(render):
    put(render, "row", [section(z) for z in ZS])
    return "row"


def found(path):
    pairs = read_tile_pairs(path).pairs
    assert all(pair.key[:2] < pair.key[2:] for pair in pairs)
    names = {frozenset((pair.p_id, pair.q_id)) for pair in pairs}
    assert len(names) == len(pairs)
    return names


def test_a_section_with_those_around_it(render, stack, tmp_path):
    path = tmp_path / "new" / "pairs.json"
    options = {"stack": stack, "z": 3, "dz": 2, "tilepair_output": str(path)}
    status, report = run(CreateTilePairsForSingleZ, render, **options)
    assert status == 0
    assert found(path) == expected({3.0: (1.0, 2.0, 5.0)})
    document = json.loads(path.read_text())
    assert document["renderParametersUrlTemplate"] == (
        "{baseDataUrl}/owner/test/project/project/stack/row/tile/{id}/render-parameters"
    )
    assert document["neighborPairs"][0] == {
        "p": {"groupId": "s1", "id": "a_1"},
        "q": {"groupId": "s3", "id": "a_3"},
        "absoluteDeltaZ": 2.0,
    }
    assert not tilepairs.TilePairFile().validate(document)
    assert (report["tiles"], report["sections"], report["tiles_without_pairs"]) == (3, 4, [])
    strict = options | {"overlap_frac": 0.99, "dz": 1}
    status, report = run(CreateTilePairsForSingleZ, render, **strict)
    assert status == 0 and report["pairs"] == 0
    assert report["tiles_without_pairs"] == ["a_3", "b_3", "c_3"]
    assert read_tile_pairs(path).pairs == []


def test_only_pairs_that_bridge_the_break(render, stack, tmp_path):
    path = tmp_path / "pairs.json"
    options = {"stack": stack, "z": 3, "dz": 3.5, "tilepair_output": str(path)}
    status, report = run(CreateTilePairsAcrossZBreak, render, **options)
    assert status == 0 and report["sections"] == 4  # z=1 reaches nothing beyond the break
    assert found(path) == expected({2.0: (5.0,), 3.0: (5.0, 6.5)})
    # the break may lie where no section is
    run(CreateTilePairsAcrossZBreak, render, **options | {"z": 4})
    assert found(path) == expected({2.0: (5.0,), 3.0: (5.0, 6.5)})


def test_what_is_appended_to_the_urls(render, stack, tmp_path):
    path = tmp_path / "pairs.json"
    options = {"stack": stack, "z": 3, "dz": 1, "tilepair_output": str(path)}
    for query, text in (
        ({"removeAllOption": True, "minIntensity": 0}, "?excludeAllTransforms=true&minIntensity=0"),
        ({"excludeAllTransforms": True, "maxIntensity": 9}, "?excludeAllTransforms=true&maxInt"),
        ({"removeAllOption": False}, ""),
    ):
        assert run(CreateTilePairsForSingleZ, render, **options, queryParameters=query)[0] == 0
        template = read_tile_pairs(path).template
        assert template.split("render-parameters")[1].startswith(text)
        assert bool(text) == ("?" in template)


def test_the_functions_give_what_the_modules_write(render, stack, tmp_path):
    path = tmp_path / "pairs.json"
    options = {"stack": stack, "z": 3, "dz": 2, "tilepair_output": str(path)}
    query = {"minIntensity": 3}
    run(CreateTilePairsForSingleZ, render, **options, queryParameters=query)
    made = tilepairs.create_tile_pair_for_single_z(render, stack, 3, 2, 0.1, 1, query)
    assert made == json.loads(path.read_text())
    run(CreateTilePairsAcrossZBreak, render, **options)
    made = tilepairs.create_tile_pair_across_z_break(render, stack, 3, 2, pool_size=1)
    assert made == json.loads(path.read_text())
    spec = renderapi.tilespec.get_tile_spec(stack, "b_3", render=render)
    pairs = tilepairs.find_tile_pairs_in_radius(render, stack, spec, 3, 1, 0.1)
    assert {pair["q"]["id"] for pair in pairs} == {
        other[0] for other in [(f"{n}_2",) for n in "abc"] if share("b_3", other[0]) > 0.25
    }
    assert all(pair["p"] == {"id": "b_3", "groupId": "s3"} for pair in pairs)


def test_the_box_of_a_tile_is_that_of_the_world():
    spec = tile("a", 1.0, 10, 20, section="s", lens_id=None)
    spec.tforms[0] = renderapi.transform.AffineModel(0, -2, 2, 0, 100, 0)  # a quarter turn, doubled
    polygon, width, height, x, y, p = tilepairs.define_box_and_geometry(spec, 0.5)
    assert p == {"id": "a", "groupId": "s"} and polygon.area == pytest.approx(4 * 40 * 30)
    assert (width, height, x, y) == pytest.approx((120, 160, 10, -40))


def test_bad_input(render, stack, tmp_path, capsys):
    path = tmp_path / "pairs.json"
    options = {"stack": stack, "z": 3, "tilepair_output": str(path)}
    for cls, wrong, message in (
        (CreateTilePairsForSingleZ, {"z": 4}, "no section at z=4; it has 5 sections"),
        (CreateTilePairsForSingleZ, {"z": 6.5, "dz": 1}, "no other section within 1"),
        (CreateTilePairsAcrossZBreak, {"z": 7}, "break after z=7"),
        (CreateTilePairsAcrossZBreak, {"stack": "none"}, "no stack none"),
    ):
        assert run(cls, render, **options | wrong)[0] == 1
        assert message in capsys.readouterr().err
    for wrong in ({"dz": 0}, {"overlap_frac": 1}, {"radius": -1}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            base = {"render": {"host": render.DEFAULT_HOST, "owner": "t", "project": "p"}}
            CreateTilePairsForSingleZ(input_data=base | options | wrong, args=[])
    assert not path.exists()
    with pytest.raises(RenderModuleException, match="has no width"):
        tilepairs.define_box_and_geometry({"tileId": "a", "z": 1.0}, 0.1)
