"""The modules that the demonstration runs, and the parameters it gives them.

Every step is a module run as its users run it: from a JSON file, which stays in the output folder
beside the output JSON of the run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import renderapi
from renderapps.alignment.chain import Chain, Done, Step
from renderapps.alignment.chain_steps import Wanted, across_steps
from renderapps.module.errors import RenderModuleException

OWNER, PROJECT = "demo", "array_tomography"
ACQUIRED, MONTAGED, STITCHED, ALIGNED = "acquired", "montaged", "stitched", "aligned"
COLLECTION = "montage_matches"
LARGEST_PICTURE = 2000
ALONE = ("dataimport.import_tiles", "pointmatch.create_tilepairs")
"""Modules that work in one process."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """The tiles to stitch, and where they are said to be.

    Attributes
    ----------
    import_parameters : dict
        Of dataimport.import_tiles: folder of the tiles, and table of their positions.
    search_radius : float or None
        How far tiles may be off, in pixels; None: the default of generate_point_matches.
    pool_size : int or None
        Processes for each module; None: the default.
    """

    import_parameters: Json
    search_radius: float | None = None
    pool_size: int | None = None


class Pipeline:
    """The steps of the demonstration in a folder of their own."""

    def __init__(self, folder: Path, source: Input, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self.source = source
        self.tell = tell
        self.store = folder / "render.db"
        self.volume = folder / "volume.ome.zarr"
        self.aligned: bool | None = None  # None: there is one section
        connection = {"host": "local", "store": str(self.store), "owner": OWNER, "project": PROJECT}
        how = {} if source.pool_size is None else {"pool_size": source.pool_size}
        self.chain = Chain(folder, connection, tell, how, keep=False)
        self.render = self.chain.render

    @property
    def results(self) -> list[Done]:
        """Steps that were run, in their order."""
        return self.chain.done

    def run(self) -> None:
        """Run all steps, in order; a failure ends it, but sections may fail to align."""
        for module, parameters in self.stitching():
            self.run_step(module, parameters())
        sections = renderapi.stack.get_z_values_for_stack(STITCHED, render=self.render)
        if len(sections) > 1:
            self.aligned = self.align(sections)
        for module, parameters in self.showing():
            self.run_step(module, parameters())

    def run_step(self, module: str, parameters: Json) -> None:
        """Run a module as the next step."""
        name = f"{len(self.results) + 1:02d}_{module.rpartition('.')[2]}"
        self.chain.run(Step(name, module, parameters, pooled=module not in ALONE))

    @property
    def last_stack(self) -> str:
        """Stack of the tiles in their final places."""
        return ALIGNED if self.aligned else STITCHED

    def align(self, zs: list[float]) -> bool:
        """Bring the sections onto each other; False where they have nothing in common."""
        bounds = renderapi.stack.get_stack_bounds(STITCHED, render=self.render)
        side = max(bounds["maxX"] - bounds["minX"], bounds["maxY"] - bounds["minY"])
        wanted = Wanted(self.folder / "alignment", ALIGNED, ACQUIRED, montage_stack=STITCHED)
        steps = across_steps(wanted, zs, side)
        try:
            for step in steps:
                self.run_step(step.module, step.parameters)
        except RenderModuleException as error:
            self.tell(f"the sections are not aligned with each other: {error}")
            if ALIGNED in renderapi.render.get_stacks_by_owner_project(render=self.render):
                renderapi.stack.delete_stack(ALIGNED, render=self.render)  # of an earlier run
            return False
        return True

    def stitching(self) -> list[tuple[str, Callable[[], Json]]]:
        """Module and parameters of each step; parameters are made when the step is run."""
        return [
            ("dataimport.import_tiles", self.import_parameters),
            ("dataimport.generate_mipmaps", self.mipmap_parameters),
            ("pointmatch.create_tilepairs", self.pair_parameters),
            ("pointmatch.generate_point_matches", self.match_parameters),
            ("stitching.solve_montage", self.solve_parameters),
            ("stitching.detect_and_drop_stitching_mistakes", self.mistake_parameters),
        ]

    def showing(self) -> list[tuple[str, Callable[[], Json]]]:
        """Pictures and the volume."""
        return [
            ("materialize.render_section_images", lambda: self.picture_parameters(ACQUIRED)),
            ("materialize.render_section_images", lambda: self.picture_parameters(STITCHED)),
            ("materialize.export_volume", self.volume_parameters),
        ]

    def import_parameters(self) -> Json:
        """Tiles as the microscope placed them."""
        ours = {"output_stack": ACQUIRED, "intensity_range": "data", "existing": "replace"}
        return ours | self.source.import_parameters

    def mipmap_parameters(self) -> Json:
        """Reduced images, for drawing large areas quickly."""
        return {
            "input_stack": ACQUIRED,
            "in_place": True,
            "output_directory": self.folder / "mipmaps",
            "levels": 3,
            "image_format": "tif",
        }

    def pair_parameters(self) -> Json:
        """Which tiles overlap."""
        return {"stack": ACQUIRED, "tilepair_output": self.folder / "json" / "tile_pairs.json"}

    def match_parameters(self) -> Json:
        """What the overlaps have in common."""
        radius = self.source.search_radius
        return {
            "stack": ACQUIRED,
            "tilepair_file": self.folder / "json" / "tile_pairs.json",
            "matchCollection": COLLECTION,
            "model": "translation",
        } | ({} if radius is None else {"search_radius": radius})

    def solve_parameters(self) -> Json:
        """Where the matches put the tiles."""
        return {
            "input_stack": ACQUIRED,
            "output_stack": MONTAGED,
            "matchCollection": COLLECTION,
            "model": "translation",
            "existing": "replace",
        }

    def mistake_parameters(self) -> Json:
        """Tiles that cannot be where they were put are left out, and listed.

        Neighbours may have moved against each other as far as both could be off, and a tile that
        matching recognised elsewhere went far for a reason.
        """
        matches = self.output_of("generate_point_matches")
        radius = max((pair["search_radius"] for pair in matches["pairs"]), default=0.0)
        return {
            "prestitchedStack": ACQUIRED,
            "poststitchedStack": MONTAGED,
            "outputStack": STITCHED,
            "distance_threshold": max(50.0, 4 * radius),
            "explained_tiles": [found["tileId"] for found in matches["relocated_tiles"]],
            "existing": "replace",
        }

    def picture_parameters(self, stack: str) -> Json:
        """One picture of each section."""
        bounds = renderapi.stack.get_stack_bounds(stack, render=self.render)
        side = max(bounds["maxX"] - bounds["minX"], bounds["maxY"] - bounds["minY"])
        return {
            "input_stack": stack,
            "image_directory": self.folder / "pictures",
            "custom_output_folder": "before" if stack == ACQUIRED else "after",
            "scale": min(1.0, LARGEST_PICTURE / side),
        }

    def volume_parameters(self) -> Json:
        """The volume for other programs."""
        return {
            "input_stack": self.last_stack,
            "output_volume": self.volume,
            "chunk": [1, 256, 256],
            "shard": [1, 1024, 1024],
            "overwrite": True,
        }

    def output_of(self, module: str) -> Json:
        """Output JSON of the last run of a module."""
        return next(r.output for r in reversed(self.results) if r.step.module.endswith(module))
