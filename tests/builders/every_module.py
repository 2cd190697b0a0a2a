"""A small laboratory (images, tables, stacks, an archive) on which every module can run."""

from __future__ import annotations

import functools
import importlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter
from statetable_project import rows_of, write_table

import renderapi
from renderapi.resolvedtiles import get_resolved_tiles_from_z
from renderapi.urls import path_to_url
from renderapps.dataimport.import_tiles import ImportTiles
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.transfer.export_project import ExportProject

SIDE, STEP = 120, 100
PLACES = {0: (0, 0), 1: (STEP, 0), 2: (0, STEP), 3: (STEP, STEP)}
AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


@dataclass
class Laboratory:
    """Where everything is; `root` holds nothing else.

    Stacks of project `lab`: `acquired` and `again` (the same places, other tiles), `shifted`
    (tiles of `acquired` 5 px off), `empty` (no tiles), `lost` (its images are not there),
    `damaged` (its images are cut short), `locked` (READ_ONLY). Collection `matches`.
    """

    root: Path
    connection: dict[str, Any]
    target: dict[str, Any]
    render: renderapi.Render = field(init=False)

    def __post_init__(self) -> None:
        self.render = renderapi.connect(**{k: v for k, v in self.connection.items() if v})

    @property
    def raw(self) -> Path:
        """Folder of the images."""
        return self.root / "raw" / "data"

    def path(self, *parts: str) -> str:
        """A path below the root."""
        return str(self.root.joinpath(*parts))


def make_laboratory(root: Path, connection: dict[str, Any], target: dict[str, Any]) -> Laboratory:
    """Write the images and tables and fill the stacks."""
    lab = Laboratory(root, connection, target)
    lab.raw.mkdir(parents=True)
    _images(lab)
    _stacks(lab)
    _matches(lab)
    _files(lab)
    for theme in themes():
        if hasattr(theme, "files"):
            theme.files(lab)
    return lab


@functools.cache
def themes() -> list[Any]:
    """Builders of themes, `laboratory_*.py` beside this file.

    Each has `parameters(lab, at)` as `parameters` here, `at` giving a path to write to, and may
    have `files(lab)`, which adds what its modules read, and `UNCONNECTED`, the names of those that
    take no `render`.
    """
    names = sorted(path.stem for path in Path(__file__).parent.glob("laboratory_*.py"))
    return [importlib.import_module(name) for name in names]


def scene(seed: int) -> np.ndarray:
    """Structure at two scales, 16 bit."""
    rng = np.random.default_rng(seed)
    fine, coarse = (gaussian_filter(rng.normal(size=(240, 240)), s) * s for s in (1.5, 5.0))
    return (2000 + 800 * (fine + coarse) + rng.normal(0, 5, (240, 240))).astype(np.uint16)


