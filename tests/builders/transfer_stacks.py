"""Stacks whose tiles have every field that there is, and the parameters of connections."""

import renderapi
from renderapps.module.tile_documents import Section, put_section

LENS = {
    "type": "leaf",
    "id": "lens",
    "className": "mpicbg.trakem2.transform.AffineModel2D",
    "dataString": "0.99 0.0 0.0 0.99 1.0 2.0",
    "metaData": {"labels": ["lens"]},
}


def shift(x, y):
    return {
        "type": "leaf",
        "className": "mpicbg.trakem2.transform.AffineModel2D",
        "dataString": f"1.0 0.0 0.0 1.0 {x} {y}",
    }


def full_tile(name, z, mipmaps, **more):
    """A tile with a reference, a layout, labels and levels."""
    return {
        "tileId": name,
        "z": float(z),
        "width": 32.0,
        "height": 24.0,
        "minIntensity": 12.0,
        "maxIntensity": 4000.0,
        "groupId": f"group {z}",
        "labels": ["raw", "kept"],
        "meshCellSize": 16.0,
        "layout": {"sectionId": f"{z}.0", "temca": "T1", "camera": "c", "imageRow": 1,
                   "imageCol": 2, "stageX": 3.5, "stageY": 4.5, "rotation": 0.5, "pixelsize": 4.0},
        "mipmapLevels": mipmaps,
        "transforms": {
            "type": "list", "specList": [{"type": "ref", "refId": "lens"}, shift(30 * z, 7)]
        },
    } | more  # fmt: skip


def put_stack(render, stack, sections, state="COMPLETE"):
    """A stack of sections given as lists of tiles."""
    version = renderapi.stack.StackVersion(
        cycleNumber=2,
        cycleStepNumber=3,
        stackResolutionX=4.0,
        stackResolutionY=4.0,
        stackResolutionZ=45.0,
        versionNotes="a stack to move",
    )
    renderapi.stack.set_stack_metadata(stack, version, render=render)
    for tiles in sections:
        put_section(render, stack, Section(tiles[0]["z"], tiles, {"lens": LENS}))
    renderapi.stack.set_stack_state(stack, state, render=render)


def group(render):
    return {
        "host": render.DEFAULT_HOST,
        "port": render.DEFAULT_PORT,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }
