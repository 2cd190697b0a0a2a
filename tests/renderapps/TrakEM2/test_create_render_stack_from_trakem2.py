"""Stacks with the places of a project that our exporter did not write."""

import numpy as np
import pytest
from layered_stacks import documents, run, state, version
from trakem2_scenes import tile

import renderapi
from renderapi.resolvedtiles import put_tilespecs
from renderapi.stack import StackVersion
from renderapps.TrakEM2.create_render_stack_from_trakem2 import CreateRenderStackFromTrakEM2

PROJECT = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE trakem2_anything [
    <!ELEMENT project (anything)>
    <!ELEMENT anything EMPTY>
]>
<trakem2><project id="0" unuid="1.2.3"/>
<t2_layer_set oid="3" layer_width="1000.0" layer_height="1000.0">
<t2_layer oid="11" z="7.0" thickness="1.0">
  <t2_patch oid="20" title="x" transform="matrix(1.0,0.0,0.0,1.0,30.0,40.0)" type="0"
    file_path="elsewhere/a.tif" o_width="400" o_height="300" min="1.0" max="2.0">
    <ict_transform class="mpicbg.trakem2.transform.AffineModel2D" data="1 0 0 1 100 200"/>
  </t2_patch>
  <t2_patch oid="21" title="x" transform="matrix(0.0,1.0,-1.0,0.0,30.0,40.0)"
    file_path="/other/b_flip.jpg" o_width="400" o_height="300"/>
  <t2_patch oid="22" title="gone" transform="matrix(1,0,0,1,0,0)"
    file_path="/other/nobody.tif" o_width="400" o_height="300"/>
  <t2_patch oid="23" title="dark" transform="matrix(1,0,0,1,0,0)" visible="false"
    file_path="/other/a.tif" o_width="400" o_height="300"/>
</t2_layer>
<t2_layer oid="12" z="8.0" thickness="1.0">
  <t2_patch oid="30" title="twice" transform="matrix(1,0,0,1,0,0)"
    file_path="/other/c.tif" o_width="400" o_height="300"/>
  <t2_patch oid="31" title="again" transform="matrix(1,0,0,1,0,0)"
    file_path="/other/a.tif" o_width="400" o_height="300"/>
</t2_layer>
</t2_layer_set></trakem2>
"""


def image(name):
    from renderapi.image_pyramid import ImagePyramid, MipMap

    levels = {"0": MipMap(f"file:///data/{name}"), "1": MipMap(f"file:///small/{name}")}
    return {"imagePyramid": ImagePyramid(levels)}


@pytest.fixture
def given(render, tmp_path):
    tiles = [
        tile("ta", 1.0, 0, 0, bent=False, **image("a.tif")),
        tile("tb", 1.0, 0, 0, bent=False, **image("b.tif")),
        tile("tc1", 1.0, 0, 0, bent=False, **image("c.tif")),
        tile("tc8", 8.0, 0, 0, bent=False, **image("c.tif")),
    ]
    renderapi.stack.set_stack_metadata("raw", StackVersion(stackResolutionX=4.0), render=render)
    put_tilespecs("raw", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)
    (tmp_path / "p.xml").write_text(PROJECT, "latin-1")
    return {
        "input_stack": "raw",
        "output_stack": "placed",
        "tem2project": str(tmp_path / "p.xml"),
    }


def test_places_of_the_project_and_everything_else_of_the_stack(render, given):
    status, report = run(CreateRenderStackFromTrakEM2, render, **given)
    assert status == 0, report
    made, raw = documents(render, "placed"), documents(render, "raw")
    assert sorted(made) == ["ta", "tb", "tc8"]
    assert {name: document["z"] for name, document in made.items()} == {
        "ta": 7.0,
        "tb": 7.0,
        "tc8": 8.0,
    }
    for name, document in made.items():
        for key in ("mipmapLevels", "minIntensity", "maxIntensity", "layout"):
            assert document[key] == raw[name][key]
    # a: the box of its transform begins at (100, 200), and the matrix puts that at (30, 40)
    assert (made["ta"]["minX"], made["ta"]["minY"]) == (30, 40)
    # b: turned by 90 degrees about the origin, then moved
    assert (made["tb"]["minX"], made["tb"]["maxX"]) == (30 - 300, 30)
    assert state(render, "placed") == "COMPLETE"
    assert version(render, "placed")["stackResolutionX"] == 4.0


def test_what_is_left_out_is_named(render, given):
    _, report = run(CreateRenderStackFromTrakEM2, render, **given)
    assert report["hidden_patches"] == ["patch 23 (dark)"]
    assert report["unmatched_patches"] == ["patch 22 (gone)"]
    assert report["doubled_patches"] == ["patch 31 (again)"]
    assert report["ambiguous_patches"] == []
    assert report["sections"] == [{"z": 7.0, "tiles": 2}, {"z": 8.0, "tiles": 1}]


def test_an_image_in_two_sections_of_which_none_is_that_of_the_layer(render, given, tmp_path):
    text = PROJECT.replace('z="8.0"', 'z="9.0"')
    (tmp_path / "p.xml").write_text(text, "latin-1")
    _, report = run(CreateRenderStackFromTrakEM2, render, **given)
    assert report["ambiguous_patches"] == ["patch 30 (twice)"]


def test_running_twice_gives_the_same(render, given):
    run(CreateRenderStackFromTrakEM2, render, **given)
    before = documents(render, "placed")
    assert run(CreateRenderStackFromTrakEM2, render, **given)[0] == 0
    assert documents(render, "placed") == before


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"output_stack": "raw"}, 1, "raw is also the input"),
        ({"tem2project": "/nowhere/p.xml"}, 2, "tem2project"),
        ({"input_stack": "none"}, 1, "no stack none"),
    ],
)
def test_bad_input(render, given, capsys, change, status, message):
    assert run(CreateRenderStackFromTrakEM2, render, **given | change)[0] == status
    assert message in capsys.readouterr().err
    assert np.all(
        [s != "placed" for s in renderapi.render.get_stacks_by_owner_project(render=render)]
    )


def test_project_without_a_known_image(render, given, tmp_path, capsys):
    (tmp_path / "p.xml").write_text(
        PROJECT.replace(".tif", "x.tif").replace("b_flip", "n"), "latin-1"
    )
    assert run(CreateRenderStackFromTrakEM2, render, **given)[0] == 1
    assert "no patch of" in capsys.readouterr().err
