"""The module in docs/writing-a-module.md works."""

import importlib.util
import re
from pathlib import Path

import renderapi
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

GUIDE = Path(__file__).parents[3] / "docs" / "writing-a-module.md"


def test_the_module_of_the_guide_edits_a_stack(render, tmp_path):
    (tmp_path / "guide.py").write_text(
        re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL).group(1)
    )
    spec = importlib.util.spec_from_file_location("guide", tmp_path / "guide.py")
    guide = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(guide)

    renderapi.stack.create_stack("raw", render=render)
    tile = TileSpec(tileId="t", z=0, width=9, height=9, maxint=65535, tforms=[AffineModel()])
    renderapi.resolvedtiles.put_tilespecs(
        "raw", resolved_tiles=ResolvedTiles(tilespecs=[tile]), render=render
    )
    group = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    parameters = {"render": group, "stack": "raw", "maxIntensity": 4000, "pool_size": 1}
    guide.SetStackLevels(input_data=parameters, args=[]).run()
    assert renderapi.tilespec.get_tile_spec_raw("raw", "t", render=render).maxint == 4000
