"""Point matches of pictures that are known: URLs, tile pair files, and what is stored."""

import json

import numpy as np
import pytest
from picture_stacks import HEIGHT, WIDTH, make_picture_stack, texture, true_shift

import renderapi
from renderapi.client import (
    SiftPointMatchOptions,
    call_run_ws_client,
    get_canvas_url_template,
    pointMatchClient,
    tilePairClient,
)
from renderapi.client.json_files import read_json
from renderapi.client.programs import canvases
from renderapi.errors import ClientScriptError, NotFoundError

CLIENT = "org.janelia.render.client.PointMatchClient"
SPARK = "org.janelia.render.client.spark.SIFTPointMatchClient"
PAIR = ("1.0.0", "1.0.1")


@pytest.fixture
def stack(render, tmp_path):
    make_picture_stack(render, tmp_path, "pictures", {1: texture(1), 2: texture(1)})
    return "pictures"


def collection(render, name="C", owner="test"):
    base = f"{render.DEFAULT_HOST}/render-ws/v1"
    return ["--baseDataUrl", base, "--owner", owner, "--collection", name]


def urls(render, stack, *tiles):
    template = get_canvas_url_template(stack, excludeAllTransforms=True, render=render)
    return [template.replace("{}", tile) for tile in tiles]


def stored(render, name="C", group="1.0"):
    return renderapi.pointmatch.get_matches_with_group(name, group, render=render)


def points(match):
    return (np.array(match["matches"][side]).T for side in "pq")


def assert_right(match, tolerance=0.5):
    p, q = points(match)
    error = np.abs(q - p - true_shift(match["pId"], match["qId"]))
    assert np.median(error) < tolerance
    assert error.max() < 4 * tolerance


def test_matches_are_stored_in_full_scale_pixels(render, stack, tmp_path):
    pointMatchClient(
        stack, "C", [PAIR, ("1.0.0", "1.1.0")], debugDirectory=str(tmp_path / "debug"),
        excludeAllTransforms=True, sift_options=SiftPointMatchOptions(renderScale=0.9),
        render=render,
    )  # fmt: skip
    right, below = stored(render)
    assert (right["pId"], right["qId"], below["qId"]) == (*PAIR, "1.1.0")
    assert right["qGroupId"] == "1.0"
    for match in (right, below):
        assert match["matchCount"] == len(match["matches"]["w"]) >= 10
        assert_right(match)
    names = sorted(path.name for path in (tmp_path / "debug").iterdir())
    assert names == ["1.0.0.jpg", "1.0.1.jpg", "1.1.0.jpg"]


def test_matches_are_found_without_an_epsilon_at_a_small_scale(render, stack):
    options = SiftPointMatchOptions(renderScale=0.5, SIFTmaxScale=1.0)
    pointMatchClient(
        stack, "C", [PAIR], sift_options=options, excludeAllTransforms=True, render=render
    )
    assert len(stored(render)) == 1


def test_two_stacks_are_matched_and_stored_elsewhere(render, stack, tmp_path):
    make_picture_stack(render, tmp_path, "others", {1: texture(1)})
    elsewhere = renderapi.connect(
        host="local", store=tmp_path / "matches.db", owner="somebody", project="p"
    )
    pointMatchClient(
        stack, "C", [("2.0.0", "1.0.0")], stack2="others", excludeAllTransforms=True,
        pointMatchRender=elsewhere, render=render,
    )  # fmt: skip
    (match,) = stored(elsewhere)
    assert (match["pId"], match["qId"]) == ("1.0.0", "2.0.0")
    assert_right(match)
    with pytest.raises(NotFoundError):
        stored(render)


def test_unrelated_pictures_have_no_matches(render, tmp_path):
    worlds = {1: {"DAPI": texture(1), "TdTomato": texture(2)}}
    make_picture_stack(render, tmp_path, "s", worlds, ("DAPI", "TdTomato"), section=False)
    make_picture_stack(render, tmp_path, "r", worlds, ("TdTomato", "DAPI"), section=False)
    common = {"excludeAllTransforms": True, "render": render}
    pointMatchClient("s", "same", [PAIR], stackChannels="DAPI", **common)
    (match,) = stored(render, "same", "same")  # tiles without section: the collection is the group
    assert_right(match)
    pointMatchClient(
        "s", "unlike", [("1.0.0", "1.0.0")], stack2="r", stackChannels="DAPI",
        stack2Channels="TdTomato", **common,
    )  # fmt: skip
    pointMatchClient("s", "unlike", [PAIR], stack2="r", **common)
    with pytest.raises(NotFoundError):
        stored(render, "unlike", "unlike")


