"""Match whole sections with their neighbours in z, whichever way round they lie.

The stack has one tile in each section, a picture of it at reduced scale, as
`materialize.make_downsample_image_stack` makes it. Sections may be turned by any angle, shifted,
and differ a little in scale. What is found is stored as matches of the tiles; with
`alignment.solve` they place the pictures, and `rough_align.ApplyLowRes2HighRes` lets the tiles of
full resolution follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from argschema.fields import Boolean, Float, Int, List, Str
from marshmallow.validate import Length, OneOf, Range

from renderapps.alignment.section_links import (
    Link,
    connected,
    contradictions,
    map_along,
    mirrored_sections,
    pairs_within,
)
from renderapps.alignment.series_parameters import long_range_field
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    ZParameters,
    parameter,
)
from renderapps.module.fields import NewFile
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_zs
from renderapps.pointmatch.made_matches import MadeMatchesParameters, collection_field, filled
from renderapps.pointmatch.match_collection import owner_of_matches
from renderapps.pointmatch.section_outlines import SectionOutlineParameters, read_outlines

WAYS = ("features", "correlation")
MODELS = ("rigid", "similarity", "affine")
CLOSES = 1 / 16  # how far a triangle of maps may fail to close, of the longer side
NAMED = 5  # sections named in a warning


class MatchSectionsRoughParameters(
    SectionOutlineParameters,
    MadeMatchesParameters,
    ZParameters,
    ParallelParameters,
    RenderParameters,
):
    """Parameters of match_sections_rough."""

    input_stack = parameter(
        Str, "stack of one tile in each section", aliases=["stack", "lowres_stack"]
    )
    matchCollection = collection_field()
    neighbours = parameter(
        Int,
        "each section is matched with so many of those that follow it",
        default=2,
        aliases=["neighbors", "z_neighbours"],
        validate=Range(min=1),
    )
    long_range = long_range_field("matched")
    scale = parameter(
        Float,
        "scale at which the tiles are drawn for it",
        default=1.0,
        validate=Range(min=0, max=1, min_inclusive=False),
    )
    ways = parameter(
        List,
        "how orientations are looked for: features, correlation over all angles, or one after the "
        "other",
        Str(validate=OneOf(WAYS)),
        default=list(WAYS),
        validate=Length(min=1),
    )
    model = parameter(
        Str,
        "map that the matches of two sections must agree with",
        default="affine",
        validate=OneOf(MODELS),
    )
    max_scale = parameter(
        Float,
        "one section is at most this many times as large as the other",
        default=1.25,
        validate=Range(min=1),
    )
    max_bend = parameter(
        Float,
        "distance from the map up to which a match agrees with it, pixels of the tiles",
        default=None,
        default_text="a fortieth of the longer side",
        validate=Range(min=0, min_inclusive=False),
    )
    mirrored = parameter(
        Boolean,
        "where nothing is found, also try the second section left to right: flipped sections are "
        "reported, their matches are not stored",
        default=True,
    )
    channel = parameter(Str, "channel to match", default=None, default_text="the first")
    seed = parameter(Int, "seed of the random numbers of RANSAC", default=0)
    cache_mb = parameter(
        Int, "memory for drawn sections per process, MB", default=1000, validate=Range(min=1)
    )
    report_file = parameter(
        NewFile, "file to write the report to, besides the output JSON", default=None
    )


class MatchSectionsRough(RenderModule):
    """Every pair is in the report, with its map and how well it agrees, or the reason why not.

    Links that contradict the others are named and not stored. The report lists groups of sections
    that nothing connects, and sections that are left to right.
    """

    default_schema = MatchSectionsRoughParameters

    def run(self) -> None:
        """Match all pairs, judge them together, store and report."""
        from renderapps.alignment.rough_pairs import drawn_z

        self.owner = owner_of_matches(self)
        stack = self.args["input_stack"]
        zs = chosen_zs(
            stack_zs(self.render, stack),
            self.args["zs"],
            self.args["minZ"],
            self.args["maxZ"],
            f"stack {stack}",
        )
        tiles = {z: self.tile_of(z) for z in zs}
        self.outlines, without = read_outlines(self.args, {drawn_z(t) for t in tiles.values()})
        pairs = pairs_within(zs, self.args["neighbours"], self.args["long_range"])
        rows, found = self.matched(zs, pairs, tiles)
        report = self.judged(zs, rows, found) | {"missing_polygon_zs": without}
        self.output(report)
        self.refuse_failures(report)
        self.store([row for row in rows if row["stored"]], tiles, found)
        self.tell(report)

    def tile_of(self, z: float) -> dict[str, Any]:
        """The one tile of a section, as a JSON object; references resolved."""
        import renderapi

        stack = self.args["input_stack"]
        tiles = renderapi.tilespec.get_tile_specs_from_z(stack, z, render=self.render)
        if len(tiles) != 1:
            raise RenderModuleException(
                f"stack {stack} has {len(tiles)} tiles at z={z:g}, not one: make a stack of "
                "pictures of the sections first (materialize.make_downsample_image_stack)"
            )
        document: dict[str, Any] = tiles[0].document()
        return document

    def matched(
        self, zs: list[float], pairs: list[tuple[float, float]], tiles: dict[float, dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], dict[tuple[float, float], Any]]:
        """A row of the report for each pair, and what was found of those that were tried.

        Sections next to each other first: they say where those further apart are to be found.
        """
        from renderapps.alignment.rough_pairs import row_of

        at = {z: k for k, z in enumerate(zs)}
        near = [(p, q) for p, q in pairs if at[q] == at[p] + 1]
        outcomes = self.tried(near, tiles, {})
        links = {(link.p, link.q): link for link in links_of(outcomes)}
        far = [pair for pair in pairs if pair not in outcomes]
        expected = {(p, q): map_along(zs[at[p] : at[q] + 1], links) for p, q in far}
        outcomes |= self.tried(far, tiles, expected)
        ids = {pair: (tiles[pair[0]]["tileId"], tiles[pair[1]]["tileId"]) for pair in pairs}
        rows = [row_of(pair, ids[pair], outcomes[pair]) for pair in pairs]
        return rows, {k: v for k, v in outcomes.items() if not isinstance(v, str)}

    def tried(
        self,
        pairs: list[tuple[float, float]],
        tiles: dict[float, dict[str, Any]],
        expected: dict[tuple[float, float], Any],
    ) -> dict[tuple[float, float], Any]:
        """What was found of each pair, a text where it could not be tried."""
        from renderapps.alignment.rough_pairs import RoughSettings, match_chunk

        size = max(1, -(-len(pairs) // (2 * self.at_once())))
        chunks = [pairs[start : start + size] for start in range(0, len(pairs), size)]
        work = [
            [((tiles[p], tiles[q]), expected.get((p, q))) for p, q in chunk] for chunk in chunks
        ]
        settings = RoughSettings.of(self.args, self.outlines)
        results = self.map_tasks(partial(match_chunk, settings), work, "matching")
        found: dict[tuple[float, float], Any] = {}
        for chunk, result in zip(chunks, results, strict=True):
            if isinstance(result, TaskFailure):
                result = [result.reason] * len(chunk)
            found |= dict(zip(chunk, result, strict=True))
        return found

    def judged(
        self,
        zs: list[float],
        rows: list[dict[str, Any]],
        found: dict[tuple[float, float], Any],
    ) -> dict[str, Any]:
        """The report: what the links say together; rows learn whether they are stored."""
        links = links_of(found)
        wrong = contradictions(links, CLOSES)
        links = [link for link in links if (link.p, link.q) not in wrong]
        for row in rows:
            pair = row["p_z"], row["q_z"]
            if pair in wrong:
                row |= {"accepted": False, "reason": wrong[pair]}
            row["stored"] = row["accepted"] and not row["mirrored"]
        groups = connected(zs, links)
        return {
            "input_stack": self.args["input_stack"],
            "matchCollection": self.args["matchCollection"],
            "matchOwner": self.owner,
            "local_transforms": self.args["local_transforms"],
            "sections_total": len(zs),
            "pairs_total": len(rows),
            "pairs_accepted": sum(row["accepted"] for row in rows),
            "pairs_stored": sum(row["stored"] for row in rows),
            "matches": sum(row["matches"] for row in rows if row["stored"]),
            "pairs": rows,
            "failed_pairs": [row for row in rows if row["failed"]],
            "contradictory_pairs": [
                {"p_z": p, "q_z": q, "reason": reason} for (p, q), reason in sorted(wrong.items())
            ],
            "mirrored_sections": mirrored_sections(zs, links),
            "groups": groups,
            "unmatched_sections": [group[0] for group in groups if len(group) == 1],
        }

    def refuse_failures(self, report: dict[str, Any]) -> None:
        """Pairs that could not be tried, or none that was found, are a failure of the run."""
        failed = report["failed_pairs"]
        if failed:
            raise RenderModuleException(
                f"{len(failed)} of {report['pairs_total']} pairs could not be tried; "
                f"z={failed[0]['p_z']:g} - z={failed[0]['q_z']:g}: {failed[0]['reason']}"
            )
        if report["pairs_total"] and not report["pairs_accepted"]:
            row = report["pairs"][0]
            raise RenderModuleException(
                f"none of {report['pairs_total']} pairs of sections could be matched; "
                f"z={row['p_z']:g} - z={row['q_z']:g}: {row['reason']} (draw the sections at a "
                "larger scale, or check their order)"
            )

    def store(
        self,
        rows: list[dict[str, Any]],
        tiles: dict[float, dict[str, Any]],
        found: dict[tuple[float, float], Any],
    ) -> None:
        """Let the collection hold the matches of the rows."""
        from renderapps.alignment.rough_pairs import pair_matches

        name, local = self.args["matchCollection"], self.args["local_transforms"]
        with filled(
            self.render, self.owner, name, self.args["existing"], local, self.module_name()
        ) as target:
            target.write(
                [
                    pair_matches(
                        tiles[row["p_z"]], tiles[row["q_z"]], found[row["p_z"], row["q_z"]]
                    )
                    for row in rows
                ]
            )

    def tell(self, report: dict[str, Any]) -> None:
        """Write the report to its own file too, and warn of what must be looked at."""
        from renderapi.files import atomic_write
        from renderapps.module.result import to_json

        if self.args["report_file"]:
            atomic_write(self.args["report_file"], to_json(report))
        if len(report["groups"]) > 1:
            others = [z for group in report["groups"][1:] for z in group]
            named = ", ".join(f"{z:g}" for z in others[:NAMED])
            more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
            self.logger.warning(
                "the sections fall into %d groups that nothing connects: z=%s%s are not connected "
                "with the largest; raise neighbours, or match them by hand",
                len(report["groups"]),
                named,
                more,
            )
        if report["mirrored_sections"]:
            self.logger.warning(
                "sections are left to right: z=%s; flip them (stack.flip_stack_by_raw_image_flip)",
                ", ".join(f"{z:g}" for z in report["mirrored_sections"][:NAMED]),
            )
        if report["sections_total"] == 1:
            self.logger.warning("there is one section: nothing to match")


def links_of(found: Mapping[tuple[float, float], Any]) -> list[Link]:
    """What was found of pairs and is believed."""
    return [
        Link(*pair, match.matrix, match.size, match.found.mirrored)
        for pair, match in found.items()
        if not isinstance(match, str) and match.found.accepted
    ]


if __name__ == "__main__":
    MatchSectionsRough.main()
