"""Report what is right and wrong with a stack, as one page and as numbers, and what to do next.

Seams, displaced and disconnected tiles and residuals come from match collections; holes and gaps
from a comparison with the stack before the alignment; uncovered places and distorted tiles from the
tiles alone. The page has thumbnails of all sections, cuts along z and the worst pairs of tiles, in
one file that needs no network. The output JSON has the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from argschema.fields import Float, Int, List, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Range

from renderapps.alignment.report_schema import AlignmentReport
from renderapps.module import SectionModule, SectionParameters, TaskFailure, parameter
from renderapps.module.fields import NewFile
from renderapps.module.stacks import stack_metadata, stack_zs
from renderapps.module.tile_documents import Section, read_section
from renderapps.pointmatch.match_collection import (
    MatchOwnerParameters,
    PointSpaceParameters,
    owner_of_matches,
)

Json = dict[str, Any]


class ReportParameters(MatchOwnerParameters, PointSpaceParameters, SectionParameters):
    """Parameters of report."""

    stack = parameter(Str, "stack to report of", aliases=["input_stack"])
    before_stack = parameter(
        Str,
        "the same tiles before they were aligned",
        default=None,
        default_text="holes, gaps and pictures of before are left out",
    )
    matchCollections = parameter(
        List,
        "match collections of the tiles",
        Str(),
        default=None,
        default_text="nothing is said of matches",
        aliases=["match_collections", "matchCollection", "match_collection"],
    )
    html_report = parameter(
        NewFile,
        "page to write, one file",
        default=None,
        default_text="none is written, and nothing is drawn",
    )
    thumbnail_size = parameter(
        Int,
        "longer side of the pictures of sections, pixels",
        default=512,
        validate=Range(64, 2048),
    )
    most_thumbnails = parameter(
        Int,
        "sections that the page shows at most, spread evenly",
        default=100,
        validate=Range(min=1),
    )
    channel = parameter(Str, "channel to draw", default=None, default_text="the first")
    worst = parameter(
        Int, "how many of the worst pairs are listed and shown", default=10, validate=Range(0, 200)
    )
    residual_threshold = parameter(
        Float,
        "matches whose ends lie at least so far apart belong to a seam, and pairs of tiles with "
        "such a residual accuse a tile of being displaced, pixels",
        default=4.0,
        validate=Range(min=0, min_inclusive=False),
    )
    neighbors_distance = parameter(
        Float,
        "such matches at most so far from each other are of one seam, pixels",
        default=80.0,
        validate=Range(min=0, min_inclusive=False),
    )
    min_cluster_size = parameter(
        Int, "seams of more matches than this are reported", default=12, validate=Range(min=0)
    )
    distortion_threshold = parameter(
        Float,
        "tiles are distorted whose scale departs by more than this share from the median of their "
        "section, or whose edges' cosine departs by more than this",
        default=0.03,
        validate=Range(min=0, min_inclusive=False),
    )

    @validates_schema
    def names_of_collections(self, data: dict[str, Any], **_: Any) -> None:
        """A collection that is named twice would count twice."""
        names = data.get("matchCollections") or []
        if len(set(names)) < len(names):
            raise ValidationError("names a collection twice", "matchCollections")


class Report(SectionModule):
    """Nothing is changed. Sections that cannot be drawn are reported without pictures."""

    default_schema = ReportParameters
    default_output_schema = AlignmentReport
    stack = "stack"

    def prepare(self) -> None:
        """Find collections and windows."""
        from renderapps.alignment.stored_matches import find_collection
        from renderapps.module.section_table import section_table

        args, owner = self.args, owner_of_matches(self)
        names = args["matchCollections"] or []
        self.collections = [
            find_collection(self.render, owner, name, 1.0, args["local_transforms"])
            for name in names
        ]
        if args["before_stack"]:
            stack_zs(self.render, args["before_stack"])  # refuses one that is not there
        self.table = section_table(self.render, args["stack"])
        self.chosen = set(self.select_zs())
        stacks = {"after": args["stack"], "before": args["before_stack"]}
        self.stacks = {k: v for k, v in stacks.items() if v}
        self.windows = {}
        if args["html_report"]:
            self.windows = {k: self.window(stack) for k, stack in self.stacks.items()}

    def window(self, stack: str) -> Any:
        """The window in which sections of a stack are drawn."""
        import renderapi
        from renderapps.alignment.drawn_sections import common_window

        bounds = renderapi.stack.get_stack_bounds(stack, render=self.render)
        side = max(bounds["maxX"] - bounds["minX"], bounds["maxY"] - bounds["minY"], 1.0)
        return common_window(self.render, stack, min(1.0, self.args["thumbnail_size"] / (side + 2)))

    def process_section(self, z: float) -> Json:
        """Numbers and pictures of a section."""
        from renderapps.alignment import section_findings as findings
        from renderapps.alignment.defect_report import SeamRules
        from renderapps.alignment.placed_outlines import outlines_of

        args = self.args
        section, before = read_section(self.render, args["stack"], z), None
        if args["before_stack"]:
            before = read_section(self.render, args["before_stack"], z, missing_ok=True)
        there = outlines_of(section)
        entry = findings.shape_findings(section, there, before, args["distortion_threshold"])
        rows: list[Json] = []
        if args["matchCollections"]:
            names = ("residual_threshold", "neighbors_distance", "min_cluster_size")
            rules = SeamRules(**{name: args[name] for name in names})
            ends = findings.ends_within(self.render, self.collections, section)
            entry |= findings.match_findings(section, ends, rules)
            rows = findings.measured(ends.pairs, (z, z))
            entry["to_later_sections"], across = self.later(section)
            entry["unusable_pairs"] += across["unusable"]
            worst = sorted([*rows, *across["rows"]], key=lambda row: -row["residual"])
            entry["worst_pairs"] = worst[: args["worst"]]
        if self.windows:
            entry |= self.pictures(z, bool(before and before.tiles), there, rows, entry)
        return entry

    def later(self, section: Section) -> tuple[list[Json], Json]:
        """Matches to each later section, and their pairs."""
        from renderapps.alignment.section_findings import later_sections, measured, spread

        found, rows, unusable = [], [], []
        where = (self.render, self.args["stack"], self.collections, section)
        for z, ends in later_sections(*where, self.table, self.chosen):
            here = measured(ends.pairs, (section.z, z))
            own = {tile["tileId"] for tile in section.tiles}
            for row in here:
                if row["pId"] not in own:
                    row["z_p"], row["z_q"] = z, section.z
            residuals = [row["residual"] for row in here]
            points = sum(row["points"] for row in here)
            entry = {"z": z, "pairs": len(here), "points": points, **spread(residuals)}
            found.append(entry)
            rows += here[: self.args["worst"]]
            unusable += ends.unusable
        return found, {"rows": rows, "unusable": unusable}

    def pictures(
        self, z: float, has_before: bool, there: Any, rows: Sequence[Json], entry: Json
    ) -> Json:
        """Pictures of a section, and why there are none."""
        from renderapi.errors import RenderError
        from renderapps.alignment.report_pictures import drawn, residual_map

        made: Json = {}
        more: Json = {"_pictures": made}
        for kind, stack in self.stacks.items():
            if kind == "before" and not has_before:
                continue
            try:
                made[kind] = drawn(self.render, stack, self.windows[kind], self.args["channel"], z)
            except (RenderError, OSError, ValueError) as error:
                more["picture_problem"] = " ".join(f"stack {stack}: {error}".split())
        if self.args["matchCollections"]:
            of: dict[str, list[float]] = {}
            for row in rows:
                for tile in (row["pId"], row["qId"]):
                    of.setdefault(tile, []).append(row["residual"])
            medians = {tile: float(np.median(values)) for tile, values in of.items()}
            top = self.args["residual_threshold"]
            made["map"] = residual_map(self.windows["after"], there, medians, entry, top)
        return more

    def report_of(self, sections: list[Json], failed: list[Json]) -> Json:
        """Numbers of the whole, what to do next, and the page."""
        from renderapps.alignment.next_steps import next_steps
        from renderapps.alignment.report_totals import between, correlations, totals

        pictures = {entry["z"]: entry.pop("_pictures", {}) for entry in sections}
        worst = [pair for entry in sections for pair in entry.pop("worst_pairs", ())]
        worst.sort(key=lambda pair: (-pair["residual"], pair["pId"], pair["qId"]))
        report: Json = {
            "sections": sections,
            "failed_sections": failed,
            "between_sections": between(sections) if self.args["matchCollections"] else [],
            "correlations": correlations(pictures),
            "worst_pairs": worst[: self.args["worst"]],
            "html_report": self.args["html_report"],
        }
        version = stack_metadata(self.render, self.args["stack"]).get("currentVersion") or {}
        report["totals"] = totals(report, version)
        report["what_next"] = next_steps(sections, report, self.args)
        for step in report["what_next"]:
            self.logger.info("%s -> %s", step["finding"], step["module"])
        if self.args["html_report"]:
            self.write_page(report, pictures)
        return report

    def write_page(self, report: Json, pictures: dict[float, Json]) -> None:
        """Write the page."""
        from renderapi.files import atomic_write
        from renderapps.alignment.report_page import Pictures, page
        from renderapps.alignment.report_pictures import data_uri

        shown = Pictures()
        zs = list(pictures)
        places = np.linspace(0, len(zs) - 1, min(len(zs), self.args["most_thumbnails"]))
        for k in np.unique(np.round(places).astype(int)) if zs else ():
            made: dict[str, Any] = pictures[zs[k]]
            uris = {kind: data_uri(getattr(made[kind], "jpeg", made[kind])) for kind in made}
            if uris:
                shown.slides.append((zs[k], uris))
        shown.cuts = self.cuts(pictures)
        shown.pairs = self.pair_pictures(report["worst_pairs"])
        atomic_write(self.args["html_report"], page(self.args, report, shown).encode())

    def cuts(self, pictures: dict[float, Json]) -> list[tuple[str, str]]:
        """Cuts along z through the middle of the stack, before and after."""
        from renderapps.alignment.report_pictures import cut, data_uri

        zs, found = list(pictures), []
        if len(zs) < 2:
            return []
        version = stack_metadata(self.render, self.args["stack"]).get("currentVersion") or {}
        x, z = (version.get(f"stackResolution{axis}") for axis in "XZ")
        for line, name in (("row", "x"), ("column", "y")):
            for kind in ("before", "after"):
                lines: list[Any] = [getattr(pictures[v].get(kind), line, None) for v in zs]
                if all(one is None for one in lines):
                    continue
                scale = self.windows[kind].scale
                rows = z * scale / x * float(np.diff(zs).min()) if x and z else 1.0
                title = f"{name}z, {'now' if kind == 'after' else kind}: {name} across, z downwards"
                found.append((title, data_uri(cut(zs, lines, rows))))
        return found

    def pair_pictures(self, pairs: Sequence[Json]) -> list[tuple[Json, str | None, str]]:
        """Pictures of pairs; why there is none where it cannot be drawn."""
        from renderapps.alignment.report_pictures import data_uri, pair_picture

        where = (self.render, self.args["stack"], self.args["channel"])
        processes = min(self.args["pool_size"], max(1, len(pairs)))
        results = self.map_tasks(
            partial(pair_picture, *where), pairs, "drawing pairs", processes=processes
        )
        found: list[tuple[Json, str | None, str]] = []
        for pair, result in zip(pairs, results, strict=True):
            if isinstance(result, TaskFailure):
                found.append((pair, None, f"cannot be drawn: {result.reason}"))
            else:
                found.append((pair, data_uri(result[0]), f"scale {result[1]:.3g}"))
        return found


if __name__ == "__main__":
    Report.main()