def test_results_do_not_depend_on_threads_or_repetition(render, stack, tmp_path):
    words = urls(render, stack, *PAIR, "1.0.0", "1.1.0", "1.0.1", "1.1.1")
    files = []
    for threads in (1, 3, 3):
        files.append(tmp_path / f"{len(files)}.json.gz")
        more = ["--matchStorageFile", files[-1], "--numberOfThreads", threads]
        call_run_ws_client(CLIENT, [*collection(render), *more, *words])
    assert files[0].read_bytes() == files[1].read_bytes() == files[2].read_bytes()
    documents = read_json(files[0])
    assert documents
    for document in documents:
        assert document["matchCount"] == len(document["matches"]["w"]) > 0
    with pytest.raises(NotFoundError):
        stored(render)


def saved(render, tmp_path, words, *more):
    out = tmp_path / "matches.json"
    call_run_ws_client(CLIENT, [*collection(render), "--matchStorageFile", out, *more, *words])
    return json.loads(out.read_bytes())


@pytest.mark.parametrize("model", ["TRANSLATION", "RIGID", "SIMILARITY", "AFFINE"])
def test_every_model_finds_them(render, stack, tmp_path, model):
    (match,) = saved(render, tmp_path, urls(render, stack, *PAIR), "--matchModelType", model)
    assert_right(match)


def test_an_interpolated_model_finds_them(render, stack, tmp_path):
    more = ["--matchRegularizerModelType", "RIGID", "--matchInterpolatedModelLambda", "0.1"]
    (match,) = saved(render, tmp_path, urls(render, stack, *PAIR), *more)
    assert_right(match)
    with pytest.raises(ClientScriptError, match="together"):
        saved(render, tmp_path, urls(render, stack, *PAIR), *more[:2])


def test_numbers_of_matches_are_bounded(render, stack, tmp_path):
    words = urls(render, stack, *PAIR)
    (match,) = saved(render, tmp_path, words, "--matchMaxNumInliers", "7")
    assert len(match["matches"]["w"]) == 7
    assert_right(match)
    assert saved(render, tmp_path, words, "--matchMinNumInliers", "100000") == []
    assert saved(render, tmp_path, words, "--matchMinInlierRatio", "0.999") == []
    (every,) = saved(render, tmp_path, words, "--matchFilter", "NONE")
    assert len(every["matches"]["w"]) > 20


def test_enough_of_the_overlap_must_be_covered(render, stack, tmp_path):
    words = urls(render, stack, *PAIR)
    assert saved(render, tmp_path, words, "--matchMinCoveragePercentage", "90")
    narrow = ["--matchMinCoveragePercentage", "90", "--matchFullScaleCoverageRadius", "2"]
    assert saved(render, tmp_path, words, *narrow) == []


def test_sets_that_move_differently_are_told_apart(render, tmp_path):
    world, moved = texture(1), texture(1)
    moved[:, 300:] = np.roll(world, 9, axis=0)[:, 300:]
    make_picture_stack(render, tmp_path, "s", {1: world, 2: moved})
    words = urls(render, "s", "1.0.1", "2.0.1")
    more = ["--matchModelType", "TRANSLATION", "--matchMaxEpsilon", "2"]
    sets = saved(render, tmp_path, words, *more, "--matchFilter", "CONSENSUS_SETS")
    numbers = [document["consensusSetData"]["index"] for document in sets]
    assert numbers == list(range(len(sets)))
    assert sets[0]["pId"] == "1.0.1_set_1.0_2.0_0"
    assert sets[0]["consensusSetData"]["originalQId"] == "2.0.1"
    shifts = [np.median(np.subtract(*points(document))[:, 1]) for document in sets[:2]]
    assert sorted(abs(round(shift)) for shift in shifts) == [0, 9]
    sizes = [len(document["matches"]["w"]) for document in sets]
    assert sizes == sorted(sizes, reverse=True)
    more += ["--matchFilter", "AGGREGATED_CONSENSUS_SETS"]
    (together,) = saved(render, tmp_path, words, *more)
    assert together["pId"] == "1.0.1"
    assert len(together["matches"]["w"]) == sum(sizes)


@pytest.mark.parametrize(
    ("position", "q"), [("LEFT", "1.0.1"), ("TOP", "1.1.0")], ids=["left", "top"]
)
def test_clipped_canvases_give_coordinates_of_the_whole(render, stack, tmp_path, position, q):
    clip = ["--clipWidth", "100", "--clipHeight", "90", "--SIFTmaxScale", "1.0"]
    words = urls(render, stack, "1.0.0", q)
    (match,) = saved(render, tmp_path, words, *clip, "--firstCanvasPosition", position)
    assert_right(match)
    p, _ = points(match)
    assert p[:, 0 if position == "LEFT" else 1].min() >= (
        WIDTH - 100 if position == "LEFT" else HEIGHT - 90
    )
    with pytest.raises(ClientScriptError, match="firstCanvasPosition"):
        saved(render, tmp_path, words, *clip)


