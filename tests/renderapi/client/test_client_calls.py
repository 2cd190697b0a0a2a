"""What each function asks its client to do: the command lines of the published package."""

import json

import pytest

import renderapi
from renderapi.client import SiftPointMatchOptions
from renderapi.errors import ClientScriptError
from renderapi.render import RenderClient

STACK = [
    "--baseDataUrl",
    "http://h:80/render-ws/v1",
    "--owner",
    "O",
    "--project",
    "P",
    "--stack",
    "S",
]
JAVA = "org.janelia.render.client."


@pytest.fixture
def java(tmp_path):
    """A connection whose client script records its arguments, and what it recorded."""
    script = tmp_path / "run_ws_client.sh"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/seen\n')
    script.chmod(0o755)
    client = RenderClient(str(script), "1G", host="http://h", port=80, owner="O", project="P")
    client.seen = lambda: (tmp_path / "seen").read_text().splitlines()
    return client


def test_import_json(java):
    renderapi.client.importJsonClient("S", ["a", "b"], transformFile="t", render=java)
    assert java.seen() == [
        "1G",
        JAVA + "ImportJsonClient",
        *STACK,
        "--transformFile",
        "t",
        "a",
        "b",
    ]
    renderapi.client.importJsonClient("S", "a", render=java)
    assert java.seen() == ["1G", JAVA + "ImportJsonClient", *STACK, "a"]


def test_tile_pairs(java, tmp_path):
    out = tmp_path / "out.json"
    with pytest.raises(ValueError, match="no tile pairs"):
        renderapi.client.tilePairClient(
            "S", 1, 2, str(out), useRowColPositions=True, excludeCornerNeighbors=False, minx=3,
            maxPairsPerFile=7, render=java,
        )  # fmt: skip
    assert java.seen() == [
        *("1G", JAVA + "TilePairClient", *STACK, "--minZ", "1", "--maxZ", "2"),
        *("--excludeCornerNeighbors", "False", "--useRowColPositions", "--maxPairsPerFile", "7"),
        *("--toJson", str(out), "--minX", "3"),
    ]


def test_a_file_of_an_earlier_run_is_not_taken_for_the_result(java, tmp_path):
    out = tmp_path / "out.json"
    out.write_text(json.dumps({"renderParametersUrlTemplate": "", "neighborPairs": [1]}))
    with pytest.raises(ValueError, match="no tile pairs"):
        renderapi.client.tilePairClient("S", 1, 2, str(out), render=java)
    assert out.exists()


def test_transform_changes_need_a_mode(java):
    with pytest.raises(ClientScriptError, match="changeMode"):
        renderapi.client.importTransformChangesClient("S", "T", "f", render=java)


def test_transform_changes(java):
    renderapi.client.importTransformChangesClient(
        "S", "T", "f", "O2", changeMode="APPEND", close_stack=False, render=java
    )
    assert java.seen() == [
        *("1G", JAVA + "ImportTransformChangesClient", *STACK, "--targetStack", "T"),
        *("--transformFile", "f", "--targetOwner", "O2", "--changeMode", "APPEND"),
    ]


def test_coordinates(java, tmp_path):
    (tmp_path / "to").write_text("[1]")
    result = renderapi.client.coordinateClient(
        "S", 3, "from", str(tmp_path / "to"), localToWorld=True, numberOfThreads=2, render=java
    )
    assert result == [1]
    assert java.seen()[10:] == [
        *("--z", "3", "--fromJson", "from", "--toJson", str(tmp_path / "to")),
        *("--localToWorld", "--numberOfThreads", "2"),
    ]


def test_sections(java):
    bounds = {"minX": 1.9, "maxX": 5, "minY": 2, "maxY": 6}
    renderapi.client.renderSectionClient(
        "S", "root", [1, 2.5], scale=0.5, bounds=bounds, channel="DAPI", format="PNG",
        convertToGray=True, doFilter=True, padFileNamesWithZeros=True, render=java,
    )  # fmt: skip
    assert java.seen()[10:] == [
        *("--rootDirectory", "root", "--scale", "0.5", "--format", "PNG", "--doFilter", "True"),
        *("--convertToGray", "--channels", "DAPI", "--padFileNamesWithZeros", "True"),
        *("--bounds", "1,5,2,6", "1", "2.5"),
    ]
    for wrong in ({"minX": 1}, {**bounds, "maxX": 0}):
        with pytest.raises(ClientScriptError, match="bounds"):
            renderapi.client.renderSectionClient("S", "root", [1], bounds=wrong, render=java)


def test_transform_section(java):
    renderapi.client.transformSectionClient(
        "S", "i", "c", "1,2", [3], targetStack="T", replaceLast=True, render=java
    )
    assert java.seen()[10:] == [
        *("--replaceLast", "--targetStack", "T", "--transformId", "i", "--transformClass", "c"),
        *("--transformData", "1,2", "3"),
    ]


def test_canvas_template(java):
    url = renderapi.client.get_canvas_url_template(
        "S", filter=True, excludeTransformsAfterLast="lens", excludeAllTransforms=True,
        channels="DAPI", render=java,
    )  # fmt: skip
    assert url == (
        "http://h:80/render-ws/v1/owner/O/project/P/stack/S/tile/{}/render-parameters"
        "?filter=true&normalizeForMatching=true&renderWithoutMask=false"
        "&excludeTransformsAfterLast=lens&excludeAllTransforms=true&channels=DAPI"
    )


def test_point_matches(java):
    renderapi.client.pointMatchClient(
        "S", "C", [("a b", "c")], stack2="S2", debugDirectory="d",
        sift_options=SiftPointMatchOptions(renderScale=0.3),
        pointMatchRender=renderapi.Render("http://m", 81, "M", "x"), render=java,
    )  # fmt: skip
    end = "?filter=false&normalizeForMatching=true&renderWithoutMask=false"
    base = "http://h:80/render-ws/v1/owner/O/project/P/stack"
    assert java.seen() == [
        *("1G", JAVA + "PointMatchClient", "--baseDataUrl", "http://m:81/render-ws/v1"),
        *("--owner", "M", "--collection", "C", "--debugDirectory", "d", "--renderScale", "0.3"),
        f"{base}/S/tile/a%20b/render-parameters{end}",
        f"{base}/S2/tile/c/render-parameters{end}",
    ]


def test_renderers(java):
    renderapi.client.renderClient("t.json", 5, 6, None, "out.png", 1, 2, 32, render=java)
    assert java.seen() == [
        *("1G", "org.janelia.alignment.Render", "--tile_spec_url", "t.json", "--height", "5"),
        *("--width", "6", "--out", "out.png", "--x", "1", "--y", "2", "--res", "32"),
    ]
    renderapi.client.rendererClient(
        parameters_url="p.json", out_fn="out.png", gray=True, quality=0.5, render=java
    )
    assert java.seen()[2:] == [
        *("--out", "out.png", "--gray", "True", "--quality", "0.5", "--parameters_url", "p.json")
    ]
