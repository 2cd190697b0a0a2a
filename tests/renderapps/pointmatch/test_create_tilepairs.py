"""create_tilepairs: the pairs of a stack, through the service."""

import json
import subprocess
import sys

import pytest

from renderapi.matching.tilepairs import read_tile_pairs
from renderapps.module import ParameterError, RenderModuleException, example_path
from renderapps.module.validation import load_example
from renderapps.pointmatch.create_tilepairs import CreateTilePairs, CreateTilePairsParameters


def create(acquired, **options):
    module = CreateTilePairs(input_data=acquired.parameters | options, args=[])
    module.run()
    return module.result


def test_a_montage_is_paired_side_by_side(acquisition, tmp_path):
    acquired = acquisition(2, 3, zs=(1.0, 2.0))
    path = tmp_path / "pairs.json"
    result = create(acquired, tilepair_output=str(path))
    assert result["pairs"] == 2 * (2 * 2 + 3)
    assert (result["tiles"], result["sections"]) == (12, 2)
    assert result["tiles_without_pairs"] == result["obscured_tiles"] == []
    document = json.loads(path.read_text())
    assert document["renderParametersUrlTemplate"] == (
        "{baseDataUrl}/owner/test/project/project/stack/acquired/tile/{id}/render-parameters"
    )
    assert document["neighborPairs"][:2] == [
        {
            "p": {"groupId": "1.0", "id": "z1_r0_c0", "relativePosition": "TOP"},
            "q": {"groupId": "1.0", "id": "z1_r1_c0", "relativePosition": "BOTTOM"},
        },
        {
            "p": {"groupId": "1.0", "id": "z1_r0_c0", "relativePosition": "LEFT"},
            "q": {"groupId": "1.0", "id": "z1_r0_c1", "relativePosition": "RIGHT"},
        },
    ]


def test_pairs_across_sections(acquisition, tmp_path):
    acquired = acquisition(1, 2, zs=(1.0, 2.0, 3.0))
    path = tmp_path / "pairs.json.gz"
    options = {"tilepair_output": str(path), "excludeCornerNeighbors": False}
    create(acquired, zNeighborDistance=1, excludeSameLayerNeighbors=True, **options)
    pairs = read_tile_pairs(path).pairs
    assert {(p.p_group, p.q_group, p.delta_z) for p in pairs} == {
        ("1.0", "2.0", 1.0),
        ("2.0", "3.0", 1.0),
    }
    assert ("z1_r0_c0", "z2_r0_c0") in {(p.p_id, p.q_id) for p in pairs}
    create(acquired, zNeighborDistance=2, **options)
    assert {p.delta_z for p in read_tile_pairs(path).pairs} == {None, 1.0, 2.0}


def test_sections_are_selected_and_files_numbered(acquisition, tmp_path):
    acquired = acquisition(2, 2, zs=(1.0, 2.0, 3.0))
    path = tmp_path / "pairs.json"
    result = create(
        acquired, tilepair_output=str(path), minZ=2, maxZ=3, maxPairsPerFile=3, baseStack="other"
    )
    assert result["tilepair_files"] == [str(tmp_path / f"pairs_p00{i}.json") for i in range(3)]
    found = read_tile_pairs(path)
    assert {p.p_group for p in found.pairs} == {"2.0", "3.0"}
    assert "/stack/other/" in found.template


def test_tiles_alone_and_tiles_under_others_are_told(acquisition, tmp_path):
    acquired = acquisition(1, 1, zs=(1.0, 2.0))
    path = tmp_path / "pairs.json"
    result = create(acquired, tilepair_output=str(path))
    assert result["tiles_without_pairs"] == ["z1_r0_c0", "z2_r0_c0"]
    assert result["pairs"] == 0 and read_tile_pairs(path).pairs == []


def test_a_missing_stack_is_named(acquisition, tmp_path):
    acquired = acquisition(1, 1)
    acquired.stack = "acquird"
    with pytest.raises(RenderModuleException, match="no stack acquird in project project"):
        create(acquired, tilepair_output=str(tmp_path / "pairs.json"))
    assert not (tmp_path / "pairs.json").exists()


def test_wrong_parameters_are_all_told(acquisition):
    acquired = acquisition(1, 1)
    with pytest.raises(ParameterError) as error:
        create(acquired, excludeSameLayerNeighbors=True, xyNeighborFactor=-1, minz=3)
    text = str(error.value)
    for name in ("tilepair_output", "xyNeighborFactor", "minz"):
        assert name in text
    with pytest.raises(ParameterError, match="leaves nothing"):
        create(acquired, excludeSameLayerNeighbors=True, tilepair_output="pairs.json")


def test_from_the_command_line(acquisition, tmp_path):
    acquired = acquisition(1, 2)
    render = acquired.parameters["render"]
    command = [sys.executable, "-m", "renderapps.pointmatch.create_tilepairs"]
    command += [f"--render.{name}={value}" for name, value in render.items()]
    command += ["--stack", "acquired", "--output_json", str(tmp_path / "out.json")]
    path = tmp_path / "new folder" / "pairs.json"
    done = subprocess.run(
        [*command, "--tilepair_output", str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert json.loads((tmp_path / "out.json").read_text())["pairs"] == 1
    assert len(read_tile_pairs(path).pairs) == 1
    wrong = subprocess.run(
        [*command, "--zNeighborDistance", "-2"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert "tilepair_output" in wrong.stderr and "zNeighborDistance" in wrong.stderr


def test_the_example_is_valid():
    example = json.loads(example_path("pointmatch.create_tilepairs").read_text())
    loaded, problems = load_example(CreateTilePairsParameters, example)
    assert problems == []
    assert loaded["stack"] == "acquired"