def test_names_follow_the_algorithms(render, stack, tmp_path):
    words = urls(render, stack, *PAIR)
    algorithms = ["--canvasGroupIdAlgorithm", "FIRST_TILE_Z", "--canvasIdAlgorithm", "CANVAS_NAME"]
    (match,) = saved(render, tmp_path, words, *algorithms)
    assert (match["pGroupId"], match["pId"], match["qId"]) == ("1.0", "c_00000", "c_00001")


def test_urls_must_come_in_pairs(render, stack, tmp_path):
    with pytest.raises(ClientScriptError, match="in pairs"):
        saved(render, tmp_path, urls(render, stack, "1.0.0"))


def pair_file(render, stack, tmp_path):
    path = tmp_path / "pairs.json"
    tilePairClient(stack, 1, 2, str(path), zNeighborDistance=1, render=render)
    return path


def test_pairs_of_a_file_are_matched(render, stack, tmp_path):
    pairs = pair_file(render, stack, tmp_path)
    call_run_ws_client(SPARK, [*collection(render), "--pairJson", pairs, "--SIFTmaxScale", "1.0"])
    matches = stored(render) + stored(render, group="2.0")
    listed = json.loads(pairs.read_bytes())["neighborPairs"]
    assert {(m["pId"], m["qId"]) for m in matches} <= {
        (pair["p"]["id"], pair["q"]["id"]) for pair in listed
    }
    assert len(matches) >= 14  # the overlap of two strips in a row across layers is small
    for match in matches:
        assert_right(match)


def test_features_are_kept_from_run_to_run(render, stack, tmp_path):
    pairs = pair_file(render, stack, tmp_path)
    words = [*collection(render), "--pairJson", pairs]
    keep = ["--rootFeatureDirectory", tmp_path / "features"]
    with pytest.raises(ClientScriptError, match="no features of"):
        call_run_ws_client(SPARK, [*words, *keep, "--requireStoredFeatures"])
    call_run_ws_client(SPARK, [*words, *keep])
    first = stored(render)
    assert len(list((tmp_path / "features").glob("*/*.npz"))) == 8
    renderapi.pointmatch.delete_collection("C", render=render)
    call_run_ws_client(SPARK, [*words, *keep, "--requireStoredFeatures"])
    assert stored(render) == first


def test_features_of_another_version_are_not_taken(render, stack, tmp_path, monkeypatch):
    words = [*collection(render), "--pairJson", pair_file(render, stack, tmp_path)]
    keep = ["--rootFeatureDirectory", tmp_path / "features"]
    call_run_ws_client(SPARK, [*words, *keep])
    monkeypatch.setattr(canvases, "STORED_FORMAT", canvases.STORED_FORMAT + 1)
    with pytest.raises(ClientScriptError, match="no features of"):
        call_run_ws_client(SPARK, [*words, *keep, "--requireStoredFeatures"])


def test_a_descriptor_size_that_there_is_not_is_refused(render, stack, tmp_path):
    words = urls(render, stack, *PAIR)
    assert saved(render, tmp_path, words, "--SIFTfdSize", "4") == saved(render, tmp_path, words)
    with pytest.raises(ClientScriptError, match="fdSize may be 4, or 8"):
        saved(render, tmp_path, words, "--SIFTfdSize", "6")


def test_no_largest_number_of_matches(render, stack, tmp_path):
    words = urls(render, stack, *PAIR)
    assert saved(render, tmp_path, words, "--matchMaxNumInliers", "0") == saved(
        render, tmp_path, words
    )
    (match,) = saved(render, tmp_path, words, "--matchMaxNumInliers", "5")
    assert len(match["matches"]["w"]) == 5


def test_real_tiles_have_more_matches_than_java_finds(render, tmp_path, real_data):
    """Java: 212 and 234 at scale 0.4 of the full size; the files are at half of it."""
    tiles = [
        "col0075_row0021_cam1", "col0076_row0021_cam0", "col0075_row0022_cam3",
        "col0076_row0022_cam2",
    ]  # fmt: skip
    specs = [
        renderapi.tilespec.TileSpec(
            tileId=name, z=1, width=1325, height=1130, sectionId="1.0", maxint=255,
            imageUrl=(real_data("tem_2x2") / f"{name}.png_level_1_mipmap.png").as_uri(),
        )
        for name in tiles
    ]  # fmt: skip
    renderapi.stack.create_stack("tem", render=render)
    renderapi.resolvedtiles.put_tilespecs("tem", tilespecs=specs, render=render)
    options = SiftPointMatchOptions(renderScale=0.8, matchMaxEpsilon=8)
    pairs = [(tiles[0], tiles[1]), (tiles[2], tiles[3]), (tiles[0], tiles[2]), (tiles[1], tiles[3])]
    pointMatchClient(
        "tem", "C", pairs, sift_options=options, excludeAllTransforms=True, render=render
    )
    counts = {(m["pId"], m["qId"]): m["matchCount"] for m in stored(render)}
    for pair, least in zip(pairs, (212, 234, 50, 50), strict=True):
        assert counts.get(pair, 0) >= least
