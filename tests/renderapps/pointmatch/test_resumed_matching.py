"""Point matching that was killed goes on where it was; the answer is that of one run."""

import json
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.matching import batches
from renderapps.module import RenderModuleException
from renderapps.pointmatch import generate_point_matches, pair_matching
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.pointmatch.generate_point_matches import GeneratePointMatches

PROGRESS = "pairs_test_matches.progress"


@pytest.fixture
def paired(acquisition, tmp_path):
    """Function like `acquisition` that also writes the tile pairs."""

    def make(*args, **options):
        acquired = acquisition(*args, **options)
        path = str(tmp_path / "pairs.json")
        CreateTilePairs(input_data=acquired.parameters | {"tilepair_output": path}, args=[]).run()
        return acquired

    return make


LIMIT = {"min_significance": 6}
"""Else all pairs depend on what unrelated pairs reach, hence on those that these are made of."""


def given(acquired, **options):
    return acquired.parameters | {
        "tilepair_file": str(acquired.folder / "pairs.json"),
        "matchCollection": "matches",
        "pool_size": 1,
        **options,
    }


def generate(acquired, **options):
    module = GeneratePointMatches(input_data=given(acquired, **options), args=[])
    try:
        module.run()
    finally:
        acquired.result = module.result
    return module.result


