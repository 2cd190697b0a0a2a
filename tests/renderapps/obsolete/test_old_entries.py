"""Old names: the same results as their twins, or as the formula says."""

import json

import numpy as np
from laboratory_obsolete import acquired_project
from layered_stacks import lens, put, read, run, shared, tile, version

from renderapi.transform import AffineModel, ReferenceTransform, estimate_dstpts
from renderapps.obsolete.apply_alignment_from_render_stack import ApplyAlignmentFromRenderStack
from renderapps.obsolete.apply_ztransforms_to_render_stack import ApplyZTransforms
from renderapps.obsolete.create_acquiredff_fullstack import CreateAcquiredFFFullstack

STACKS = {"prealignedStack": "before", "postalignedStack": "after"}
STACKS |= {"inputStack": "source", "outputStack": "out"}
TURN = AffineModel(M00=0.0, M01=-1.0, M10=1.0, M11=0.0, B0=700.0, B1=50.0)
POINTS = np.array([[0.0, 0.0], [39.0, 0.0], [13.0, 29.0]])


def test_a_stack_follows_its_reference(render):
    put(render, "before", [[tile("A", 1.0)]])
    moved = tile("A", 1.0)
    moved.tforms = [*moved.tforms, TURN]
    put(render, "after", [[moved]])
    put(render, "source", [[tile("a", 1.0, 2, 1)]])
    status, _ = run(ApplyAlignmentFromRenderStack, render, **STACKS)
    assert status == 0
    found = estimate_dstpts(read(render, "out")["a"].tforms, POINTS)
    expected = TURN.tform(estimate_dstpts([lens(), AffineModel(B0=2, B1=1)], POINTS))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_all_tiles_of_a_section_refer_to_its_transform(render, tmp_path, capsys):
    put(render, "source", [[tile("a", 1.0, 2, 1), tile("b", 1.0, 9)], [tile("c", 2.5)]])
    made = []
    for z in (1.0, 2.5):
        move = AffineModel(B0=100 * z).to_dict()
        name = f"before_to_after_z_{z:.6f}_alignment"
        made.append({"id": name, "type": "list", "specList": [move]})
    path = tmp_path / f"test_{render.DEFAULT_PROJECT}_before_to_after_Transforms.json"
    path.write_text(json.dumps(made))
    given = STACKS | {"jsonDirectory": str(tmp_path)}
    assert run(ApplyZTransforms, render, **given)[0] == 0
    tiles = read(render, "out")
    names = ["before_to_after_z_1.000000_alignment", "before_to_after_z_2.500000_alignment"]
    for name, reference in (("a", names[0]), ("b", names[0]), ("c", names[1])):
        last = tiles[name].tforms[-1]
        assert isinstance(last, ReferenceTransform)
        assert last.refId == reference
        assert len(tiles[name].tforms) == 3
    assert names[0] in shared(render, "out", 1.0)
    assert tiles["c"].minX == 250
    path.write_text(json.dumps(made[:1]))
    assert run(ApplyZTransforms, render, **given)[0] == 1
    assert "has no transform before_to_after_z_2.500000_alignment" in capsys.readouterr().err
    assert len(read(render, "out")) == 3
    path.unlink()
    assert run(ApplyZTransforms, render, **given)[0] == 1
    assert "cannot be read as JSON" in capsys.readouterr().err


def test_stitched_tiles_of_statetables_are_uploaded_by_channel(render, tmp_path, capsys):
    acquired_project(tmp_path, ("DAPI_1", "GFP"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json")}
    given = {"rootDir": str(tmp_path), "firstStatetableNum": 1, "lastStatetableNum": 2}
    given |= {"outputStack": "full", "channels": ["DAPI_1", "GFP"], "updateZval": True}
    status, report = run(CreateAcquiredFFFullstack, render, **given)
    assert status == 0
    assert [stack["output_stack"] for stack in report["stacks"]] == ["full_DAPI_1", "full_GFP"]
    for channel in ("DAPI_1", "GFP"):
        tiles = read(render, f"full_{channel}")
        assert {name: tile.z for name, tile in tiles.items()} == {
            f"{channel}_1": 3.0,
            f"{channel}_2": 4.0,
        }
        assert tiles[f"{channel}_2"].minX == 7
        assert list(shared(render, f"full_{channel}", 3.0)) == ["lens_1"]
    assert version(render, "full_GFP")["cycleNumber"] == 1
    after = {path: path.read_bytes() for path in before}
    assert after == before
    only = given | {"outputStack": "one", "updateZval": False, "lastStatetableNum": 1}
    assert run(CreateAcquiredFFFullstack, render, **(only | {"channels": "GFP"}))[0] == 0
    assert {tile.z for tile in read(render, "one_GFP").values()} == {0.0}
    capsys.readouterr()
    assert run(CreateAcquiredFFFullstack, render, **(only | {"channels": ["RFP"]}))[0] == 1
    assert "no channel RFP; they have DAPI_1, GFP, OTHER" in capsys.readouterr().err
    assert run(CreateAcquiredFFFullstack, render, **(only | {"lastStatetableNum": 0}))[0] == 2
    assert run(CreateAcquiredFFFullstack, render, **(only | {"lastStatetableNum": 3}))[0] == 1
    assert "statetable_0003" in capsys.readouterr().err
