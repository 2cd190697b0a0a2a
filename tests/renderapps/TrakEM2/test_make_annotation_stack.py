"""Annotations painted on tiles."""

import json

import numpy as np
import pytest
import tifffile
from layered_stacks import documents, run, version
from PIL import Image
from trakem2_scenes import put, tile

import renderapi
from renderapi.image import get_bb_image
from renderapi.urls import url_to_path
from renderapps.TrakEM2.make_annotation_stack import MakeAnnotationStack

W, H = 120, 80


def ring(x0, y0, x1, y1):
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


# on tile a; it reaches 10 px over the right edge, to where tile b lies; with a hole
OVER = {"tileIds": ["a"] * 5, "local_path": ring(60, 20, 130, 60)}
HOLE = {"tileIds": ["a"] * 5, "local_path": ring(70, 30, 80, 40), "hole": True}
# concave: an L
CORNERS = [[10, 10], [40, 10], [40, 20], [20, 20], [20, 70], [10, 70], [10, 10]]
CONCAVE = {"tileIds": ["b"] * 7, "local_path": CORNERS}


@pytest.fixture
def given(render, tmp_path):
    images = {}
    for name in "abc":
        images[name] = tmp_path / f"{name}.tif"
        tifffile.imwrite(images[name], np.full((H, W), 90, np.uint8))
    tiles = [
        tile(n, z, x, 5, bent=False, angle=0, width=W, height=H, imageUrl=images[n].as_uri(),
             imagePyramid=None)
        for n, z, x in (("a", 1.0, 50), ("b", 1.0, 160), ("c", 2.0, 50))
    ]  # fmt: skip
    put(render, "acquired", tiles)
    objects = [
        {"oid": "7", "id": 0, "areas": [OVER, HOLE]},
        {"oid": "8", "id": 4, "areas": [CONCAVE]},
    ]
    (tmp_path / "global.json").write_text(json.dumps({"area_lists": objects}))
    return {
        "input_stack": "acquired",
        "annotation_stack": "painted",
        "global_file": str(tmp_path / "global.json"),
        "annotation_dir": str(tmp_path / "painted"),
    }


def image_of(document):
    return np.asarray(Image.open(url_to_path(document["mipmapLevels"]["0"]["imageUrl"])))


def box(image, x0, y0, x1, y1):
    return image[y0:y1, x0:x1]


def test_pixels_of_each_tile(render, given, tmp_path):
    status, report = run(MakeAnnotationStack, render, **given)
    assert status == 0, report
    made = documents(render, "painted")
    a, b, c = (image_of(made[name]) for name in "abc")
    assert a.shape == b.shape == (H, W)
    assert set(np.unique(a)) == {0, 255}
    assert (box(a, 62, 22, 68, 58) == 255).all()
    assert (box(a, 72, 32, 78, 38) == 0).all()  # the hole
    assert (box(a, 0, 0, 58, 80) == 0).all()
    # tile b begins 110 px right of tile a: 60..130 of a is -50..20 of b
    assert (box(b, 0, 22, 9, 58) == 255).all()
    # the L is concave: its inner corner stays free
    assert (box(b, 24, 24, 60, 70) == 0).all()
    assert (box(b, 12, 12, 38, 18) == 255).all()
    assert not c.any()
    assert made["a"]["mipmapLevels"]["0"]["imageUrl"].endswith("painted/a_annotation.png")
    sections = {entry["z"]: entry for entry in report["sections"]}
    assert sections[1.0]["annotated_tiles"] == ["a", "b"]
    assert sections[1.0]["annotations"] == ["7", "8"]
    assert sections[2.0]["annotated_tiles"] == []


def test_tiles_keep_everything_else(render, given):
    run(MakeAnnotationStack, render, **given)
    made, raw = documents(render, "painted"), documents(render, "acquired")
    assert sorted(made) == sorted(raw)
    for name, document in made.items():
        assert (document["minIntensity"], document["maxIntensity"]) == (0, 255)
        for key in ("layout", "transforms", "width", "height", "minX", "maxY"):
            assert document[key] == raw[name][key]
    assert version(render, "painted") == version(render, "acquired")


def test_area_lies_in_the_world_where_it_was_drawn(render, given):
    """As the service shows it: world x of the annotation is 50 + 60 to 50 + 130."""
    run(MakeAnnotationStack, render, **given)
    picture = get_bb_image("painted", 1.0, 50, 5, 230, 80, img_format="png", render=render)
    picture = picture if picture.ndim == 2 else picture[..., 0]
    row = np.flatnonzero(picture[50] > 127)
    assert (row.min(), row.max()) == pytest.approx((60, 130), abs=1)


def test_labels(render, given):
    assert run(MakeAnnotationStack, render, **given, mode="labels")[0] == 0
    made = documents(render, "painted")
    b = image_of(made["b"])
    assert sorted(np.unique(b).tolist()) == [0, 1, 5]  # id + 1 of both annotations
    assert made["b"]["maxIntensity"] == 5


def test_annotated_tiles_only(render, given):
    assert run(MakeAnnotationStack, render, **given, annotated_only=True)[0] == 0
    assert sorted(documents(render, "painted")) == ["a", "b"]


def test_image_that_a_stack_shows_is_never_given_other_content(render, given, tmp_path):
    run(MakeAnnotationStack, render, **given)
    before = (tmp_path / "painted" / "a_annotation.png").read_bytes()
    objects = {"area_lists": [{"oid": "7", "id": 0, "areas": [HOLE | {"hole": False}]}]}
    (tmp_path / "global.json").write_text(json.dumps(objects))
    assert run(MakeAnnotationStack, render, **given | {"annotation_stack": "second"})[0] == 0
    assert (tmp_path / "painted" / "a_annotation.png").read_bytes() == before
    second = documents(render, "second")["a"]["mipmapLevels"]["0"]["imageUrl"]
    assert second != documents(render, "painted")["a"]["mipmapLevels"]["0"]["imageUrl"]
    files = sorted(path.name for path in (tmp_path / "painted").iterdir())
    run(MakeAnnotationStack, render, **given | {"annotation_stack": "second"})
    assert sorted(path.name for path in (tmp_path / "painted").iterdir()) == files


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([{"oid": "7", "id": 0, "areas": [OVER | {"tileIds": ["zz"] * 5}]}], "lies on tile zz"),
        ([{"oid": "7", "id": 0, "areas": []}], "has no areas"),
        ([{"oid": "7", "id": 0, "areas": [{"global_path": ring(0, 0, 1, 1)}]}], "no local_path"),
    ],
)
def test_bad_annotations(render, given, tmp_path, capsys, objects, message):
    (tmp_path / "global.json").write_text(json.dumps({"area_lists": objects}))
    assert run(MakeAnnotationStack, render, **given)[0] == 1
    assert message in capsys.readouterr().err
    assert "painted" not in renderapi.render.get_stacks_by_owner_project(render=render)
