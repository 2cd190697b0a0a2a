"""Bring sections that are roughly aligned onto each other, by a field of displacements for each.

Sections are drawn on one window and compared with several neighbours on a grid, coarse to fine;
elastic meshes are relaxed over all sections at once. Each section of the output has its warp as
one shared transform at the end of the lists of its tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from renderapps.alignment.fine_parameters import (
    AlignSectionsFineParameters,
    flow_parameters,
    relaxation_parameters,
    stride_of,
)
from renderapps.alignment.section_links import Link, connected, pairs_within
from renderapps.module import RenderModuleException, Section, TaskFailure
from renderapps.module.stack_edit import StackEditModule
from renderapps.pointmatch.section_outlines import read_outlines

if TYPE_CHECKING:
    from renderapps.alignment.fine_links import FineLinks, Pair
    from renderapps.alignment.fine_meshes import FineMeshes
    from renderapps.alignment.fine_pairs import FineSettings, PairFlow
    from renderapps.alignment.section_warps import Field
    from renderapps.alignment.sharp_cracks import CrackedSection, SharpField


class AlignSectionsFine(StackEditModule):
    """Links whose matches do not fit the others are named, given up, and the rest relaxed again.

    The report has an entry for each pair and each section: blocks found, correlation, residuals in
    world pixels, largest displacement, nodes at cracks, and which sections nothing connects.
    """

    default_schema = AlignSectionsFineParameters

    def prepare(self) -> None:
        """Compare and relax: the field of every section."""
        settings, without = self.settings()
        links, series = self.first_links(settings)
        good = links.accepted()
        self.refuse_nothing(links, good)
        self.fields: dict[float, Field] = {}
        self.about: dict[float, dict[str, Any]] = {}
        if good:
            meshes = self.meshes(settings, links, series)
            good = meshes.follow(links, good)
            for _ in range(self.args["rounds"] - 1):
                self.compare_again(settings, meshes.fields, links, good)
                good = meshes.follow(links, good)
            self.fields, self.about = meshes.fields, meshes.about
        self.found = self.findings(settings, links, good) | {"missing_polygon_zs": without}
        self.output(self.found)
        self.warn_of_groups()

    def settings(self) -> tuple[FineSettings, list[float]]:
        """What the pairs have in common, and the sections that have no outline."""
        from renderapps.alignment.drawn_sections import common_window
        from renderapps.alignment.fine_pairs import FineSettings

        args = self.args
        window = common_window(self.render, self.z_stack, args["scale"])
        outlines, without = self.outlines()
        settings = FineSettings(
            self.z_stack,
            window,
            flow_parameters(args),
            args["channel"],
            args["flow_directory"],
            outlines=outlines,
        )
        return settings, without

    def outlines(self) -> tuple[dict[float, bytes], list[float]]:
        """Outlines of the sections in the world of the input, and the sections that have none."""
        found, without = read_outlines(self.args, self.zs)
        drawn_on = self.args["polygon_stack"]
        if found and drawn_on not in (None, self.z_stack):
            from renderapps.alignment.moved_outlines import moved_outlines

            found = moved_outlines(self.render, found, drawn_on, self.z_stack)
        return found, without

    def first_links(self, settings: FineSettings) -> tuple[FineLinks, list[float]]:
        """Links between the sections as they came, and the sections that are linked with any.

        One that is not counts as if it were missing: those beside it are compared as well.
        """
        from renderapps.alignment.fine_links import FineLinks

        links = FineLinks(self.args["scale"], self.args["min_found"])
        links.add(self.compared(settings, self.pairs_of(self.zs)))
        series = links.linked(self.zs)
        more = [pair for pair in self.pairs_of(series) if pair not in links.flows]
        links.add(self.compared(settings, more))
        links.give_up_contradicting()
        return links, series

    def pairs_of(self, zs: list[float]) -> list[Pair]:
        """The pairs of a series that are compared."""
        return pairs_within(zs, self.args["neighbours"], self.args["long_range"])

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

    def refuse_nothing(self, links: FineLinks, good: list[Pair]) -> None:
        """Where there are pairs and none is a link, there is nothing to align by."""
        if links.rows and not good:
            self.output({"pairs": list(links.rows.values()), "groups": [[z] for z in self.zs]})
            p, q = min(links.rows)
            raise RenderModuleException(
                f"no two sections of stack {self.z_stack} could be compared; z={p:g} - z={q:g}: "
                f"{links.rows[p, q]['reason']} (are they roughly aligned? try a smaller scale or a "
                "larger search_radius)"
            )

    def meshes(self, settings: FineSettings, links: FineLinks, series: list[float]) -> FineMeshes:
        """Meshes on the nodes at which sections were compared."""
        from renderapps.alignment.drawn_sections import DrawnSections
        from renderapps.alignment.fine_meshes import FineMeshes

        window, scale = settings.window, self.args["scale"]
        offset = DrawnSections(self.render, self.z_stack, window).offset
        flow = next(iter(links.flows.values())).flow
        return FineMeshes(
            self.zs,
            series,
            flow.x,
            flow.y,
            (
                window.x + float(flow.x[0]) / scale + offset,
                window.y + float(flow.y[0]) / scale + offset,
            ),
            stride_of(self.args),
            scale,
            relaxation_parameters(self.args),
            partial(self.look_at_cracks, settings),
        )

    def look_at_cracks(
        self, settings: FineSettings, sections: list[CrackedSection]
    ) -> Sequence[SharpField | None]:
        """Sharp fields of sections with cracks, None where they do not fit better."""
        from renderapps.alignment.sharp_cracks import sharp_field

        results = self.map_tasks(
            partial(sharp_field, self.render, settings), sections, "looking at cracks"
        )
        for section, found in zip(sections, results, strict=True):
            if isinstance(found, str | TaskFailure):
                reason = found.reason if isinstance(found, TaskFailure) else found
                raise RenderModuleException(
                    f"cracks of section z={section.z:g} cannot be looked at: {reason}"
                )
        return results

    def compare_again(
        self,
        settings: FineSettings,
        fields: dict[float, Field],
        links: FineLinks,
        pairs: list[Pair],
    ) -> None:
        """Compare linked sections as they lie now.

        Sections then hardly differ in shape: finer levels find more, and every place is found by
        what is around it, whatever the sections were like before.
        """
        known = {
            z: np.moveaxis(field.shift, 0, -1) * self.args["scale"] for z, field in fields.items()
        }
        nearby = replace(settings.parameters, radius=settings.parameters.fine_radius)
        near = replace(settings, parameters=nearby, shifts=known)
        links.add_again(self.compared(near, pairs))

    def findings(
        self, settings: FineSettings, links: FineLinks, right: list[Pair]
    ) -> dict[str, Any]:
        """What the report says of all sections together; by the links that are right."""
        window = settings.window
        edges = [Link(*pair, np.eye(3), (1.0, 1.0)) for pair in right]
        return {
            "window": {
                "x": window.x,
                "y": window.y,
                "width": window.width,
                "height": window.height,
            },
            "stride": stride_of(self.args),
            "pairs": list(links.rows.values()),
            "wrong_links": links.wrong_rows(),
            "groups": connected(self.zs, edges),
        }

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


if __name__ == "__main__":
    AlignSectionsFine.main()
