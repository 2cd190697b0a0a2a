"""Bring sections that are roughly aligned onto each other, by a field of displacements for each.

Sections are drawn on one window and compared with several neighbours on a grid, coarse to fine;
elastic meshes are relaxed over all sections at once. Each section of the output has its warp as
one shared transform at the end of the lists of its tiles.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from argschema.fields import Float, Int, OutputDir, Str
from marshmallow.validate import Range

from renderapps.alignment.section_links import Link, connected, pairs_within
from renderapps.alignment.series_parameters import FINE_ROUNDS, long_range_field
from renderapps.module import RenderModuleException, Section, TaskFailure, parameter
from renderapps.module.stack_edit import StackEditModule, TileEditParameters
from renderapps.pointmatch.section_outlines import SectionOutlineParameters, read_outlines

if TYPE_CHECKING:
    from renderapps.alignment.fine_pairs import FineSettings, PairFlow
    from renderapps.alignment.relaxation import Matches, RelaxationParameters
    from renderapps.alignment.section_warps import Field

Pair = tuple[float, float]
WRONG = 4.0  # a link whose median residual is so many times that of all links is wrong
LEAST_WRONG = 4.0  # and above so many pixels of the pictures


class AlignSectionsFineParameters(SectionOutlineParameters, TileEditParameters):
    """Parameters of align_sections_fine."""

    polygon_stack = parameter(
        Str,
        "stack in whose world the outlines of polygon_dir are, such as that of the montage: they "
        "are moved with the tiles",
        default=None,
        default_text="input_stack",
    )

    scale = parameter(
        Float,
        "scale at which sections are drawn for comparison",
        default=1.0,
        validate=Range(min=0, max=1, min_inclusive=False),
    )
    neighbours = parameter(
        Int,
        "each section is compared with so many on either side, which vote",
        default=2,
        aliases=["neighbors", "z_neighbours"],
        validate=Range(min=1),
    )
    long_range = long_range_field("compared")
    spacing = parameter(
        Float,
        "distance of the nodes of the meshes, world pixels",
        default=None,
        default_text="32 pixels of the drawn sections",
        validate=Range(min=0, min_inclusive=False),
    )
    block_size = parameter(
        Int,
        "side of the blocks that are compared, pixels of the drawn sections; coarser levels have "
        "as many pixels",
        default=64,
        validate=Range(min=16),
    )
    levels = parameter(
        Int,
        "comparison starts at 1 / 2^levels of the drawn scale",
        default=3,
        validate=Range(min=0, max=8),
    )
    search_radius = parameter(
        Float,
        "how far off a place may be, world pixels",
        default=None,
        default_text="128 pixels of the drawn sections with 3 levels",
        validate=Range(min=0, min_inclusive=False),
    )
    rounds = parameter(
        Int,
        "sections are compared so many times: after the first time as they lie by then",
        default=FINE_ROUNDS,
        validate=Range(min=1),
    )
    min_correlation = parameter(
        Float,
        "least correlation of a block, besides what blocks reach in the mirrored section",
        default=0.1,
        validate=Range(min=0, max=1),
    )
    bending = parameter(
        Float,
        "stiffness of the meshes against bending; 1 is the weight of the matches of a node",
        default=1.0,
        validate=Range(min=0, min_inclusive=False),
    )
    stretching = parameter(
        Float, "their stiffness against stretching", default=0.02, validate=Range(min=0)
    )
    crack = parameter(
        Float,
        "displacements that jump by more than this from node to node, world pixels, are a crack "
        "or fold, which is not smoothed over",
        default=None,
        default_text="6 pixels of the drawn sections",
        validate=Range(min=0, min_inclusive=False),
    )
    anchor_sections = parameter(
        Float,
        "drift is held by the rough places: a shift decays to 1 / e after so many sections",
        default=20.0,
        validate=Range(min=1),
    )
    min_found = parameter(
        Float,
        "two sections are linked where at least this share of the blocks is found",
        default=0.05,
        validate=Range(min=0, max=1),
    )
    flow_directory = parameter(
        OutputDir,
        "folder for what was found of each pair: a run that was stopped, or one with other "
        "stiffness, takes what is there",
        default=None,
    )
    channel = parameter(Str, "channel to compare", default=None, default_text="the first")


class AlignSectionsFine(StackEditModule):
    """Links whose matches do not fit the others are named, given up, and the rest relaxed again.

    The report has an entry for each pair and each section: blocks found, correlation, residuals in
    world pixels, largest displacement, nodes at cracks, and which sections nothing connects.
    """

    default_schema = AlignSectionsFineParameters

    def prepare(self) -> None:
        """Compare and relax: the field of every section."""
        from renderapps.alignment.drawn_sections import common_window

        window = common_window(self.render, self.z_stack, self.args["scale"])
        pairs = pairs_within(self.zs, self.args["neighbours"], self.args["long_range"])
        outlines, without = self.outlines()
        settings = replace(self.settings(window), outlines=outlines)
        flows = self.compared(settings, pairs)
        rows = {pair: self.row(pair, flow) for pair, flow in flows.items()}
        self.series = self.comparable(rows)
        more = pairs_within(self.series, self.args["neighbours"], self.args["long_range"])
        more = [pair for pair in more if pair not in flows]
        flows |= self.compared(settings, more)
        rows |= {pair: self.row(pair, flows[pair]) for pair in more}
        pairs = sorted(flows)
        good = [pair for pair in pairs if rows[pair]["accepted"]]
        against = self.contradicting(flows, good)
        for pair, reason in against.items():
            rows[pair] |= {"wrong": True, "accepted": False, "reason": reason}
        good = [pair for pair in good if pair not in against]
        self.refuse_nothing(pairs, rows, good)
        self.fields: dict[float, Field] = {}
        self.about: dict[float, dict[str, Any]] = {}
        wrong: list[Pair] = []
        if good:
            self.cuts = np.zeros((len(self.zs), *flows[good[0]].flow.shift.shape), bool)
            wrong = self.settled(settings, flows, rows, good)
            self.compared_again(settings, flows, rows, [p for p in good if p not in wrong])
        links = [Link(*pair, np.eye(3), (1.0, 1.0)) for pair in good if pair not in wrong]
        self.found: dict[str, Any] = {
            "window": {
                "x": window.x,
                "y": window.y,
                "width": window.width,
                "height": window.height,
            },
            "stride": self.stride,
            "pairs": list(rows.values()),
            "wrong_links": [row for row in rows.values() if row.get("wrong")],
            "groups": connected(self.zs, links),
            "missing_polygon_zs": without,
        }
        self.output(self.found)
        self.warn_of_groups()

    def comparable(self, rows: dict[Pair, dict[str, Any]]) -> list[float]:
        """Sections that are linked with any other: one that is not counts as if it were missing."""
        linked = {z for pair, row in rows.items() if row["accepted"] for z in pair}
        return [z for z in self.zs if z in linked]

    @property
    def stride(self) -> float:
        """Distance of the nodes, world pixels."""
        return round((self.args["spacing"] or 0) * self.args["scale"] or 32) / float(
            self.args["scale"]
        )

    def outlines(self) -> tuple[dict[float, bytes], list[float]]:
        """Outlines of the sections in the world of the input, and the sections that have none."""
        found, without = read_outlines(self.args, self.zs)
        drawn_on = self.args["polygon_stack"]
        if found and drawn_on not in (None, self.z_stack):
            from renderapps.alignment.moved_outlines import moved_outlines

            found = moved_outlines(self.render, found, drawn_on, self.z_stack)
        return found, without

    def settings(self, window: Any) -> FineSettings:
        """What the pairs have in common."""
        from renderapi.matching.block_flow import FlowParameters
        from renderapps.alignment.fine_pairs import FineSettings

        args, scale = self.args, self.args["scale"]
        radius = 16
        if args["search_radius"] is not None:
            radius = max(3, int(np.ceil(args["search_radius"] * scale / 2 ** args["levels"])))
        parameters = FlowParameters(
            spacing=max(4, round(self.stride * scale)),
            size=args["block_size"],
            radius=radius,
            levels=args["levels"],
            correlation=args["min_correlation"],
        )
        return FineSettings(
            self.z_stack, window, parameters, args["channel"], args["flow_directory"]
        )

    def compared(self, settings: FineSettings, pairs: list[Pair]) -> dict[Pair, PairFlow]:
        """What was found of every pair; an error where some could not be tried."""
        from renderapps.alignment.fine_pairs import compare_chunk

        size = max(1, -(-len(pairs) // (4 * self.at_once())))
        chunks = [pairs[start : start + size] for start in range(0, len(pairs), size)]
        results = self.map_tasks(
            partial(compare_chunk, self.render, settings), chunks, "comparing sections"
        )
        flows = {}
        for chunk, result in zip(chunks, results, strict=True):
            if isinstance(result, TaskFailure):
                result = [result.reason] * len(chunk)
            for pair, found in zip(chunk, result, strict=True):
                if isinstance(found, str):
                    raise RenderModuleException(
                        f"sections z={pair[0]:g} and z={pair[1]:g} cannot be compared: {found}"
                    )
                flows[pair] = found
        return flows

    def compared_again(
        self,
        settings: FineSettings,
        flows: dict[Pair, PairFlow],
        rows: dict[Pair, dict[str, Any]],
        links: list[Pair],
    ) -> None:
        """Compare linked sections as they lie now, and relax by what is found; fields change.

        Sections then hardly differ in shape: finer levels find more, and every place is found by
        what is around it, whatever the sections were like before.
        """
        for _ in range(self.args["rounds"] - 1):
            known = {
                z: np.moveaxis(field.shift, 0, -1) * self.args["scale"]
                for z, field in self.fields.items()
            }
            nearby = replace(settings.parameters, radius=settings.parameters.fine_radius)
            near = replace(settings, parameters=nearby, shifts=known)
            for pair, flow in self.compared(near, links).items():
                if self.row(pair, flow)["accepted"]:
                    flows[pair] = flow
                    rows[pair] |= {
                        "found_again": int(flow.flow.found.sum()),
                        "block_correlation": _rounded(
                            np.median(flow.flow.correlation[flow.flow.found])
                        ),
                        "correlation_aligned": _rounded(flow.correlation),
                    }
            self.settled(settings, flows, rows, links)

    def row(self, pair: Pair, found: PairFlow) -> dict[str, Any]:
        """Entry of a pair in the report, and whether it is a link."""
        flow, scale = found.flow, self.args["scale"]
        blocks, tried = int(flow.found.sum()), int(flow.tried.sum())
        row: dict[str, Any] = {
            "p_z": pair[0],
            "q_z": pair[1],
            "blocks": tried,
            "found": blocks,
            "correlation": _rounded(found.correlation),
            "taken_from_file": found.was_there,
            "accepted": blocks >= max(3, self.args["min_found"] * tried),
        }
        if not row["accepted"]:
            return row | {"reason": f"only {blocks} of {tried} blocks were found"}
        shift = flow.shift[flow.found] / scale
        return row | {
            "block_correlation": _rounded(np.median(flow.correlation[flow.found])),
            "median_shift": [_rounded(v) for v in np.median(shift, axis=0)],
        }

    def contradicting(self, flows: dict[Pair, PairFlow], good: list[Pair]) -> dict[Pair, str]:
        """Links that do not close with others around triangles, by their affine maps."""
        from renderapi.matching.models import Model, distances
        from renderapps.alignment.section_links import contradictions

        links = []
        for pair in good:
            flow = flows[pair].flow
            here, there, weights = flows[pair].points()
            matrix = np.asarray(Model("affine").fit(here, there, weights), float)
            if np.isfinite(matrix).all():
                size = float(flow.x[-1]), float(flow.y[-1])
                error = float(np.median(distances(matrix, here, there)))
                links.append(Link(*pair, matrix, size, error=error, trust=len(here)))
        side = max((max(link.size) for link in links), default=1.0)
        return contradictions(links, 2 * LEAST_WRONG / side)

    def refuse_nothing(
        self, pairs: list[Pair], rows: dict[Pair, dict[str, Any]], good: list[Pair]
    ) -> None:
        """Where there are pairs and none is a link, there is nothing to align by."""
        if pairs and not good:
            self.output({"pairs": list(rows.values()), "groups": [[z] for z in self.zs]})
            p, q = pairs[0]
            raise RenderModuleException(
                f"no two sections of stack {self.z_stack} could be compared; z={p:g} - z={q:g}: "
                f"{rows[p, q]['reason']} (are they roughly aligned? try a smaller scale or a "
                "larger search_radius)"
            )

    def relaxed(
        self,
        settings: FineSettings,
        flows: dict[Pair, PairFlow],
        rows: dict[Pair, dict[str, Any]],
        good: list[Pair],
    ) -> list[Pair]:
        """Fill in the fields, in two goes: wrong links are found in the first. Those."""
        from renderapps.alignment.relaxation import relax

        x, y = flows[good[0]].flow.x, flows[good[0]].flow.y
        rules = self.rules()
        result = relax(x, y, len(self.zs), self.matches(flows, good), rules, self.cuts)
        medians = np.array([np.median(r) for r in result.residuals])
        limit = max(LEAST_WRONG, WRONG * float(np.median(medians)))
        wrong = [pair for pair, m in zip(good, medians, strict=True) if m > limit]
        left = [pair for pair in good if pair not in wrong]
        for pair, median in zip(good, medians, strict=True):
            if pair in wrong:
                rows[pair] |= {
                    "wrong": True,
                    "residual": _rounded(median / self.args["scale"]),
                    "reason": "its displacements do not fit those of the other pairs",
                }
        if wrong and left:
            result = relax(x, y, len(self.zs), self.matches(flows, left), rules, self.cuts)
        elif wrong:
            left = good
        for pair, residual, trust in zip(left, result.residuals, result.trust, strict=True):
            rows[pair] |= {
                "residual": _rounded(np.median(residual) / self.args["scale"]),
                "doubted": int((trust < 0.25).sum()),
            }
        self.keep(settings, x, y, result)
        return wrong

    def matches(self, flows: dict[Pair, PairFlow], pairs: list[Pair]) -> list[Matches]:
        """Matches of pairs; a neighbour counts the less the further away it is in the series."""
        from renderapps.alignment.relaxation import Matches

        place = {z: k for k, z in enumerate(self.zs)}
        votes = self.votes(pairs)
        found = []
        for p, q in pairs:
            here, there, weights = flows[p, q].points()
            vote = votes[p][q]
            found.append(Matches(place[p], place[q], here, there, weights * vote, vote))
        return found

    def votes(self, pairs: list[Pair]) -> dict[float, dict[float, float]]:
        """Of each section, how much those count that it is linked with: less further away."""
        place = {z: k for k, z in enumerate(self.series)}
        found: dict[float, dict[float, float]] = {}
        for p, q in pairs:
            vote = 1 / (place[q] - place[p])
            found.setdefault(p, {})[q] = found.setdefault(q, {})[p] = vote
        return found

    def rules(self) -> RelaxationParameters:
        """Stiffness, in pixels of the drawn sections."""
        from renderapps.alignment.relaxation import RelaxationParameters

        args, scale = self.args, self.args["scale"]
        return RelaxationParameters(
            bending=args["bending"],
            stretching=args["stretching"],
            anchor_sections=args["anchor_sections"],
            jump=6.0 if args["crack"] is None else args["crack"] * scale,
        )

    def keep(self, settings: FineSettings, x: Any, y: Any, result: Any) -> None:
        """The field of each section in the world, and what the report says of it."""
        from renderapps.alignment.drawn_sections import DrawnSections
        from renderapps.alignment.section_warps import Field

        window, scale = settings.window, self.args["scale"]
        offset = DrawnSections(self.render, self.z_stack, window).offset
        origin = (
            window.x + float(x[0]) / scale + offset,
            window.y + float(y[0]) / scale + offset,
        )
        self.meshes: dict[float, tuple[Any, Any]] = {}
        for z, shift, springs in zip(self.zs, result.shift, result.springs, strict=True):
            self.meshes[z] = shift, springs < 0.5
            self.about[z] = {"nodes_at_cracks": int((springs < 0.5).sum())}
            self.fields[z] = Field(origin, self.stride, np.zeros(0))
            self.keep_field(z, self.stride, shift / scale)

    def keep_field(self, z: float, stride: float, shift: Any) -> None:
        """The field of a section, (rows, columns, 2) world pixels, and what the report says."""
        from renderapps.alignment.section_warps import folded

        field = self.fields[z]._replace(stride=stride, shift=np.moveaxis(shift, -1, 0))
        lengths = np.hypot(*field.shift)
        self.fields[z] = field
        self.about[z] |= {
            "median_shift": _rounded(np.median(lengths)),
            "largest_shift": _rounded(lengths.max()),
            "folded_cells": folded(field.shift, stride),
        }

    def settled(
        self,
        settings: FineSettings,
        flows: dict[Pair, PairFlow],
        rows: dict[Pair, dict[str, Any]],
        links: list[Pair],
    ) -> list[Pair]:
        """Relax, make cracks sharp, and relax again by what is then known of them. Wrong links."""
        wrong = self.relaxed(settings, flows, rows, links)
        left = [pair for pair in links if pair not in wrong]
        if self.sharpened(settings, left):
            self.relaxed(settings, flows, rows, left)
            self.sharpened(settings, left)
        return wrong

    def sharpened(self, settings: FineSettings, links: list[Pair]) -> bool:
        """Finer fields that jump, for sections that fit better by these; whether more gave way."""
        from renderapps.alignment.sharp_cracks import cracked_sections, sharp_field

        rules, scale = self.rules(), self.args["scale"]
        sections = cracked_sections(self.meshes, self.votes(links), rules.jump)
        results = self.map_tasks(
            partial(sharp_field, self.render, settings), sections, "looking at cracks"
        )
        before = self.cuts.copy()
        for section, found in zip(sections, results, strict=True):
            if isinstance(found, str | TaskFailure):
                reason = found.reason if isinstance(found, TaskFailure) else found
                raise RenderModuleException(
                    f"cracks of section z={section.z:g} cannot be looked at: {reason}"
                )
            if found is not None:
                self.cuts[self.zs.index(section.z)] |= found.cuts
                self.keep_field(section.z, found.stride / scale, found.shift / scale)
                self.about[section.z]["stride_at_cracks"] = found.stride / scale
        return bool((self.cuts & ~before).any())

    def warn_of_groups(self) -> None:
        """Sections that nothing connects keep their rough places against each other."""
        groups = self.found["groups"]
        if len(groups) > 1:
            others = ", ".join(f"{z:g}" for group in groups[1:] for z in group[:3])
            self.logger.warning(
                "the sections fall into %d groups that nothing connects (z=%s, ... are not with "
                "the largest): these lie against each other as before",
                len(groups),
                others,
            )

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with its warp."""
        from renderapps.alignment.section_warps import give_warp
        from renderapps.rough_align.ApplyLowRes2HighRes import free_id

        (section,) = sections
        if section.z not in self.fields:
            return section, {"warp": None, "reason": "there is no other section to compare with"}
        name = free_id(f"fine_{self.output_stack}_{section.z:g}", section)
        give_warp(section, name, self.fields[section.z])
        return section, {"warp": name, **self.about[section.z]}

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """What was found of the pairs."""
        return self.found


def _rounded(value: Any, digits: int = 4) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


if __name__ == "__main__":
    AlignSectionsFine.main()
