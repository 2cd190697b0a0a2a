"""Solve the places of tiles or sections by their point matches: montage, rough and fine alignment.

What is minimised, in which coordinates and units, is written down in docs/alignment.md. Before
anything is solved the report tells what hangs together through matches. Pairs that contradict
others around a cycle are rejected, each with its reason; what no match connects with the rest is
placed by the model that fits the others, and listed. Nothing is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Float, Int, List, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf, Range

import renderapi
from renderapps.module import (
    RenderModuleException,
    Section,
    StackEditModule,
    StackEditParameters,
    parameter,
)
from renderapps.module.effort import ALWAYS
from renderapps.module.fields import NewFile, OneOrMore
from renderapps.module.stack_edit import DryRunParameters
from renderapps.module.stacks import stack_metadata
from renderapps.pointmatch.match_collection import MatchOwnerParameters, owner_of_matches

if TYPE_CHECKING:
    from renderapps.alignment.solve_report import SolveReport
    from renderapps.alignment.solving import Rules
    from renderapps.alignment.volume import Volume

MODELS = (
    "translation",
    "rigid",
    "similarity",
    "affine",
    "polynomial2",
    "polynomial3",
    "thin_plate_spline",
)
PRESETS: dict[str, dict[str, Any]] = {
    "montage": {
        "model": "translation",
        "units": "tiles",
        "prior": "present",
        "regularization": 1e-3,
        "tolerances": (0.75, 20.0),
    },
    "rough": {
        "model": "rigid",
        "units": "sections",
        "prior": "rigid",
        "regularization": 1e-3,
        "tolerances": (5.0, 200.0),
    },
    "fine": {
        "model": "affine",
        "units": "tiles",
        "prior": "present",
        "regularization": 1e-3,
        "tolerances": (1.5, 50.0),
    },
}
PLACE = 1e-7
GRID = 3
POSITIVE: dict[str, Any] = {"validate": Range(min=0, min_inclusive=False)}
OF_PRESET = "that of the preset"


class SolveParameters(MatchOwnerParameters, DryRunParameters, StackEditParameters):
    """Parameters of the solver."""

    input_stack = parameter(Str, "stack with the tiles as they lie", aliases=["stack"])
    output_stack = parameter(
        Str, "stack to make, with the tiles in their solved places", default=None
    )
    matchCollections = parameter(
        OneOrMore,
        "match collections; all their pairs take part. One alone may be given as a text",
        Str(),
        validate=Length(min=1),
        aliases=["match_collections", "matchCollection", "match_collection"],
    )
    collection_weights = parameter(
        List,
        "factor of the weights of each collection, in their order",
        Float(validate=Range(min=0, min_inclusive=False)),
        default=None,
        default_text="1 for each",
    )
    preset = parameter(
        Str,
        "montage: each section by itself, tiles by translations; rough: whole sections move, by "
        "rigid maps, through matches across sections; fine: all tiles of all sections at once, by "
        "affine maps, within and across sections",
        default="montage",
        validate=OneOf(tuple(PRESETS)),
    )
    model = parameter(
        Str,
        "how a tile or section may change",
        default=None,
        default_text=OF_PRESET,
        validate=OneOf(MODELS),
    )
    grid = parameter(
        Int,
        "control points along each side of a thin plate spline",
        default=GRID,
        validate=Range(3, 8),
    )
    prior = parameter(
        Str,
        "what regularization holds shapes at: as they are at present, or as the solution by rigid "
        "maps has them, which is found first",
        default=None,
        default_text=OF_PRESET,
        validate=OneOf(("present", "rigid")),
    )
    regularization_place = parameter(
        Float,
        "how strongly centres are held where they are, against matches that weigh about 1 per pair",
        default=PLACE,
        **POSITIVE,
    )
    regularization = parameter(
        Float,
        "how strongly rotation, scale and shear are held at the prior; rigid maps of the preset "
        "rough are only held in place",
        default=None,
        default_text="0.001",
        **POSITIVE,
    )
    regularization_bending = parameter(
        Float,
        "how strongly the higher terms of polynomials and splines are held at 0",
        default=1e-3,
        **POSITIVE,
    )
    montage_weight = parameter(
        Float, "factor of pairs within a section; 0 leaves them out", default=1.0,
        validate=Range(min=0),
    )  # fmt: skip
    z_weights = parameter(
        List,
        "factors of pairs between sections 1, 2, ... apart in z; pairs farther apart are left out",
        Float(validate=Range(min=0)),
        default=None,
        default_text="1 0.5 0.25",
        validate=Length(min=1),
    )
    fixed_tiles = parameter(List, "tiles that stay where they are", Str(), default=None)
    fixed_zs = parameter(List, "sections that stay where they are", Float(), default=None)
    robust = parameter(
        Boolean,
        "find the pairs that contradict others around a cycle, and reject them; false: all count",
        default=True,
    )
    robust_points = parameter(
        Boolean,
        "let points that depart from what the others of their pair have in common, by more than "
        "half of minimum_tolerance and than they scatter, count less or not at all; false: all "
        "count by their weights",
        default=None,
        default_text="that of robust",
    )
    minimum_tolerance = parameter(
        Float,
        "a pair that misses by less than this is never rejected, pixels",
        default=None,
        default_text="montage 0.75, rough 5, fine 1.5",
        **POSITIVE,
    )
    maximum_tolerance = parameter(
        Float,
        "a pair that misses by more than this and is not the only connection of its two sides is "
        "rejected, pixels; in between the limit is three times the spread of the pairs that agree",
        default=None,
        default_text="montage 20, rough 200, fine 50",
        **POSITIVE,
    )
    unconnected = parameter(
        Str,
        "tiles and groups that no match connects with the rest: placed by the model that fits the "
        "others (of the section, or of the sections beside it), or left in place",
        default="model",
        validate=OneOf(("model", "stay")),
    )
    whole_pixels = parameter(
        Boolean,
        "bring the common shift of a translation montage, which nothing else determines, onto "
        "whole pixels",
        default=True,
    )
    solver = parameter(
        Str,
        "direct: sparse factors; iterative: conjugate gradients",
        default=None,
        default_text="iterative where more than 5000 tiles of several sections are solved at once",
        validate=OneOf(("direct", "iterative")),
    )
    local_transforms = parameter(
        Int,
        "number of leading transforms of a tile that its match points were stored after; they "
        "stay as they are (0: points are pixels of the stored image)",
        default=None,
        default_text="what the match collections say",
        validate=Range(min=0),
    )
    list_pairs = parameter(
        Str,
        "pairs that the report lists: all; or those that were rejected or that nothing checks, and "
        "the worst",
        default="all",
        validate=OneOf(("all", "noteworthy")),
    )
    html_report = parameter(
        NewFile, "page with the report, one file", default=None, default_text="none is written"
    )

    @validates_schema
    def weights_of_collections(self, data: dict[str, Any], **_: Any) -> None:
        """One for each."""
        given = data.get("collection_weights")
        if given is not None and len(given) != len(data.get("matchCollections") or ()):
            raise ValidationError("needs one number for each collection", "collection_weights")

    @validates_schema
    def sections_have_to_be_solved_together(self, data: dict[str, Any], **_: Any) -> None:
        """Nothing is ignored."""
        if data["preset"] == "montage" and data["z_weights"] is not None:
            raise ValidationError("is for the presets rough and fine", "z_weights")
        if data["preset"] == "rough" and data["montage_weight"] != 1.0:
            raise ValidationError("is for the presets montage and fine", "montage_weight")
        model = data["model"] or PRESETS.get(data["preset"], PRESETS["montage"])["model"]
        if model != "thin_plate_spline" and data["grid"] != GRID:
            raise ValidationError(f"is for thin plate splines, the model is {model}", "grid")

    @validates_schema
    def names_of_collections(self, data: dict[str, Any], **_: Any) -> None:
        """A collection that is named twice would count twice."""
        names = data.get("matchCollections") or []
        if len(set(names)) < len(names):
            raise ValidationError("names a collection twice", "matchCollections")

    @validates_schema
    def tolerances_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The bounds of the tolerance must leave something between them."""
        low, high = PRESETS.get(data["preset"], PRESETS["montage"])["tolerances"]
        least = data.get("minimum_tolerance") or low
        if least > (data.get("maximum_tolerance") or high):
            raise ValidationError("is above maximum_tolerance", "minimum_tolerance")