def killed(acquired, pairs, **options):
    """A run, in a process of its own, that is killed (SIGKILL) before it compares one more pair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        pair_matching.PIECE_SECONDS = 0.0
        left, way = [pairs], batches.match_pairs

        def match(*arguments):
            for outcome in way(*arguments):
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                yield outcome

        batches.match_pairs = match
        GeneratePointMatches(input_data=given(acquired, **options), args=[]).run()
    finally:
        os._exit(1)


@pytest.fixture
def compared(monkeypatch):
    """Tiles of the pairs that are compared from now on, an entry for each comparison."""
    calls, way = [], batches.match_pairs

    def match(*arguments):
        for outcome in way(*arguments):
            calls.append((outcome.pair.p_id, outcome.pair.q_id))
            yield outcome

    monkeypatch.setattr(batches, "match_pairs", match)
    return calls


def stored(acquired, collection="matches"):
    return renderapi.pointmatch.get_matches_with_group(collection, "1.0", render=acquired.render)


def without(result, *names):
    return {key: value for key, value in result.items() if key not in names}


def blank(acquired, tile):
    """Overwrite the image of a tile with noise."""
    noise = np.random.default_rng(0).normal(2000, 5, (120, 120)).astype(np.uint16)
    tifffile.imwrite(acquired.image(tile), noise)


@pytest.mark.parametrize("model", ["translation", pytest.param("affine", marks=pytest.mark.soak)])
def test_a_killed_run_is_gone_on_with_and_gives_the_same(paired, compared, model):
    acquired = paired(2, 3)
    blank(acquired, "z1_r1_c2")  # takes more than one look
    whole = generate(acquired, matchCollection="at_once", model=model)
    in_all = len(compared)
    assert whole["pairs_kept"] == 0 and in_all > 7
    progress = acquired.folder / PROGRESS
    assert killed(acquired, 7, model=model) == -signal.SIGKILL
    assert progress.exists()
    compared.clear()
    resumed = generate(acquired, model=model)
    assert len(compared) == in_all - 7
    different = ("pairs_kept", "matchCollection")
    assert without(resumed, *different) == without(whole, *different)
    assert stored(acquired) == stored(acquired, "at_once")
    assert not progress.exists()


def test_a_run_that_is_killed_again_and_again_comes_to_its_end(paired, compared):
    acquired = paired(2, 3)
    generate(acquired, matchCollection="at_once")
    in_all = len(compared)
    for _ in range(3):
        assert killed(acquired, 2) == -signal.SIGKILL
    compared.clear()
    result = generate(acquired)
    assert len(compared) == in_all - 6
    assert result["pairs_accepted"] == 7 == len(stored(acquired))


def test_a_run_killed_while_it_stores_has_nothing_left_to_match(paired, compared, monkeypatch):
    acquired = paired(2, 2)

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(generate_point_matches, "import_in_batches", die)
        assert killed(acquired, 99) == -signal.SIGKILL
    result = generate(acquired)
    assert not compared and result["pairs_kept"] == 4 == len(stored(acquired))


def test_pairs_that_could_not_be_tried_are_all_that_is_matched_next(paired, compared):
    acquired = paired(2, 3)
    image = acquired.image("z1_r0_c0")
    content = image.read_bytes()
    image.unlink()
    with pytest.raises(RenderModuleException, match="2 of 7 pairs could not be tried"):
        generate(acquired, **LIMIT)
    compared.clear()
    image.write_bytes(content)
    result = generate(acquired, **LIMIT)
    assert set(compared) == {("z1_r0_c0", "z1_r0_c1"), ("z1_r0_c0", "z1_r1_c0")}
    assert result["pairs_kept"] == 5
    assert result["pairs_accepted"] == 7 == len(stored(acquired))


def keep_all(acquired, **options):
    """Leave a progress file in which all seven pairs are but the two of one tile."""
    last = acquired.image("z1_r1_c2")
    content = last.read_bytes()
    last.unlink()
    with pytest.raises(RenderModuleException, match="could not be tried"):
        generate(acquired, **options)
    last.write_bytes(content)


def test_what_has_changed_is_matched_again(paired, compared):
    acquired = paired(2, 3)
    keep_all(acquired, **LIMIT)
    blank(acquired, "z1_r0_c0")  # another picture: its two pairs, besides the two that failed
    result = generate(acquired, **LIMIT)
    assert result["pairs_kept"] == 3 and result["pairs_accepted"] == 5

    keep_all(acquired, **LIMIT)
    (tile,) = (
        tile
        for tile in renderapi.tilespec.get_tile_specs_from_z(
            "acquired", 1.0, render=acquired.render
        )
        if tile.tileId == "z1_r0_c1"
    )
    # another place: its three pairs; so the blank one is looked for where others now tell it to be
    tile.tforms[-1].B0 += 1.0
    renderapi.stack.set_stack_state("acquired", "LOADING", render=acquired.render)
    renderapi.resolvedtiles.put_tilespecs("acquired", tilespecs=[tile], render=acquired.render)
    renderapi.stack.set_stack_state("acquired", "COMPLETE", render=acquired.render)
    compared.clear()
    assert generate(acquired, **LIMIT)["pairs_kept"] == 7 - 2 - 3 - 1

    keep_all(acquired, **LIMIT)  # other parameters: all of them
    compared.clear()
    assert generate(acquired, search_radius=11, **LIMIT)["pairs_kept"] == 0
    assert len(set(compared)) >= 7  # and those that a lost tile is tried with


@pytest.mark.soak
def test_other_limits_of_chance_are_other_parameters(paired, compared):
    acquired = paired(2, 3)
    keep_all(acquired)
    blank(acquired, "z1_r0_c0")  # one of those that unrelated pairs are made out of
    compared.clear()
    again = generate(acquired)
    whole = generate(acquired, matchCollection="at_once")
    assert again["chance_limits"] == whole["chance_limits"] != []
    different = ("pairs_kept", "pairs_emptied", "matchCollection")
    assert without(again, *different) == without(whole, *different)
    first = ["1.0", "z1_r0_c0", "1.0"]  # it had matches there before it was blank
    assert again["pairs_emptied"] == [[*first, "z1_r0_c1"], [*first, "z1_r1_c0"]]
    assert whole["pairs_emptied"] == []


def test_processes_keep_what_they_find_too(paired, compared):
    acquired = paired(2, 3)
    keep_all(acquired, pool_size=2, **LIMIT)
    assert not compared  # the processes are others
    assert generate(acquired, **LIMIT)["pairs_kept"] == 5
    assert len(set(compared)) == 2


def test_masks_that_are_not_used_are_told_by_the_next_run_too(paired):
    acquired = paired(2, 3)
    mask = acquired.folder / "mask.tif"
    tifffile.imwrite(mask, np.full((50, 50), 255, np.uint8))
    tiles = renderapi.tilespec.get_tile_specs_from_z("acquired", 1.0, render=acquired.render)
    (tile,) = (tile for tile in tiles if tile.tileId == "z1_r0_c0")
    tile.ip[0].maskUrl = mask.as_uri()
    renderapi.stack.set_stack_state("acquired", "LOADING", render=acquired.render)
    renderapi.resolvedtiles.put_tilespecs("acquired", tilespecs=[tile], render=acquired.render)
    renderapi.stack.set_stack_state("acquired", "COMPLETE", render=acquired.render)
    keep_all(acquired, **LIMIT)
    result = generate(acquired, **LIMIT)
    assert result["pairs_kept"] == 5
    assert [entry["tileId"] for entry in result["ignored_masks"]] == ["z1_r0_c0"]


def test_a_folder_that_nothing_can_be_kept_in_is_told_and_stops_nothing(paired):
    acquired = paired(1, 2)
    (acquired.folder / PROGRESS).mkdir()
    result = generate(acquired)
    assert result["pairs_accepted"] == 1
    assert "what is matched cannot be kept" in result["warnings"][0]


def test_bad_progress_files_are_refused_from_the_command_line(paired, tmp_path):
    acquired = paired(1, 2)
    notes = tmp_path / "notes.txt"
    notes.write_text("mine\n")
    for path, words in ((notes, "left as it is"), (notes / "below", "progress_file")):
        document = tmp_path / "input.json"
        document.write_text(json.dumps(given(acquired, progress_file=str(path))))
        command = [sys.executable, "-m", "renderapps", "run", "pointmatch.generate_point_matches"]
        done = subprocess.run(
            [*command, "--input_json", str(document)], capture_output=True, text=True, check=False
        )
        assert done.returncode in (1, 2) and words in done.stderr
        assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
        assert notes.read_text() == "mine\n"
