"""Shorten the transforms of tiles: consecutive affine ones become one."""

from __future__ import annotations

from typing import Any

import numpy as np
from argschema.fields import Int, OutputDir, Str
from marshmallow.validate import Length, Range, Regexp
from numpy.typing import NDArray

from renderapi.transform import AffineModel, Polynomial2DTransform
from renderapi.transform.specs import affine_spec, cached_leaf, flatten, references
from renderapps.module import parameter
from renderapps.module.output_parameters import ReplacingParameters
from renderapps.module.stack_edit import StackEditModule, StackEditParameters, ZSpellings
from renderapps.module.tile_documents import Json, Section
from renderapps.stack.remapping import exact_z, write_tile_specs


class ConsolidateTransformsParameters(ReplacingParameters, ZSpellings, StackEditParameters):
    """Parameters of consolidate_render_transforms."""

    stack = parameter(Str, "stack to read", aliases=["input_stack", "inputStack"])
    postfix = parameter(
        Str,
        "name of the output after that of the input, if none is given",
        default="_CONS",
        validate=Length(min=1),
    )
    output_stack = parameter(
        Str,
        "stack to make",
        default=None,
        default_text="stack and postfix",
        aliases=["outputStack"],
    )
    output_directory = parameter(
        OutputDir, "folder to write the tile specs to as well, STACK_ZZZZ", default=None
    )
    transforms_slice = parameter(
        Str,
        "part of each list of transforms to work on: START:END counted from 0, or from the end if "
        "negative; 1: is all but the first",
        default=":",
        validate=Regexp(r"-?\d*:(-?\d+)?$", error="is START:END, either of which may be left out"),
    )
    polynomial_order = parameter(
        Int,
        "write the affines as polynomials of this order; 0 leaves them affine",
        default=0,
        validate=Range(0, 3),
    )


class ConsolidateTransforms(StackEditModule):
    """[lens, A1, A2] becomes [lens, A2 A1]; [A1, A2, lens, A3] becomes [A2 A1, lens, A3].

    Rigid, similarity and translation transforms count as affine. Shared transforms that are not
    affine stay shared. Ids and labels of the affine ones are lost.
    """

    default_schema = ConsolidateTransformsParameters
    inputs = ("stack",)

    @property
    def output_stack(self) -> str:
        """The output that is given, else the input with the postfix."""
        if self.in_place:
            return self.args["stack"]
        return self.args["output_stack"] or self.args["stack"] + self.args["postfix"]

    def role_problems(self) -> list[str]:
        """There is always a name for the output."""
        if self.args["output_stack"] or self.in_place:
            return super().role_problems()
        return []

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with shorter lists of transforms."""
        (section,) = sections
        before = after = 0
        for tile in section.tiles:
            specs = listed(tile.get("transforms"))
            chosen = slice_of(self.args["transforms_slice"])
            rest = range(len(specs))[chosen]
            before += len(specs)
            shorter = consolidate(specs[chosen], section.transforms, self.args["polynomial_order"])
            specs[rest.start : max(rest.start, rest.stop)] = shorter
            after += len(specs)
            tile["transforms"] = {"type": "list", "specList": specs}
        drop_unused(section)
        report: dict[str, Any] = {"transforms_before": before, "transforms_after": after}
        if self.args["output_directory"]:
            name = f"{self.output_stack}_{exact_z(section.z)}"
            report["file"] = write_tile_specs(self.args["output_directory"], name, section)
        return section, report


def slice_of(text: str) -> slice:
    """Slice that a text means.

    >>> slice_of("1:")
    slice(1, None, None)
    """
    start, end = (int(part) if part.strip("-") else None for part in text.split(":"))
    return slice(start, end)


def listed(transforms: Json | None) -> list[Json]:
    """The transforms of a tile in one list, without lists inside; references stay."""
    specs: list[Json] = []
    for spec in _entries(transforms):
        specs += listed(spec) if spec.get("type") == "list" else [spec]
    return specs


def _entries(transforms: Json | None) -> list[Json]:
    if transforms is None:
        return []
    return transforms.get("specList", [transforms])


def consolidate(specs: list[Json], lookup: dict[str, Json], order: int = 0) -> list[Json]:
    """A list of transforms with each run of affine ones multiplied into one.

    References to affine transforms in `lookup` are replaced, others stay.
    """
    result: list[Json] = []
    total: NDArray[np.float64] | None = None
    for spec in specs:
        matrix = reference_matrix(spec, lookup)
        if matrix is not None:
            total = matrix if total is None else matrix @ total
            continue
        if total is not None:
            result.append(merged_spec(total, order))
            total = None
        result.append(spec)
    if total is not None:
        result.append(merged_spec(total, order))
    return result


def reference_matrix(spec: Json, lookup: dict[str, Json]) -> NDArray[np.float64] | None:
    """Matrix 3 x 3 of what is affine, also of a reference to nothing but affine transforms."""
    if spec.get("type") != "ref":
        return affine_matrix(spec)
    total = np.eye(3)
    for leaf in flatten(spec, lookup):
        matrix = affine_matrix(leaf)
        if matrix is None:
            return None
        total = matrix @ total
    return total


def affine_matrix(spec: Json) -> NDArray[np.float64] | None:
    """Matrix 3 x 3 of an affine transform, or None for any other."""
    if "className" not in spec:
        return None
    model = cached_leaf(spec["className"], spec["dataString"])
    return model.M if isinstance(model, AffineModel) else None


def merged_spec(matrix: NDArray[np.float64], order: int) -> Json:
    """An affine transform as such, or as a polynomial of an order above 0."""
    if not order:
        return affine_spec(matrix)
    params = np.zeros((2, (order + 1) * (order + 2) // 2))
    params[:, :3] = matrix[:2, [2, 0, 1]]  # 1, x, y
    return Polynomial2DTransform(params=params).to_dict()


def drop_unused(section: Section) -> None:
    """Leave out shared transforms that no tile of the section refers to any more."""
    wanted: set[str] = set()
    waiting = {ref for tile in section.tiles for ref in references(tile["transforms"])}
    while waiting:
        key = waiting.pop()
        if key in section.transforms and key not in wanted:
            wanted.add(key)
            waiting |= references(section.transforms[key])
    section.transforms = {k: v for k, v in section.transforms.items() if k in wanted}


if __name__ == "__main__":
    ConsolidateTransforms.main()
