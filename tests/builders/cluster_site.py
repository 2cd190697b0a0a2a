"""A served stack of textured sections, for modules that run on a cluster."""

import json
import subprocess
import sys
import time

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter

import renderapi
from renderapps.dataimport.import_tiles import ImportTiles

SIDE, STEP = 500, 400


class Site:
    """Sections of two tiles in stack `raw`; `group` is the group `render` for it."""

    def __init__(self, root, server, sections):
        self.root = root
        self.sections = sections
        self.group = {
            "host": "http://127.0.0.1", "port": server.port, "owner": "o", "project": "p",
        }  # fmt: skip
        self.render = renderapi.connect(**self.group)
        self.make_raw()

    def make_raw(self):
        lines = ["file,x,y,section"]
        for z in range(self.sections):
            rng = np.random.default_rng(z)
            waves = sum(
                gaussian_filter(rng.normal(size=(SIDE, SIDE + STEP)), s) * s for s in (1.5, 6)
            )
            picture = (120 + 50 * waves).clip(0, 255).astype(np.uint8)
            for k, x in enumerate((0, STEP)):
                tifffile.imwrite(self.root / f"{z}_{k}.tif", picture[:, x : x + SIDE])
                lines.append(f"{z}_{k}.tif,{x},0,{z}")
        (self.root / "positions.csv").write_text("\n".join(lines) + "\n")
        ImportTiles(
            input_data={
                "render": self.group,
                "image_directory": str(self.root),
                "positions_file": str(self.root / "positions.csv"),
                "output_stack": "raw",
            },
            args=[],
        ).run()

    def run(self, module, cluster=None, **parameters):
        """Run a module, on the cluster or in this process; its report."""
        where = {"pool_size": 1} if cluster is None else {"dask_scheduler": cluster.address}
        made = module(input_data={"render": self.group, **where, **parameters}, args=[])
        made.run()
        return made.full_report

    def tiles(self, stack):
        """All tiles of a stack, as JSON."""
        found = renderapi.tilespec.get_tile_specs_from_stack(stack, render=self.render)
        return {tile.tileId: tile.to_dict() for tile in found}

    def export(self, name, **more):
        """Parameters of an export to one sharded volume."""
        return {
            "render": self.group,
            "input_stack": "raw",
            "output_volume": str(self.root / f"{name}.ome.zarr"),
            "chunk": [1, 256, 256],
            "shard": [1, 512, 512],
            "levels": 3,
            **more,
        }

    def begin(self, name, parameters, parts=3):
        """An export in a process of its own, when some of its parts are written."""
        path = self.root / f"{name}.json"
        path.write_text(
            json.dumps(parameters | {"output_json": str(self.root / f"{name}_out.json")})
        )
        command = [
            sys.executable,
            "-m",
            "renderapps",
            "run",
            "export_volume",
            "--input_json",
            str(path),
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        records = self.root / f".{name}.ome.zarr.unfinished" / "records"
        while process.poll() is None and len(list(records.glob("*.json"))) < parts:
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()
        return process

    def report_of(self, name):
        return json.loads((self.root / f"{name}_out.json").read_text())


def content(folder):
    """Every file of a volume, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
