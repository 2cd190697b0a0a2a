"""Export the tiles of a box of a stack as a TrakEM2 project, to correct their places by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from argschema.fields import Boolean

from renderapps.module import RenderModule, parameter
from renderapps.module.box import Box, read_box
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_zs
from renderapps.TrakEM2.exporting import Chunk, ProjectBuilder, createchunks, require_inside
from renderapps.TrakEM2.parameters import TEM2ProjectTransfer
from renderapps.TrakEM2.side_car import side_car_path

PROJECT_FILE = "project.xml"


class CreateTrakEM2ProjectParameters(TEM2ProjectTransfer):
    """Parameters of create_trakem2_subvolume_from_render."""

    relative_paths = parameter(
        Boolean,
        "write images below the folder of the project relative to it, so that both can be moved "
        "together",
        default=False,
    )


class CreateTrakEM2Project(RenderModule):
    """The way back is reimport_trakem2_to_render, with the same parameters.

    Affine transforms of a tile become its matrix; where one is not affine the patch keeps the list
    of them. Beside each project lies a JSON file that says which tile was put where: keep the two
    together.
    """

    default_schema = CreateTrakEM2ProjectParameters

    def run(self) -> None:
        """Write a project, or one for each chunk, and report the tiles of each section."""
        zs = selected_zs(self)
        chunks = chunks_of(self.args, zs)
        require_inside(self.render, self.args["inputStack"], Box.of(self.args))
        projects = [self.export(chunk, [z for z in zs if chunk.holds(z)]) for chunk in chunks]
        self.output({"projects": projects})

    def export(self, chunk: Chunk, zs: Sequence[float]) -> dict[str, Any]:
        """Write the project of a chunk; its entry in the report."""
        path = project_path(self.args, chunk)
        stack = self.args["inputStack"]
        folder = path.parent.absolute() if self.args["relative_paths"] else None
        box = Box.of(self.args)
        builder = ProjectBuilder(stack, box, folder)
        sections = [
            {"z": z, "tiles": builder.add_layer(read_box(self.render, stack, z, box))} for z in zs
        ]
        builder.write(path)
        return {"project": path, "tiles_file": side_car_path(path), "sections": sections}


def selected_zs(module: RenderModule) -> list[float]:
    """The sections of inputStack that the parameters select."""
    stack = module.args["inputStack"]
    zs, low, high = (module.args[name] for name in ("zs", "minZ", "maxZ"))
    return chosen_zs(stack_zs(module.render, stack), zs, low, high, f"stack {stack}")


def chunks_of(args: dict[str, Any], zs: Sequence[float]) -> list[Chunk]:
    """The chunks that the parameters mean: one of all sections, or with doChunk several."""
    if not args["doChunk"]:
        return [Chunk(zs[0], zs[-1])]
    chunks = createchunks(zs[0], zs[-1], args["chunkSize"])
    return [chunk for chunk in chunks if any(chunk.holds(z) for z in zs)]


def project_path(args: dict[str, Any], chunk: Chunk) -> Path:
    """The project file of a chunk."""
    return Path(args["outputXMLdir"]) / chunk.dir / PROJECT_FILE


if __name__ == "__main__":
    CreateTrakEM2Project.main()