class Solve(StackEditModule):
    """Solve the places of tiles or sections by their point matches."""

    default_schema = SolveParameters
    effort = ALWAYS

    def chosen(self, name: str) -> Any:
        """A parameter, or what the preset has for it."""
        given = self.args[name]
        return PRESETS[self.args["preset"]][name] if given is None else given

    def prepare(self) -> None:
        """Find the collections; solve what is solved as a whole."""
        from renderapps.alignment.stored_matches import find_collection

        owner, names = owner_of_matches(self), self.args["matchCollections"]
        weights = self.args["collection_weights"] or [1.0] * len(names)
        self.collections = [
            find_collection(self.render, owner, name, weight, self.args["local_transforms"])
            for name, weight in zip(names, weights, strict=True)
        ]
        self.keep = max(collection.after for collection in self.collections)
        self.nanometres = self.pixel_size()
        self.together: SolveReport | None = None
        self.check_fixed()
        if self.args["preset"] != "montage":
            self.together = self.solved(self.select_zs())

    def check_fixed(self) -> None:
        """Fixed tiles and sections have to be there."""
        from renderapps.module.section_module import chosen_zs

        if self.args["fixed_tiles"]:
            there = set(renderapi.stack.get_stack_tileIds(self.z_stack, render=self.render))
            if unknown := [tile for tile in self.args["fixed_tiles"] if tile not in there]:
                raise RenderModuleException(
                    f"fixed_tiles: stack {self.z_stack} has no tile {', '.join(unknown[:5])}"
                )
        fixed = self.args["fixed_zs"]
        if fixed:
            chosen_zs(self.select_zs(), fixed, None, None, f"fixed_zs: stack {self.z_stack}")

    def pixel_size(self) -> float | None:
        """Nanometres of a pixel, the mean of x and y; None where the stack does not say."""
        version = stack_metadata(self.render, self.z_stack).get("currentVersion") or {}
        sizes: list[Any] = [version.get(f"stackResolution{axis}") for axis in "XY"]
        return sum(sizes) / 2 if all(sizes) else None

    def volume_of(self, zs: list[float], section: Section | None = None) -> Volume:
        """Tiles and matches of sections."""
        from renderapps.alignment.point_trust import OF_TOLERANCE
        from renderapps.alignment.section_tiles import SectionTiles
        from renderapps.alignment.volume import Weighting, make_volume, read_matches

        stack = self.input_stacks[0]
        sections = [
            SectionTiles.of(self.read(stack, z) if section is None else section) for z in zs
        ]
        across = self.args["z_weights"] or [1.0, 0.5, 0.25]
        given = self.args["robust_points"]
        robust = self.args["robust"] if given is None else given
        return make_volume(
            sections,
            read_matches(self.render, self.collections, sections),
            PRESETS[self.args["preset"]]["units"],
            self.chosen("model"),
            Weighting(self.args["montage_weight"], across),
            self.args["grid"],
            (set(self.args["fixed_tiles"] or ()), set(self.args["fixed_zs"] or ())),
            OF_TOLERANCE * self.tolerances()[0] if robust else None,
        )

    def tolerances(self) -> tuple[float, float]:
        """Bounds of the misfit, in pixels, beyond which a pair may be rejected."""
        least, most = PRESETS[self.args["preset"]]["tolerances"]
        given = self.args["minimum_tolerance"], self.args["maximum_tolerance"]
        return given[0] or least, given[1] or most

    def rules_for(self, volume: Volume) -> Rules:
        """How a problem of this size is solved."""
        from renderapps.alignment.solving import Rules
        from renderapps.alignment.tile_problem import Stiffness

        place, bending = self.args["regularization_place"], self.args["regularization_bending"]
        preset, model = self.args["preset"], self.chosen("model")
        shape = self.chosen("regularization")
        if preset == "rough" and model == "rigid" and self.args["regularization"] is None:
            shape = place
        least, most = self.tolerances()
        large = len(volume.names) > 5000 and len(volume.index.sections) > 1
        return Rules(
            Stiffness(place, shape, bending),
            rigid_first=self.chosen("prior") == "rigid",
            robust=self.args["robust"],
            minimum_tolerance=least,
            maximum_tolerance=most,
            by_stage=preset == "montage",
            own_scale=preset != "montage",
            solver=self.args["solver"] or ("iterative" if large else "direct"),
        )

    def solved(self, zs: list[float], section: Section | None = None) -> SolveReport:
        """Solve sections together; what hangs together is told first."""
        from renderapps.alignment.solve_report import SolveReport
        from renderapps.alignment.stage_model import unmoved

        volume = self.volume_of(zs, section)
        where = f"z = {zs[0]:g}" if len(zs) == 1 else f"z = {zs[0]:g} to {zs[-1]:g}"
        connected = volume.connectivity()
        text = "%s: %d units, %d pairs, %d groups, %d isolated"
        counts = (connected[key] for key in ("units", "pairs", "groups"))
        self.logger.info(text, where, *counts, len(connected["isolated"]))
        for warning in connected["warnings"]:
            self.logger.warning("%s: %s", where, warning)
        if section is None:
            self.output({"connectivity": connected})
        solution = volume.solved(self.rules_for(volume))
        stays = self.args["unconnected"] == "stay"
        placed = volume.placed(
            solution, not stays, unmoved() if stays else None, self.args["whole_pixels"]
        )
        every = self.args["list_pairs"] == "all"
        report = SolveReport(volume, solution, placed, self.nanometres, every, connected)
        for warning in report.warnings():
            self.logger.warning("%s: %s", where, warning)
        return report

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """Place the tiles of a section."""
        from renderapps.alignment.section_tiles import with_map

        (section,) = sections
        report = self.together or self.solved([section.z], section)
        zs = [part.z for part in report.volume.index.sections]
        number = zs.index(section.z)
        entry = report.section(number)
        if self.together is None:
            entry |= {"connectivity": report.connectivity, "whole": report.whole()}
        first = report.volume.index.starts[number]
        solution, terms = report.solution, report.placed.terms
        for k, tile in enumerate(section.tiles):
            unit = report.volume.unit_of[first + k]
            section.tiles[k] = with_map(
                tile,
                section.transforms,
                self.keep,
                solution.model,
                terms[unit],
                solution.centres[unit],
                float(solution.sizes[unit]),
            )
        return section, entry

    def processes_for(self, zs: Any) -> int:
        """What was solved as a whole is written by this process: it has it in its memory."""
        return 1 if self.stays_here() else super().processes_for(zs)

    def stays_here(self) -> bool:
        """Whether it was solved as a whole."""
        return self.together is not None

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """The summary, and the page."""
        from renderapps.alignment.solve_page import page
        from renderapps.alignment.solve_summary import summary_of

        if self.together is not None:
            whole = self.together.whole()
            whole["connectivity"] = self.together.connectivity
        else:
            whole = summary_of(sections)
        if path := self.args["html_report"]:
            from renderapi.files import atomic_write

            atomic_write(path, page(self.args, sections, whole))
            whole["html_report"] = path
        return whole


if __name__ == "__main__":
    Solve.main()
