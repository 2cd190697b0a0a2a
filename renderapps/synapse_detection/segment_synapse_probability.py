"""Turn a synapse probability volume into objects, saved as polygons in world coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Float, InputFile, Int, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Range
from numpy.typing import NDArray

import renderapi
from renderapi.errors import NotFoundError
from renderapi.files import atomic_path
from renderapps.module import RenderModule, RenderModuleException, RenderParameters, parameter
from renderapps.module.fields import NewFile
from renderapps.module.report import ReportSchema
from renderapps.module.stacks import stack_metadata, stack_zs
from renderapps.TrakEM2.annotations import AnnotationFile, Area, AreaList, write_annotations
from renderapps.TrakEM2.rasters import rings_of_pixels

Labels = NDArray[np.int32]


class SegmentSynapsesParameters(RenderParameters):
    """Parameters of segment_synapse_probability."""

    scale = parameter(
        Float,
        "scale at which the volume was rendered",
        default=0.03125,
        validate=Range(min=0, min_inclusive=False),
    )
    stack_for_bounds = parameter(Str, "stack whose bounds the volume covers")
    syn_probability_file = parameter(InputFile, "TIFF volume of probabilities, axes z, y, x")
    output_file = parameter(NewFile, "annotations, JSON")
    threshold_high = parameter(Float, "an object has a voxel of at least this", default=0.25)
    threshold_low = parameter(Float, "voxels above this belong to objects", default=0.065)
    segment_tiff = parameter(NewFile, "TIFF volume of the labels to write as well", default=None)
    minimum_voxels = parameter(
        Int, "smaller objects are left out", default=1, validate=Range(min=1)
    )

    @validates_schema
    def thresholds_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """An object is foreground where it has its peak."""
        if data["threshold_low"] > data["threshold_high"]:
            raise ValidationError(
                f"above threshold_high {data['threshold_high']:g}", "threshold_low"
            )


class SegmentSynapses(RenderModule):
    """Voxels that share a face are connected; a plane of the volume is a section of the stack.

    oid is the label of an object, id its running number. A hole is an area of its own.
    """

    default_schema = SegmentSynapsesParameters
    default_output_schema = ReportSchema

    def run(self) -> None:
        """Read, label, outline, write, report."""
        args = self.args
        stack, path = args["stack_for_bounds"], Path(args["syn_probability_file"])
        stack_metadata(self.render, stack)
        try:
            bounds = renderapi.stack.get_stack_bounds(stack, render=self.render)
        except NotFoundError:
            raise RenderModuleException(f"stack {stack} has no tiles") from None
        zs = stack_zs(self.render, stack)
        volume = read_volume(path)
        zs = planes_of(volume.shape[0], zs)
        require_shape(volume.shape, bounds, len(zs), args["scale"], f"{path} beside stack {stack}")
        labels = segmented(volume, args["threshold_low"], args["threshold_high"])
        labels, small = without_small(labels, args["minimum_voxels"])
        corner = (bounds["minX"], bounds["minY"])
        annotations = outlined(labels, 1 / args["scale"], corner, zs)
        if args["segment_tiff"]:
            write_labels(Path(args["segment_tiff"]), labels)
        write_annotations(args["output_file"], annotations)
        self.output({"objects": len(annotations.area_lists), "too_small": small})


def read_volume(path: Path) -> NDArray[Any]:
    """Volume (z, y, x) of a TIFF file.

    Raises
    ------
    RenderModuleException
        For a file that is no TIFF, or has other axes.
    """
    import tifffile

    try:
        volume = tifffile.imread(path)
    except (tifffile.TiffFileError, ValueError, OSError) as error:
        raise RenderModuleException(f"{path} cannot be read as TIFF: {error}") from error
    if volume.ndim == 2:
        volume = volume[None]
    if volume.ndim != 3:
        raise RenderModuleException(f"{path} has {volume.ndim} axes; z, y, x are needed")
    return volume


def planes_of(planes: int, zs: list[float]) -> list[float]:
    """z of each plane: the sections there are, or with gaps counted as planes, all z values."""
    span = round(zs[-1] - zs[0]) + 1
    if planes != len(zs) and planes == span:
        return [zs[0] + k for k in range(span)]
    return zs


def require_shape(
    shape: tuple[int, ...], bounds: dict[str, float], sections: int, scale: float, what: str
) -> None:
    """Refuse a volume that does not cover the bounds: they may have changed since it was drawn."""
    sides = [(bounds[f"max{axis}"] - bounds[f"min{axis}"]) * scale for axis in "YX"]
    expected = [sections, *map(round, sides)]
    for axis, there, wanted, slack in zip("zyx", shape, expected, (0, 1, 1), strict=True):
        if abs(there - wanted) > slack:
            raise RenderModuleException(
                f"{what}: the volume has {there} voxels in {axis}, the bounds at scale {scale:g} "
                f"are {wanted}: give the scale and the stack it was rendered from"
            )


def segmented(volume: NDArray[Any], low: float, high: float) -> Labels:
    """Labels of face-connected objects of voxels above `low` that reach `high`; 0 elsewhere.

    Numbers of objects that do not reach it stay free.
    """
    from scipy import ndimage

    labels, count = ndimage.label(volume > low)
    if count:
        peaks = ndimage.maximum(volume, labels, np.arange(count + 1))
        labels[(np.asarray(peaks) < high)[labels]] = 0
    return labels.astype(np.int32)


def without_small(labels: Labels, minimum: int) -> tuple[Labels, list[int]]:
    """The labels without objects of fewer voxels, and which those were."""
    sizes = np.bincount(labels.ravel())
    small = np.flatnonzero((sizes < minimum) & (sizes > 0))
    small = small[small > 0]
    if len(small):
        labels = np.where(np.isin(labels, small), 0, labels).astype(np.int32)
    return labels, small.tolist()


def outlined(
    labels: Labels, pixel: float, corner: tuple[float, float], zs: list[float]
) -> AnnotationFile:
    """Annotations of labelled objects.

    Parameters
    ----------
    labels : (z, y, x)
    pixel : float
        World pixels per voxel in x and y.
    corner : (x, y)
        World place of the corner of the volume.
    zs : list of float
        z of each plane.
    """
    from scipy import ndimage

    made = AnnotationFile()
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        areas = AreaList(str(number), len(made.area_lists))
        z0, y0, x0 = (side.start for side in box)
        for k, plane in enumerate(labels[box] == number):
            y, x = np.nonzero(plane)
            for ring, hole in rings_of_pixels(x + x0, y + y0) if len(x) else ():
                world = ring * pixel + np.array(corner)
                areas.areas.append(Area(global_path=world, z=zs[z0 + k], hole=hole))
        made.area_lists.append(areas)
    return made


def write_labels(path: Path, labels: Labels) -> None:
    """Write a label volume, whole or not at all, in the smallest type that holds the numbers."""
    import tifffile

    kind = np.uint16 if labels.max(initial=0) < 2**16 else np.uint32
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary, labels.astype(kind), photometric="minisblack", metadata={"axes": "ZYX"}
        )


if __name__ == "__main__":
    SegmentSynapses.main()
