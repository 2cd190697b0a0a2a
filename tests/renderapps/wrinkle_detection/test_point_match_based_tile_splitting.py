"""A folded tile split into pieces, with masks and matches of their own, on a live service."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from layered_stacks import run
from match_collections import stored
from stored_stacks import store

from renderapi.pointmatch import get_collection_metadata, import_matches, set_collection_metadata
from renderapi.resolvedtiles import get_resolved_tiles_from_z
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url, url_to_path
from renderapps.wrinkle_detection.point_match_based_tile_splitting import SplitTile

GIVEN = {"stack": "rough", "tileId": "fold", "matchCollection": "m"}
SIDE, BORDER = 200, 120.0
JUMP = np.array([35.0, -6.0])
LENS = AffineModel(M00=1.1, M11=1.1)
SECTIONS = {"below": 1.0, "fold": 2.0, "beside": 2.0, "above": 3.0}
OFF = {"below": 0.0, "above": 700.0}  # sections are not aligned to each other


def matched(name, rng, count=150, groups=None):
    """Matches of `fold` with a tile of another section, after the lens of both."""
    raw = rng.uniform(3, SIDE - 3, (count, 2))
    flat = raw + np.where(raw[:, :1] < BORDER, 0, JUMP)
    group = f"{SECTIONS[name]:.1f}"
    ends = (flat * 1.1).T.tolist(), (raw * 1.1).T.tolist()
    if name > "fold":
        ends = ends[::-1]
    sides = sorted([(group, name), ("2.0", "fold")])
    p, q = ends if sides[0][1] != "fold" else ((raw * 1.1).T.tolist(), (flat * 1.1).T.tolist())
    ids = dict(zip(("pGroupId", "pId", "qGroupId", "qId"), (*sides[0], *sides[1]), strict=True))
    return ids | {"matches": {"p": p, "q": q, "w": [1.0] * count}}


@pytest.fixture
def stack(render, tmp_path):
    """`fold` between two sections, and `beside` it; 8 bit images with two mipmap levels."""
    tiles = []
    for name, z in SECTIONS.items():
        levels = {}
        for level in (0, 1):
            path = tmp_path / "images" / f"{name}_{level}.tif"
            path.parent.mkdir(exist_ok=True)
            tifffile.imwrite(path, np.full((SIDE >> level,) * 2, 100, np.uint8))
            levels[str(level)] = {"imageUrl": path_to_url(path)}
        tile = {
            "tileId": name,
            "z": z,
            "width": SIDE,
            "height": SIDE,
            "layout": {"sectionId": f"{z:.1f}"},
            "mipmapLevels": levels,
        }
        spec = TileSpec(json=tile | {"transforms": {"type": "list", "specList": []}})
        spec.tforms = [LENS, AffineModel(B0=OFF.get(name, 0.0), B1=150.0 * (name == "beside"))]
        tiles.append(spec)
    store(render, "rough", tiles, [], resolution=(4, 4, 50))
    rng = np.random.default_rng(3)
    points = np.array([[10.0, 190], [60, 195], [150, 190], [190, 199]]) * 1.1
    side = {
        "pGroupId": "2.0", "pId": "beside", "qGroupId": "2.0", "qId": "fold",
        "matches": {"p": (points - [0, 150]).T.tolist(), "q": points.T.tolist(), "w": [1, 1, 2, 1]},
    }  # fmt: skip
    other = matched("below", rng, 3) | {"qId": "beside"}
    import_matches("m", [matched("below", rng), matched("above", rng), side, other], render=render)
    set_collection_metadata("m", {"local_transforms": 1}, render=render)
    return "rough"


def tiles_at(render, stack, z):
    found = get_resolved_tiles_from_z(stack, z, render=render)
    return {tile.tileId: tile for tile in found.tilespecs}


def test_the_pieces_have_masks_and_the_matches_that_lie_on_them(render, stack, tmp_path):
    folder = tmp_path / "masks"
    status, report = run(SplitTile, render, **GIVEN, mask_directory=str(folder))
    assert status == 0
    found = tiles_at(render, "rough_split", 2.0)
    assert sorted(found) == ["beside", "fold_piece0", "fold_piece1"]
    assert sorted(tiles_at(render, "rough_split", 1.0)) == ["below"]
    masks = {}
    for name in ("fold_piece0", "fold_piece1"):
        spec = found[name]
        assert [t.to_dict() for t in spec.tforms] == [
            t.to_dict() for t in tiles_at(render, "rough", 2.0)["fold"].tforms
        ]
        for level in (0, 1):
            entry = spec.ip[str(level)]
            assert entry.imageUrl.endswith(f"fold_{level}.tif")
            masks[name, level] = tifffile.imread(url_to_path(entry.maskUrl))
    whole = masks["fold_piece0", 0].astype(int) + masks["fold_piece1", 0]
    assert whole.shape == (SIDE, SIDE) and (whole == 255).all()
    assert masks["fold_piece0", 1].shape == (SIDE // 2, SIDE // 2)
    left = masks["fold_piece0", 0] == 255
    assert abs(np.median(left.sum(axis=1)) - BORDER) < 8 and left[:, :100].all()
    assert report["points_left_out"] == 0
    assert [piece["tileId"] for piece in report["pieces"]] == ["fold_piece0", "fold_piece1"]

    pairs = {(m["pId"], m["qId"]): m["matches"] for m in stored(render, "m_split")}
    assert sorted(pairs) == [
        ("below", "beside"),
        ("below", "fold_piece0"),
        ("below", "fold_piece1"),
        ("beside", "fold_piece0"),
        ("beside", "fold_piece1"),
        ("fold_piece0", "above"),
        ("fold_piece1", "above"),
    ]
    for (p, q), points in pairs.items():
        if "fold" not in p + q or "beside" in p + q:
            continue
        here, there = (points["p"], points["q"]) if "fold" in p else (points["q"], points["p"])
        raw = np.transpose(here) / 1.1
        assert ((raw[:, 0] < BORDER) == (p + q).__contains__("piece0")).all()
        jump = np.transpose(there) / 1.1 - raw
        expected = JUMP * (not (p + q).__contains__("piece0"))
        np.testing.assert_allclose(jump, np.broadcast_to(expected, jump.shape), atol=1e-6)
    first, second = (pairs["beside", f"fold_piece{k}"] for k in (0, 1))
    assert (first["w"], second["w"]) == ([1, 1], [2, 1])
    assert get_collection_metadata("m_split", render=render) == {"local_transforms": 1}
    assert sorted(tiles_at(render, "rough", 2.0)) == ["beside", "fold"]
    assert len(stored(render, "m")) == 4


def test_running_again_gives_the_same_and_masks_are_not_written_twice(render, stack, tmp_path):
    given = GIVEN | {"mask_directory": str(tmp_path / "masks")}
    assert run(SplitTile, render, **given)[0] == 0
    files = sorted(f.name for f in (tmp_path / "masks").iterdir())
    before = stored(render, "m_split")
    assert run(SplitTile, render, **given)[0] == 0
    assert sorted(f.name for f in (tmp_path / "masks").iterdir()) == files and len(files) == 4
    assert stored(render, "m_split") == before


def test_in_place_with_pairs_added(render, stack):
    given = GIVEN | {"in_place": True, "output_collection": "m"}
    assert run(SplitTile, render, **given)[0] == 0
    assert sorted(tiles_at(render, "rough", 2.0)) == ["beside", "fold_piece0", "fold_piece1"]
    assert sorted(tiles_at(render, "rough", 3.0)) == ["above"]
    assert len(stored(render, "m")) == 4 + 6


def test_a_mask_that_is_there_stays_in_force(render, stack, tmp_path):
    tile = tiles_at(render, "rough", 2.0)["fold"]
    for level in (0, 1):
        mask = np.full((SIDE >> level,) * 2, 255, np.uint8)
        mask[: 20 >> level] = 0
        path = tmp_path / f"own_{level}.tif"
        tifffile.imwrite(path, mask)
        tile.ip[str(level)].maskUrl = path_to_url(path)
    rest = [t for name, t in tiles_at(render, "rough", 2.0).items() if name != "fold"]
    others = [t for z in (1.0, 3.0) for t in tiles_at(render, "rough", z).values()]
    store(render, "masked", [tile, *rest, *others], [], resolution=(4, 4, 50))
    assert run(SplitTile, render, **GIVEN | {"stack": "masked"})[0] == 0
    for spec in tiles_at(render, "masked_split", 2.0).values():
        if spec.tileId != "beside":
            mask = tifffile.imread(url_to_path(spec.ip["0"].maskUrl))
            assert (mask[:20] == 0).all() and (mask[20:] == 255).any()


def test_a_tile_that_is_not_folded_is_not_split(render, stack, capsys):
    assert run(SplitTile, render, **GIVEN | {"tileId": "beside"})[0] == 1
    assert "tile beside is not split: none of its 3 matches" in capsys.readouterr().err
    assert run(SplitTile, render, **GIVEN, max_epsilon=40)[0] == 1
    assert "lie on one piece" in capsys.readouterr().err
    assert run(SplitTile, render, **GIVEN | {"tileId": "none"})[0] == 1
    assert "has no tile none" in capsys.readouterr().err


def test_from_the_command_line_and_bad_input(render, stack, tmp_path):
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"render": connection, "pool_size": 1} | GIVEN))
    module = "renderapps.wrinkle_detection.point_match_based_tile_splitting"

    def go(*flags):
        whole = [sys.executable, "-m", module, "--input_json", str(path), *flags]
        return subprocess.run(whole, capture_output=True, text=True)

    assert go("--output_stack", "out").returncode == 0
    assert len(tiles_at(render, "out", 2.0)) == 3
    missing = go("--matchCollection", "none")
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1
    assert go("--min_inliers", "1").returncode == 2
    assert go("--output_stack", "rough").returncode == 2
