"""Projects as tile specs: order, hidden patches, ids, masks, and the class that scripts use."""

import json

import pytest

from renderapi.errors import SpecError
from renderapps.TrakEM2.converter import convert_project, project_tiles
from renderapps.TrakEM2.project import Layer, Patch, Project
from renderapps.TrakEM2.trakem2_render_module import (
    RenderTrakEM2Parameters,
    TrakEM2RenderModule,
)
from renderapps.TrakEM2.writer import write_project

PLACE = (1.0, 0.0, 0.0, 1.0, 7.0, 8.0)


@pytest.fixture
def path(tmp_path):
    first = [
        Patch(518, "b", PLACE, "images/b.tif", 100, 50, 1, 12.0, 3400.0, alpha_mask_id=419),
        Patch(9, "a", PLACE, "/abs/a b.tif", 100, 50, visible=False),
    ]
    second = [Patch(20, "c", PLACE, "c.tif", 100, 50)]
    layers = [Layer(3000, 1.0), Layer(3001, 2.5, patches=first), Layer(3002, 4.0, patches=second)]
    write_project(Project(unuid="1.2.3", layers=layers), tmp_path / "p.xml")
    return tmp_path / "p.xml"


def test_tiles_of_a_project_whose_first_layer_is_empty(path, tmp_path):
    tiles = project_tiles(path)
    assert [(tile["tileId"], tile["z"]) for tile in tiles] == [("518", 2.5), ("20", 4.0)]
    level = tiles[0]["mipmapLevels"]["0"]
    assert level["imageUrl"] == f"file://{tmp_path}/images/b.tif"
    assert level["maskUrl"] == f"file://{tmp_path}/trakem2.1.2.3/trakem2.masks/41/9.518.zip"
    assert (tiles[0]["minIntensity"], tiles[0]["maxIntensity"]) == (12.0, 3400.0)
    box = tuple(tiles[0][key] for key in ("minX", "minY", "maxX", "maxY"))
    assert box == (7, 8, 107, 58)


def test_hidden_patches_and_titles_if_asked(path):
    tiles = project_tiles(path, tile_id="title", include_hidden=True)
    assert [tile["tileId"] for tile in tiles] == ["b", "a", "c"]
    assert tiles[1]["mipmapLevels"]["0"]["imageUrl"] == "file:///abs/a%20b.tif"


def test_folder_that_paths_are_relative_to(path):
    tiles = project_tiles(path, "/elsewhere")
    assert tiles[1]["mipmapLevels"]["0"]["imageUrl"] == "file:///elsewhere/c.tif"


def test_two_patches_of_one_title_are_refused(path, tmp_path):
    text = path.read_text("latin-1").replace('title="c"', 'title="b"')
    path.write_text(text, "latin-1")
    with pytest.raises(SpecError, match="two patches have the title b"):
        convert_project(path, tmp_path, tmp_path / "out.json", use_title_for_tile_id=True)
    assert not (tmp_path / "out.json").exists()


def test_class_that_scripts_derive_from(path, tmp_path, render):
    class Script(TrakEM2RenderModule):
        default_schema = RenderTrakEM2Parameters

        def run(self):
            self.convert_trakem2_project(path, tmp_path, tmp_path / "tiles.json")
            self.tiles = self.get_trakem2_tilespecs(path)

    group = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    module = Script(input_data={"render": group, "renderHome": "/not/needed"}, args=[])
    module.run()
    written = json.loads((tmp_path / "tiles.json").read_bytes())
    assert [tile["tileId"] for tile in written] == ["518", "20"]
    assert [tile.tileId for tile in module.tiles] == ["518", "20"]
    assert module.tiles[0].tforms[-1].B0 == 7.0


def test_names_that_scripts_import_from_the_base():
    from renderapps.module import render_module

    assert render_module.TrakEM2RenderModule is TrakEM2RenderModule
    assert render_module.RenderTrakEM2Parameters is RenderTrakEM2Parameters
    assert issubclass(render_module.TEM2ProjectTransfer, RenderTrakEM2Parameters)
    assert not hasattr(render_module, "nothing_here")
