"""Turn the area lists of a TrakEM2 project into annotations in the pixels of a stack's tiles."""

from __future__ import annotations

from pathlib import Path

from argschema.fields import Float, InputFile, Str
from marshmallow.validate import Range

from renderapps.module import RenderModule, RenderModuleException, parameter
from renderapps.module.fields import NewFile
from renderapps.module.report import ReportSchema
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import read_section
from renderapps.TrakEM2.annotation_import import (
    AnnotationConversionError,
    FramedLayer,
    convert_area_lists,
    framed_layer,
    frames,
)
from renderapps.TrakEM2.annotations import write_annotations
from renderapps.TrakEM2.parameters import RenderTrakEM2Parameters
from renderapps.TrakEM2.project import Project
from renderapps.TrakEM2.reader import read_project

__all__ = [
    "AnnotationConversionError",
    "ImportTrakEM2AnnotationParameters",
    "ImportTrakEM2Annotations",
]


class ImportTrakEM2AnnotationParameters(RenderTrakEM2Parameters):
    """Parameters of ImportTrakEM2Annotations."""

    EMstack = parameter(Str, "stack with the images of the project, whose tileIds are written")
    trakem2project = parameter(InputFile, "TrakEM2 project, .xml or .xml.gz")
    output_annotation_file = parameter(NewFile, "annotations in local coordinates, JSON")
    output_bounding_box_file = parameter(
        NewFile, "the rectangle of the canvas in every section, JSON"
    )
    tolerance = parameter(
        Float,
        "how far beside all tiles a point may lie, pixels of the project; it is then given in the "
        "pixels of the nearest tile",
        default=5.0,
        validate=Range(min=0),
    )


class ImportTrakEM2Annotations(RenderModule):
    """Local annotations stay right when the tiles are aligned anew.

    A layer is the section of the same z. Patches are found by the names of their image files, cut
    at `_flip`. Annotations that cannot be converted are named, the others are written, and the
    exit status is 1.
    """

    default_schema = ImportTrakEM2AnnotationParameters
    default_output_schema = ReportSchema

    def run(self) -> None:
        """Read, convert, write both files, report; fail if something was left out."""
        path = Path(self.args["trakem2project"])
        project = read_project(path)
        layers = self.framed_layers(project, path.absolute().parent)
        boxes, no_frames = frames(project, layers)
        annotations, failed = convert_area_lists(project, layers, self.args["tolerance"])
        write_annotations(self.args["output_bounding_box_file"], boxes)
        write_annotations(self.args["output_annotation_file"], annotations)
        self.output(
            {
                "annotations": len(annotations.area_lists),
                "failed_annotations": failed,
                "empty_annotations": [str(a.oid) for a in project.area_lists if not a.areas],
                "sections": len(boxes.area_lists),
                "layers_without_tiles": no_frames,
                "unmatched_patches": [n for layer in layers.values() for n in layer.unmatched],
            }
        )
        if failed:
            total = len(failed) + len(annotations.area_lists)
            raise RenderModuleException(
                f"{len(failed)} of {total} annotations were not converted: {failed[0]['reason']}; "
                f"the others are in {self.args['output_annotation_file']}"
            )

    def framed_layers(self, project: Project, folder: Path) -> dict[int, FramedLayer]:
        """The layers that are sections of the stack, by their numbers."""
        stack = self.args["EMstack"]
        there = set(stack_zs(self.render, stack))
        return {
            layer.oid: framed_layer(
                layer, read_section(self.render, stack, layer.z).tiles, folder, layer.z
            )
            for layer in project.layers
            if layer.z in there
        }


if __name__ == "__main__":
    ImportTrakEM2Annotations.main()
