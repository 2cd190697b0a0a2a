"""Stacks of the real tiles, on a service of its own process, and what they must look like."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import requests
from PIL import Image
from server_process import ServerProcess

import renderapi
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.layout import Layout
from renderapi.stack import StackVersion
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, ReferenceTransform
from renderapi.urls import path_to_url
from renderapps.module.catalogue import find
from renderapps.module.report import ReportSchema

VERSION = {
    "cycleNumber": 3,
    "stackResolutionX": 4.0,
    "stackResolutionY": 4.0,
    "stackResolutionZ": 50.0,
}
LENS = Polynomial2DTransform(params=[[3, 1, 0, 2e-6, 0, 0], [-2, 0, 1, 0, 0, 1e-6]])
LENS.transformId = "lens"


@cache
def loaded(name):
    """Class of a module; to look for it takes longer than most modules do."""
    return find(name).load()


@dataclass
class Service:
    """A `renderapps serve` process, and modules that are run on it from the command line."""

    server: ServerProcess
    folder: Path
    project: str = "first"

    @classmethod
    def start(cls, folder, *image_roots):
        """Start it on a new store and a free port."""
        return cls(ServerProcess(folder, store="served.db", image_roots=image_roots), folder)

    def stop(self):
        self.server.end()

    @property
    def port(self):
        return self.server.port

    @property
    def group(self):
        """Parameters of a connection."""
        place = {"host": "http://127.0.0.1", "port": self.port}
        return place | {"owner": "integration_tests", "project": self.project}

    @property
    def render(self):
        return renderapi.connect(**self.group)

    def command(self, module, *flags, status=0, **parameters):
        """Run `python -m renderapps.MODULE --input_json FILE FLAGS`: its stderr, or its report.

        Without the entries that every report has.
        """
        given, report = self.folder / "in.json", self.folder / "out.json"
        report.unlink(missing_ok=True)
        given.write_text(json.dumps({"render": self.group} | parameters))
        command = [
            sys.executable,
            "-m",
            f"renderapps.{module}",
            "--quiet",
            "--input_json",
            str(given),
        ]
        words = [str(flag) for flag in flags]
        done = subprocess.run(
            [*command, *words, "--output_json", str(report)], capture_output=True, text=True
        )
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        if status:
            return done.stderr
        assert (done.stdout, done.stderr) == ("", "")
        every = ReportSchema().fields
        return {k: v for k, v in json.loads(report.read_text()).items() if k not in every}

    def module(self, name, capsys=None, **parameters):
        """Run a module in this process through its command line: status and lines on stderr.

        For what the command line as a program is shown to do elsewhere.
        """
        given = self.folder / "in.json"
        given.write_text(json.dumps({"render": self.group} | parameters))
        status = loaded(name).exit_status(["--quiet", "--input_json", str(given)])
        return status, capsys.readouterr().err.splitlines() if capsys else []

    # what is in the stacks

    def tiles(self, stack):
        """JSON objects of the tiles of a stack as they are stored, by id."""
        return {k: t for z in self.zs(stack) for k, t in self.section(stack, z)[0].items()}

    def section(self, stack, z):
        """Tiles and shared transforms of a section, both JSON objects by id."""
        place = "/".join(f"{k}/{v}" for k, v in list(self.group.items())[2:])
        base = f"http://127.0.0.1:{self.port}/render-ws/v1/{place}/stack/{stack}"
        answer = requests.get(f"{base}/z/{z}/resolvedTiles", timeout=60)
        answer.raise_for_status()
        document = answer.json()
        return document["tileIdToSpecMap"], document["transformIdToSpecMap"]

    def zs(self, stack):
        return renderapi.stack.get_z_values_for_stack(stack, render=self.render)

    def state(self, stack):
        return renderapi.stack.get_full_stack_metadata(stack, render=self.render)["state"]

    def version(self, stack):
        """Version record of a stack, without what changes by itself."""
        record = renderapi.stack.get_full_stack_metadata(stack, render=self.render)
        changing = ("createTimestamp", "versionNotes")
        return {k: v for k, v in record["currentVersion"].items() if k not in changing}

    def stacks(self):
        return sorted(renderapi.render.get_stacks_by_owner_project(render=self.render))

    def box(self, stack):
        """(minX, minY, maxX, maxY) of a stack."""
        found = renderapi.stack.get_stack_bounds(stack, render=self.render)
        return tuple(int(found[k]) for k in ("minX", "minY", "maxX", "maxY"))

    def picture(self, stack, z, box, scale=1.0, **query):
        """What the service draws of a box (x, y, width, height): (h, w) grey levels as integers."""
        pixels = renderapi.image.get_bb_image(
            stack, z, *box, scale=scale, img_format="png", render=self.render, **query
        )
        return np.asarray(pixels)[..., 0].astype(int)

    # stacks of real tiles

    def put(self, stack, tiles, shared=(), state="COMPLETE", **version):
        """A stack of tiles of any sections."""
        metadata = StackVersion(**(VERSION | version))
        renderapi.stack.set_stack_metadata(stack, metadata, render=self.render)
        renderapi.resolvedtiles.put_tilespecs(
            stack, tilespecs=tiles, shared_transforms=list(shared), render=self.render
        )
        renderapi.stack.set_stack_state(stack, state, render=self.render)


def pixels_of(path):
    return np.asarray(Image.open(path))


def one_level(image, level=0, mask=None):
    return ImagePyramid({str(level): MipMap(path_to_url(image), mask and path_to_url(mask))})


def em_tiles(data, z=1.0, prefix="em"):
    """The four electron micrographs: level 1 of tiles behind one lens, with mask and affine."""
    documents = json.loads((data / "reference_affines.json").read_text())
    tiles = []
    for document in documents:
        affines = [AffineModel(json=_leaf(numbers)) for numbers in document["transforms"]]
        tile = TileSpec(
            tileId=f"{prefix}_{document['tileId']}",
            z=z,
            width=int(document["width"]),
            height=int(document["height"]),
            minint=0,
            maxint=255,
            layout=Layout(sectionId=str(z)),
            tforms=[ReferenceTransform("lens"), *affines],
        )
        tile.ip = one_level(data / document["image"], 1, data / document["mask"])
        tiles.append(tile)
    return tiles


def _leaf(numbers):
    return {"className": AffineModel.className, "dataString": " ".join(numbers.split())}


def phase_tiles(data, z=5.0, prefix="phase"):
    """The 25 phase contrast tiles (16 bit), pixel over pixel where they overlap."""
    with (data / "true_positions.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [
        TileSpec(
            tileId=f"{prefix}_{row['file'][-6:-4]}",
            z=z,
            width=245,
            height=183,
            minint=0,
            maxint=600,
            layout=Layout(sectionId=str(z), imageRow=int(row["row"]), imageCol=int(row["column"])),
            imagePyramid=one_level(data / row["file"]),
            tforms=[AffineModel(B0=float(row["x"]), B1=float(row["y"]))],
        )
        for row in rows
    ]


def phase_canvas(data):
    """The whole phase contrast picture and its box (x, y, width, height): (h, w) 16 bit values."""
    tiles = phase_tiles(data)
    places = np.array([(t.tforms[0].B0, t.tforms[0].B1) for t in tiles], int)
    low, high = places.min(axis=0), places.max(axis=0) + np.array([245, 183])
    width, height = (int(v) for v in high - low)
    canvas = np.zeros((height, width), int)
    for tile, (x, y) in zip(tiles, places - low, strict=True):
        name = f"ImageName_t01_p{tile.tileId[-2:]}.tif"
        canvas[y : y + 183, x : x + 245] = pixels_of(data / name)
    return canvas, (int(low[0]), int(low[1]), width, height)


def serial_tiles(data, zs, prefix="serial", shift=0.0):
    """One tile of 512 x 512 in each section; z counts the files."""
    return [
        TileSpec(
            tileId=f"{prefix}_{z:g}",
            z=float(z),
            width=512,
            height=512,
            minint=0,
            maxint=255,
            layout=Layout(sectionId=f"s{z:g}"),
            imagePyramid=one_level(data / f"z{int(z):02d}.png"),
            tforms=[ReferenceTransform("shift"), AffineModel(B0=shift)],
        )
        for z in zs
    ]


SHIFT = AffineModel(B0=10.0, B1=20.0, transformId="shift")


def shown(values, low, high):
    """8 bit grey levels of 16 bit values: 256 steps over the range, both ends in it."""
    return np.clip(np.round((values - low) * 256.0 / (high - low + 1)), 0, 255)