def _images(lab: Laboratory) -> None:
    lines = ["file,x,y,section"]
    for z in (0, 1):
        picture = scene(z)
        for frame, (x, y) in PLACES.items():
            for start in ("a", "b"):
                name = f"{start}_S{z:04d}_F{frame:04d}.tif"
                tifffile.imwrite(lab.raw / name, picture[y : y + SIDE, x : x + SIDE])
            lines.append(f"a_S{z:04d}_F{frame:04d}.tif,{x},{y},{z}")
    (lab.root / "positions.csv").write_text("\n".join(lines) + "\n")
    (lab.root / "positions_b.csv").write_text("\n".join(lines).replace("a_S", "b_S") + "\n")
    whole = (lab.raw / "a_S0000_F0000.tif").read_bytes()
    (lab.root / "damaged.tif").write_bytes(whole[: len(whole) // 2])
    tifffile.imwrite(lab.root / "mask.tif", np.full((SIDE, SIDE), 255, np.uint8))


def _stacks(lab: Laboratory) -> None:
    base = {"render": lab.connection, "image_directory": str(lab.raw)}
    for stack, table in (("acquired", "positions.csv"), ("again", "positions_b.csv")):
        data = base | {"output_stack": stack, "positions_file": lab.path(table)}
        ImportTiles(input_data=data, args=[]).run()
    for stack in ("shifted", "locked"):
        _copy(lab, stack, {"transforms": _places(5)})
    renderapi.stack.set_stack_state("locked", "READ_ONLY", render=lab.render)
    for stack, path in (("lost", lab.raw / "lost.tif"), ("damaged", lab.root / "damaged.tif")):
        _copy(lab, stack, {"mipmapLevels": {"0": {"imageUrl": path_to_url(path)}}})
    renderapi.stack.create_stack("empty", render=lab.render)


def _places(shift: float) -> dict[str, Any]:
    leaf = {"type": "leaf", "className": AFFINE, "dataString": f"1 0 0 1 {shift} {shift}"}
    return {"type": "list", "specList": [leaf]}


def _copy(lab: Laboratory, stack: str, change: dict[str, Any]) -> None:
    """A copy of `acquired` whose first tile of each section is changed."""
    renderapi.stack.create_stack(stack, render=lab.render)
    for z in (0.0, 1.0):
        section = get_resolved_tiles_from_z("acquired", z, render=lab.render)
        tiles = [tile.document() for tile in section.tilespecs]
        tiles[0] |= change
        specs = [renderapi.tilespec.TileSpec(json=tile) for tile in tiles]
        renderapi.resolvedtiles.put_tilespecs(stack, tilespecs=specs, render=lab.render)
    renderapi.stack.set_stack_state(stack, "COMPLETE", render=lab.render)


def _matches(lab: Laboratory) -> None:
    """What two tiles side by side share: a band of ten points, where the stage said."""
    found = []
    points = np.random.default_rng(0).uniform(0, SIDE - STEP, (10, 2))
    for z in (0.0, 1.0):
        section = get_resolved_tiles_from_z("acquired", z, render=lab.render)
        tiles = {tile.imageUrl[-5]: tile for tile in section.tilespecs}
        for one, other in ("01", "02", "13", "23"):
            p, q = (np.array(PLACES[int(frame)]) for frame in (one, other))
            ends = (points + q - p).T.tolist(), points.T.tolist()
            ids = tiles[one], tiles[other]
            groups = [tile.layout.sectionId for tile in ids]
            found.append({
                "pGroupId": groups[0], "pId": ids[0].tileId, "qGroupId": groups[1],
                "qId": ids[1].tileId, "matches": {"p": ends[0], "q": ends[1], "w": [1.0] * 10},
            })  # fmt: skip
    renderapi.pointmatch.import_matches("matches", found, render=lab.render)
    renderapi.pointmatch.set_collection_metadata(
        "matches", {"local_transforms": 0}, render=lab.render
    )


def _files(lab: Laboratory) -> None:
    pairs = {"render": lab.connection, "stack": "acquired", "tilepair_output": lab.path("p.json")}
    CreateTilePairs(input_data=pairs, args=[]).run()
    archive = {"render": lab.connection, "archive": lab.path("lab.zip"), "stacks": ["acquired"]}
    ExportProject(input_data=archive, args=[]).run()
    table = lab.root / "project"
    rows = [r for r in rows_of(table, sections=1, frames=1) if r["ribbon"] == 4]
    write_table(lab.root / "statetable", rows)
    folder = lab.root / "tilespecs"
    folder.mkdir()
    for z in (0.0, 1.0):
        section = get_resolved_tiles_from_z("acquired", z, render=lab.render)
        tiles = [tile.document() for tile in section.tilespecs]
        (folder / f"DAPI_{z:g}.json").write_text(json.dumps(tiles))


def parameters(lab: Laboratory, out: Path) -> dict[str, dict[str, Any]]:
    """Parameters with which each module succeeds in the laboratory, writing below `out`."""

    def at(name: str) -> str:
        return str(out / name)

    single = {"input_stack": "acquired", "output_stack": "made"}
    table = {"statetableFile": lab.path("statetable"), "projectDirectory": lab.path("project")}
    window = {"bounds": {"minX": 0, "maxX": 200, "minY": 0, "maxY": 200}}
    both = {"render_source": lab.connection, "render_target": lab.target}
    render = {"render": lab.connection}
    found: dict[str, dict[str, Any]] = {
        "dataimport.add_downsample_to_render_project": single
        | {"levels": 1, "path_replace": "small"},
        "dataimport.add_downsample_to_render_project_v3": single
        | {"mipmapspecs": [{"level": 1, "compression": "PNG"}], "path_replace": "small"},
        "dataimport.create_fast_stacks": table | {"levels": 1},
        "dataimport.create_fast_stacks_multi": table | {"levels": 1},
        "dataimport.create_mipmaps": {
            "inputImage": str(lab.raw / "a_S0000_F0000.tif"),
            "outputDirectory": at("mips"),
            "minIntensity": 0,
            "maxIntensity": 65535,
        },
        "dataimport.generate_mipmaps": single | {"output_directory": at("mips")},
        "dataimport.import_tiles": {
            "output_stack": "made",
            "image_directory": str(lab.raw),
            "positions_file": lab.path("positions.csv"),
        },
        "dataimport.upload_channeltilespec": {
            "inputDir": lab.path("tilespecs"),
            "outputStack": "made",
            "channel": "DAPI",
        },
        "dataimport.upload_tiledir": {"inputTileDirectory": str(lab.raw), "outputStack": "made"},
        "dataimport.upload_tilespecdir": {
            "inputDir": lab.path("tilespecs"),
            "outputStack": "made",
        },
        "datamanagement.delete_section": {"input_stack": "acquired", "zs": [1.0]},
        "datamanagement.diff_z": {"input_stack1": "acquired", "input_stack2": "again"},
        "materialize.create_views": {
            "input_stack": "acquired",
            "output_directory": at("views"),
            "scale": 0.5,
        }
        | window,
        "materialize.export_volume": {
            "input_stack": "acquired",
            "output_volume": at("v.ome.zarr"),
            "chunk": [1, 64, 64],
            "shard": [1, 128, 128],
        },
        "materialize.render_section_images": {
            "input_stack": "acquired",
            "image_directory": at("sections"),
            "scale": 0.5,
        },
        "module.template_module": {"example": "some text"},
        "pointmatch.create_tilepairs": {"stack": "acquired", "tilepair_output": at("pairs.json")},
        "pointmatch.generate_point_matches": {
            "stack": "acquired",
            "tilepair_file": lab.path("p.json"),
            "matchCollection": "made",
            "model": "translation",
            "search_radius": 8,
        },
        "pointmatch.map_pointmatch_forward": {
            "stack": "acquired",
            "src_matchcollection": "matches",
            "dst_matchcollection": "made",
        },
        "registration.apply_alignment_transform_from_registered_stack": {
            "source_stack": "acquired",
            "prealigned_stack": "acquired",
            "postaligned_stack": "shifted",
            "output_stack": "made",
        },
        "registration.fit_cross_registered_transform": {
            "input_stack_src_space": "acquired",
            "ref_stack_shared_space": "acquired",
            "ref_stack_dest_space": "shifted",
            "output_stack": "made",
        },
        "stack.append_fast_stacks": table | {"levels": 1},
        "stack.apply_global_affine_to_stack": single | {"transformId": "shift", "B0": 10},
        "stack.apply_global_affine_to_stacks": {
            "input_stacks": ["acquired", "again"],
            "output_prefix": "made_",
            "transformId": "half",
            "M00": 0.5,
        },
        "stack.apply_mask_to_stack": single | {"mask_file": lab.path("mask.tif")},
        "stack.auto_set_stack_levels": single,
        "stack.clone_stack": single,
        "stack.concatenate_stacks": {
            "input_stacks": ["acquired", "again"],
            "output_stack": "made",
            "adjust_z": True,
        },
        "stack.consolidate_render_transforms": {"stack": "acquired", "output_stack": "made"},
        "stack.copy_stack_metadata": {
            "input_stack": "acquired",
            "output_stack": ["again"],
            "fields_to_copy": ["stackResolutionZ"],
        },
        "stack.create_subvolume_stack": single
        | {"minX": 0, "maxX": 50, "minY": 0, "maxY": 50, "minZ": 0, "maxZ": 1},
        "stack.delete_stacks": {"stacks": ["again"], "confirm": True},
        "stack.flip_stack_by_raw_image_flip": single
        | {"output_directory": at("flipped"), "minZ": 0, "maxZ": 1},
        "stack.merge_render_stacks": {
            "stack1": "acquired",
            "stack2": "again",
            "output_stack": "made",
        },
        "stack.merge_session_stacks": {
            "base_stack": "acquired",
            "channel_stacks": {"DAPI": "acquired", "GFP": "again"},
            "output_stack": "made",
        },
        "stack.merge_stacks": {"stacks": ["acquired", "again"], "output_stack": "made"},
        "stack.regex_replace_filenames": single
        | {"regex_find": "/a_S", "regex_replace": "/b_S", "check_files": True},
        "stack.remap_zs": single | {"zs": [0, 1], "new_zs": [1, 0]},
        "stack.rename_sectionIds": single,
        "stack.set_stack_levels": {
            "stack": "acquired",
            "output_stack": "made",
            "minIntensity": 0,
            "maxIntensity": 4000,
        },
        "stack.set_stack_resolution": {"stacks": ["acquired"], "stackResolutionZ": 40.0},
        "stack.set_stack_state": {"stack": ["acquired"], "state": "READ_ONLY"},
        "stack.squeeze_stack": single,
        "stack.swap_zs": {"source_stack": ["acquired"], "target_stack": ["again"], "zs": [1]},
        "stitching.detect_and_drop_stitching_mistakes": {
            "prestitchedStack": "acquired",
            "poststitchedStack": "shifted",
            "outputStack": "made",
            "jsonDirectory": at("kept"),
        },
        "stitching.solve_montage": single | {"matchCollection": "matches"},
        "tile.create_filtered_EM_images": single | {"output_directory": at("filtered")},
        "tile.create_filtered_EM_images_2": single | {"output_directory": at("filtered")},
        "transfer.export_project": {"archive": at("copy.zip"), "stacks": ["acquired"]},
        "transfer.import_project": {
            "archive": lab.path("lab.zip"),
            "render": lab.target,
        },
        "transfer.move_pointmatch": both | {"collection_source": "matches"},
        "transfer.move_stack": both | {"stack_in": "acquired", "stack_out": "made"},
        "transfer.move_stacks_and_data_to_s3": both
        | {
            "input_stacks": ["acquired"],
            "output_prefix": "moved_",
            "data_destination": at("bucket"),
            "upload_data": True,
        },
    }
    unconnected = {name for name, given in found.items() if "render_source" in given}
    unconnected.add("dataimport.create_mipmaps")
    for theme in themes():
        found |= theme.parameters(lab, at)
        unconnected |= getattr(theme, "UNCONNECTED", set())
    return {n: given if n in unconnected else render | given for n, given in found.items()}


def contents(lab: Laboratory) -> dict[str, Any]:
    """What there is: files below the root with size and time, stacks and collections."""
    files, folders = {}, []
    for folder, _, names in os.walk(lab.root):
        folders.append(folder)
        for name in names:
            if not name.startswith("render.db"):
                found = os.lstat(os.path.join(folder, name))
                files[os.path.join(folder, name)] = (found.st_size, found.st_mtime_ns)
    held: dict[str, Any] = {"files": files, "folders": sorted(folders)}
    for which in (lab.connection, lab.target):
        render = renderapi.connect(**{k: v for k, v in which.items() if v})
        owner = which["owner"]
        held[owner] = renderapi.render.get_stack_metadata_by_owner(render=render)
        held[f"{owner} matches"] = renderapi.pointmatch.get_matchcollections(render=render)
    return held
