"""Write a stack as a scene (OME-Zarr 0.6): the tiles as they are, with their transformations."""

from __future__ import annotations

from functools import partial
from typing import Any

from argschema.fields import Boolean, Int, List, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf, Range

from renderapi.urls import url_to_path
from renderapi.volume.layout import VolumeLayout
from renderapps.materialize import scene_metadata
from renderapps.materialize.formats.omezarr import FORMAT
from renderapps.materialize.place import Place
from renderapps.materialize.scene_tiles import SceneJob, make_section
from renderapps.materialize.unfinished import (
    PLAN,
    alone,
    begun,
    check_target,
    forget_if_empty,
    parts_place,
    put_back,
    put_in_place,
    unfinished,
)
from renderapps.materialize.volume_parameters import ObjectStoreParameters, refuse_memory_of_one
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    ZParameters,
    parameter,
)
from renderapps.module.fields import check_output_folder
from renderapps.module.result import to_json
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_metadata, stack_zs
from renderapps.transfer.storage import Storage


class ExportSceneParameters(
    ZParameters, ParallelParameters, ObjectStoreParameters, RenderParameters
):
    """Parameters of export_scene."""

    input_stack = parameter(Str, "stack to write")
    output_scene = parameter(
        Str, "folder or URL of the scene, by custom called NAME.ome.zarr", is_path=True
    )
    nonaffine = parameter(
        Str,
        "tiles that lie by more than an affine (lens corrections, splines): refuse them, or fit "
        "the affine that comes nearest and report how far it is off",
        default="refuse",
        validate=OneOf(("refuse", "fit")),
    )
    chunk = parameter(
        List,
        "y and x size of what is compressed together",
        Int(validate=Range(min=1)),
        default=lambda: [512, 512],
        default_text="512 512",
        validate=Length(equal=2),
    )
    levels = parameter(
        Int,
        "number of resolution levels of a tile, the full one included",
        default=None,
        default_text="until the larger side is at most 512",
        validate=Range(1, 32),
    )
    overwrite = parameter(
        Boolean, "let a finished scene take the place of one that is there", default=False
    )

    @validates_schema
    def place_can_be_written(self, data: dict[str, Any], **_: Any) -> None:
        """A folder of this machine can be made."""
        path = url_to_path(data["output_scene"])
        refuse_memory_of_one(data, "output_scene")
        if not data["output_scene"].strip("/ "):
            raise ValidationError("names no scene", "output_scene")
        if path is not None:
            try:
                check_output_folder(str(path.absolute()))
            except ValidationError as error:
                raise ValidationError(error.messages, "output_scene") from None


class ExportScene(RenderModule):
    """Write a stack as a scene of OME-Zarr 0.6: nothing is resampled."""

    default_schema = ExportSceneParameters

    def run(self) -> None:
        """Write the tiles section by section, then the scene that says where they lie."""
        storage = Storage(
            self.args["aws_region"], self.args["endpoint_url"], self.args["storage_options"]
        )
        target = Place.of(self.args["output_scene"], storage)
        put_back(target)
        check_target(target, FORMAT, self.args["overwrite"])
        stack = self.args["input_stack"]
        zs = chosen_zs(
            stack_zs(self.render, stack),
            self.args["zs"],
            self.args["minZ"],
            self.args["maxZ"],
            f"stack {stack}",
        )
        work = unfinished(target)
        job = SceneJob(
            self.render,
            stack,
            parts_place(target, FORMAT),
            work,
            self.model(),
            self.args["nonaffine"] == "fit",
        )
        with alone(work):
            if target.folder is None and work.read(PLAN) is None:
                target.remove()
            begun(
                work, job.target, {"volume": {"scene": stack, "zs": zs, "model": repr(job.model)}}
            )
            try:
                sections = self.sections(target, job, zs)
            except BaseException:
                forget_if_empty(work)
                raise
            self.finish(job, sections)
            put_in_place(target, FORMAT, work, None)
        self.output(self.report(target, job, sections))

    def model(self) -> VolumeLayout:
        """Layout of a tile's image, but for its size."""
        version = stack_metadata(self.render, self.args["input_stack"])["currentVersion"]
        sizes = {axis: version.get(f"stackResolution{axis}") for axis in "ZYX"}
        z, y, x = (float(size or 1.0) for size in sizes.values())
        height, width = self.args["chunk"]
        most = 1 << 16  # a tile is one shard
        return VolumeLayout(
            shape=(1, 1, 1),
            dtype="uint8",
            voxel_nm=(z, y, x),
            chunk=(1, height, width),
            shard=(1, max(1, most // height) * height, max(1, most // width) * width),
            levels=self.args["levels"],
            no_unit=tuple(axis.lower() for axis, size in sizes.items() if not size),
        )

    def sections(self, target: Place, job: SceneJob, zs: list[float]) -> list[dict[str, Any]]:
        """Write the tiles of every section."""
        function = partial(make_section, job)
        if target.is_of_process:
            results = self.map_tasks(function, zs, "writing sections", 1)
        else:
            results = self.map_tasks(function, zs, "writing sections")
        for result in results:
            if isinstance(result, TaskFailure):
                self.logger.debug("%s", result.details)
                raise RenderModuleException(f"z={result.item:g}: {result.reason}")
        return results

    def finish(self, job: SceneJob, sections: list[dict[str, Any]]) -> None:
        """Write the groups above the tiles; that of the scene last."""
        job.target.write("tiles/zarr.json", to_json(scene_metadata.group()))
        places = [place for section in sections for place in section["places"]]
        axes = {len(place.get("translation") or place["affine"]) for place in places}
        if len(axes) > 1:
            raise RenderModuleException(
                "some tiles have named channels and others have none: a scene has one world, with "
                "an axis for channels or without; choose sections that are alike"
            )
        with_channels = axes == {4}
        world = scene_metadata.scene(_with_channels(job.model) if with_channels else job.model,
                                     places)  # fmt: skip
        job.target.write("zarr.json", to_json(scene_metadata.group(world, name=job.stack)))

    def report(
        self, target: Place, job: SceneJob, sections: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """What was written, and what was left out."""
        fitted = [tile for section in sections for tile in section["fitted"]]
        masks = [tile for section in sections for tile in section["masks"]]
        if masks:
            self.logger.warning("masks of %d tiles are left out: scenes hold none", len(masks))
        return {
            "output_scene": target.url,
            "sections": len(sections),
            "kept_sections": sum(section["kept"] for section in sections),
            "tiles": sum(len(section["places"]) for section in sections),
            "bytes": sum(section["bytes"] for section in sections),
            "voxel_nm_zyx": job.model.known(job.model.voxel_nm),
            "fitted_tiles": fitted,
            "masks_left_out": masks,
        }


def _with_channels(model: VolumeLayout) -> VolumeLayout:
    from dataclasses import replace

    return replace(model, channels=("c",))


if __name__ == "__main__":
    ExportScene.main()
