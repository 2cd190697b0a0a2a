"""Put a transform of its section, from a file, behind those of each tile of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from argschema.fields import InputDir, Str

from renderapps.module import (
    RenderModuleException,
    Section,
    StackEditModule,
    StackEditParameters,
    parameter,
)


class ApplyZTransformsParameters(StackEditParameters):
    """Parameters of apply_ztransforms_to_render_stack."""

    prealignedStack = parameter(Str, "stack before the alignment, as the file is named for it")
    postalignedStack = parameter(Str, "stack after the alignment, as the file is named for it")
    inputStack = parameter(Str, "stack to transform", aliases=["input_stack"])
    outputStack = parameter(Str, "stack to make", aliases=["output_stack"])
    jsonDirectory = parameter(
        InputDir,
        "folder of OWNER_PROJECT_PREALIGNED_to_POSTALIGNED_Transforms.json: a list of transforms "
        "with the ids PREALIGNED_to_POSTALIGNED_z_3.000000_alignment",
        default=".",
        aliases=["json_directory"],
    )


class ApplyZTransforms(StackEditModule):
    """Each section gets one shared transform, which all its tiles refer to."""

    default_schema = ApplyZTransformsParameters
    inputs = ("inputStack",)
    outputs = ("outputStack",)

    @property
    def alignment(self) -> str:
        """What the names in the file begin with."""
        return f"{self.args['prealignedStack']}_to_{self.args['postalignedStack']}"

    def prepare(self) -> None:
        """Read the transforms."""
        super().prepare()
        render = self.render
        name = f"{render.DEFAULT_OWNER}_{render.DEFAULT_PROJECT}_{self.alignment}_Transforms.json"
        path = Path(self.args["jsonDirectory"]) / name
        try:
            found = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise RenderModuleException(f"{path} cannot be read as JSON: {error}") from error
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise RenderModuleException(f"{path} is no list of transforms")
        self.path, self.transforms = path, {str(one.get("id")): one for one in found}

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with the transform of its z behind all others."""
        (section,) = sections
        name = f"{self.alignment}_z_{section.z:.6f}_alignment"
        if name not in self.transforms:
            raise RenderModuleException(f"{self.path} has no transform {name}")
        section.transforms[name] = self.transforms[name]
        for tile in section.tiles:
            tile["transforms"]["specList"].append({"type": "ref", "refId": name})
        return section, {"transform": name}


if __name__ == "__main__":
    ApplyZTransforms.main()
