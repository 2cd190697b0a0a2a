"""Stacks of a few sections behind a shared lens, and modules run on them from the command line."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import renderapi
from renderapi.channel import Channel
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.layout import Layout
from renderapi.stack import StackVersion
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform

WIDTH, HEIGHT = 40, 30
LENS = {"M00": 1.01, "M11": 0.99}
VERSION = {
    "cycleNumber": 7,
    "stackResolutionX": 4.0,
    "stackResolutionY": 5.0,
    "stackResolutionZ": 50.0,
}


def lens(transform_id="lens", **numbers):
    return AffineModel(**(LENS | numbers), transformId=transform_id)


def tile(name, z, x=0.0, y=0.0, levels=(0,), channels=(), url=None, section=None, lens_id="lens"):
    """A tile at (x, y) behind the lens; images are /data/z{z}/{name}_{level}.tif, with masks."""

    def pyramid(kind):
        return ImagePyramid(
            {
                str(k): MipMap(
                    url if url and not k else f"file:///data/z{z:g}/{name}{kind}_{k}.tif",
                    None if kind else f"file:///data/mask_{k}.tif",
                )
                for k in levels
            }
        )

    tforms = [ReferenceTransform(lens_id)] if lens_id else []
    return TileSpec(
        tileId=name,
        z=z,
        width=WIDTH,
        height=HEIGHT,
        minint=10,
        maxint=200,
        layout=Layout(sectionId=str(z) if section is None else section, imageRow=3),
        tforms=[*tforms, AffineModel(B0=x, B1=y, labels=["montage"])],
        imagePyramid=pyramid(""),
        channels=[Channel(c, 1000, 5, pyramid(f"_{c}")) for c in channels] or None,
    )


def put(render, stack, sections, state="COMPLETE", shared=None, **version):
    """A stack of lists of tiles."""
    metadata = StackVersion(**(VERSION | version))
    renderapi.stack.set_stack_metadata(stack, metadata, render=render)
    for tiles in sections:
        renderapi.resolvedtiles.put_tilespecs(
            stack, tilespecs=tiles, shared_transforms=shared or [lens()], render=render
        )
    renderapi.stack.set_stack_state(stack, state, render=render)


def layers(render, stack, zs=(0.0, 1.0, 2.5), names="ab", prefix="", **more):
    """A stack of sections with tiles {prefix}a_{z}, {prefix}b_{z}, ... next to each other."""
    sections = [
        [tile(f"{prefix}{n}_{z:g}", z, 35.0 * i, 100.0, **more) for i, n in enumerate(names)]
        for z in zs
    ]
    put(render, stack, sections)


def run(cls, render, **parameters):
    """Run a module from a JSON file through its command line: (status, report)."""
    group = {"host": render.DEFAULT_HOST, "owner": "test", "project": render.DEFAULT_PROJECT}
    if any(name == "pool_size" for name in cls.default_schema._declared_fields):
        parameters.setdefault("pool_size", 1)
    with tempfile.TemporaryDirectory() as folder:
        given, report = Path(folder) / "in.json", Path(folder) / "out.json"
        given.write_text(json.dumps({"render": group} | parameters))
        status = cls.exit_status(["--input_json", str(given), "--output_json", str(report)])
        return status, json.loads(report.read_text()) if report.exists() else None


def read(render, stack):
    """Tiles of a stack as they are stored, by id."""
    zs = renderapi.stack.get_z_values_for_stack(stack, render=render)
    found = (renderapi.resolvedtiles.get_resolved_tiles_from_z(stack, z, render=render) for z in zs)
    return {tile.tileId: tile for section in found for tile in section.tilespecs}


def documents(render, stack):
    """JSON objects of the tiles of a stack, by id, with their boxes."""
    return {key: spec.document(bounds=True) for key, spec in read(render, stack).items()}


def shared(render, stack, z):
    """Shared transforms of a section, by id."""
    found = renderapi.resolvedtiles.get_resolved_tiles_from_z(stack, z, render=render)
    return {transform.transformId: transform for transform in found.transforms}


def state(render, stack):
    return renderapi.stack.get_full_stack_metadata(stack, render=render)["state"]


def version(render, stack):
    """Version record of a stack, without what changes by itself."""
    metadata = renderapi.stack.get_full_stack_metadata(stack, render=render)["currentVersion"]
    return {k: v for k, v in metadata.items() if k not in ("createTimestamp", "versionNotes")}


def zs_of(render, stack):
    return renderapi.stack.get_z_values_for_stack(stack, render=render)
