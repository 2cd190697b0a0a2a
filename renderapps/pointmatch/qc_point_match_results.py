"""List the pairs of tiles that were asked for and have too few matches, and what hangs together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from argschema.fields import InputFile, Int, OutputDir
from marshmallow.validate import Length, Range

import renderapi
from renderapi.errors import NotFoundError
from renderapi.matching.neighbours import Pair
from renderapi.matching.tilepairs import read_tile_pairs, write_tile_pairs
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    parameter,
)
from renderapps.module.fields import NewFile
from renderapps.module.lists import Names
from renderapps.module.render_module import connect
from renderapps.module.section_table import SectionTable, section_table
from renderapps.pointmatch.match_collection import (
    MatchOwnerParameters,
    PointSpaceParameters,
    owner_of_matches,
    p_groups_of,
    recorded_transforms,
)
from renderapps.pointmatch.match_connections import connected_sections
from renderapps.pointmatch.pair_matches import Json, PairMatches
from renderapps.pointmatch.section_plots import PlotParameters, Plotter

Groups = tuple[str, str]
Task = tuple[Groups, list[tuple[str, str]]]
_STACK = re.compile(r"/owner/([^/]+)/project/([^/]+)/stack/([^/]+)/")


class QCPointMatchResultsParameters(
    PlotParameters,
    PointSpaceParameters,
    MatchOwnerParameters,
    ParallelParameters,
    RenderParameters,
):
    """Parameters of qc_point_match_results."""

    matchcollections = parameter(
        Names,
        "match collections to look in, a list or a text with commas; the matches that a pair has "
        "in all of them count together",
        aliases=["matchcollection", "match_collections"],
        validate=Length(min=1),
    )
    input_tilepairfile = parameter(InputFile, "tile-pair file of the pairs that were asked for")
    output_tilepairfile = parameter(
        NewFile,
        "tile-pair file to write, of the pairs with too few matches, to match them again with "
        "other settings",
    )
    figdir = parameter(
        OutputDir,
        "folder for figures of the matches, one for each two paired sections",
        default=None,
        default_text="no figures",
    )
    min_matches = parameter(
        Int,
        "pairs with fewer matches (points whose weight is not 0) are bad; sections hang together "
        "by pairs with at least as many",
        default=5,
        validate=Range(min=1),
    )


class QCPointMatchResults(RenderModule):
    """More than one component of sections is a break in the series, which no matches bridge."""

    default_schema = QCPointMatchResultsParameters

    def run(self) -> None:
        """Count the matches of the pairs, sections by sections; write, report, draw."""
        args = self.args
        source, target = args["input_tilepairfile"], args["output_tilepairfile"]
        if Path(source).resolve() == Path(target).resolve():
            raise RenderModuleException(
                f"output_tilepairfile: {target} is the input; name another file"
            )
        asked = read_tile_pairs(source)
        if not asked.pairs:
            raise RenderModuleException(f"{source} has no pairs")
        owner = owner_of_matches(self)
        for name in args["matchcollections"]:
            p_groups_of(self.render, owner, name)
        self.stack_render, stack = self.stack_of(asked.template)
        table = section_table(self.stack_render, stack)
        counts = self.counts(owner, asked.pairs)
        least = args["min_matches"]
        bad = [pair for pair in asked.pairs if counts[pair.key] < least]
        files, _ = write_tile_pairs(target, asked.template, [bad], len(bad) + 1, write_empty=True)
        report = {
            "stack": stack,
            "pairs": len(asked.pairs),
            "bad_pairs": len(bad),
            "bad_fraction": len(bad) / len(asked.pairs),
            "matches": sum(counts.values()),
            "histogram": histogram(list(counts.values())),
            "bad": [named(pair, counts[pair.key]) for pair in bad],
            "output_tilepairfile": files[0],
            **connected_sections(asked.pairs, counts, least, table.zs_of),
        }
        self.output(report)
        self.tell(report)
        if args["figdir"]:
            figures = self.figures(owner, stack, table, asked.pairs)
            self.output({**report, "figures": figures})

    def stack_of(self, template: str) -> tuple[renderapi.Render, str]:
        """The stack that a pair file is of, and a connection to its owner and project."""
        found = _STACK.search(template)
        if found is None:
            raise RenderModuleException(
                f"{self.args['input_tilepairfile']}: its template names no stack: {template}"
            )
        owner, project, stack = map(unquote, found.groups())
        return connect({**self.args["render"], "owner": owner, "project": project}), stack

    def counts(self, owner: str, pairs: Sequence[Pair]) -> dict[tuple[str, str, str, str], int]:
        """Number of matches of each pair, in all collections together."""
        by_groups: dict[Groups, list[tuple[str, str]]] = {}
        for p_group, p_id, q_group, q_id in (pair.key for pair in pairs):
            by_groups.setdefault((p_group, q_group), []).append((p_id, q_id))
        tasks = list(by_groups.items())
        count = partial(_counts, self.render, owner, tuple(self.args["matchcollections"]))
        results = self.map_tasks(count, tasks, "counting matches", also_here=True)
        found: dict[tuple[str, str, str, str], int] = {}
        for (groups, names), result in zip(tasks, results, strict=True):
            if isinstance(result, TaskFailure):
                raise RenderModuleException(
                    f"sections {groups[0]} and {groups[1]}: {result.reason}"
                )
            for (p_id, q_id), number in zip(names, result, strict=True):
                found[groups[0], p_id, groups[1], q_id] = number
        return found

    def tell(self, report: Json) -> None:
        """Say on the log what hangs together."""
        share = 100 * report["bad_fraction"]
        self.logger.info(
            "%d of %d pairs (%.1f %%) are bad", report["bad_pairs"], report["pairs"], share
        )
        for part in report["components"]:
            if part["zs"]:
                self.logger.info("connected: %g - %g", part["zs"][0], part["zs"][-1])

    def figures(
        self, owner: str, stack: str, table: SectionTable, pairs: Sequence[Pair]
    ) -> list[Json]:
        """Draw the sections that are paired."""
        names = self.args["matchcollections"]
        given = self.args["local_transforms"]
        for name in names:
            transforms, known = recorded_transforms(self.render, owner, name, given)
            given = transforms if known else given
        plotter = Plotter(
            self.stack_render,
            stack,
            table,
            tuple(names),
            owner,
            given or 0,
            Path(self.args["figdir"]),
            self.args,
        )
        wanted: dict[float, set[float]] = {}
        for z, other in _paired_zs(pairs, table.zs_of):
            wanted.setdefault(z, set()).add(other)
        items = [(z, sorted(others)) for z, others in sorted(wanted.items())]
        results = self.map_tasks(partial(_figures, plotter), items, "drawing matches")
        drawn: list[Json] = []
        for (z, _), result in zip(items, results, strict=True):
            failed = isinstance(result, TaskFailure)
            drawn += [{"z_p": z, "figure": None, "reason": result.reason}] if failed else result
        return drawn


def _paired_zs(
    pairs: Sequence[Pair], zs_of: Mapping[str, Sequence[float]]
) -> Iterator[tuple[float, float]]:
    for p_group, q_group in {(pair.p_group, pair.q_group) for pair in pairs}:
        for z in zs_of.get(p_group, ()):
            for other in zs_of.get(q_group, ()):
                yield min(z, other), max(z, other)


def _figures(plotter: Plotter, item: tuple[float, list[float]]) -> list[Json]:
    return list(plotter.draw(*item))


def _counts(
    render: renderapi.Render, owner: str, collections: Sequence[str], task: Task
) -> list[int]:
    """Matches of the pairs of two groups, in order."""
    (p_group, q_group), names = task
    found: dict[tuple[str, str], int] = {}
    for collection in collections:
        try:
            documents = renderapi.pointmatch.get_matches_from_group_to_group(
                collection, p_group, q_group, owner=owner, render=render
            )
        except NotFoundError:
            continue
        for pair in map(PairMatches.from_document, documents):
            key = pair.p_tile[1], pair.q_tile[1]
            found[key] = found.get(key, 0) + int(np.count_nonzero(pair.w > 0))
    return [found.get(key, 0) for key in names]


def named(pair: Pair, count: int) -> Json:
    """Entry of a pair with its number of matches."""
    names = ("pGroupId", "pId", "qGroupId", "qId")
    return {**dict(zip(names, pair.key, strict=True)), "matches": count}


def histogram(counts: Sequence[int]) -> list[Json]:
    """How many pairs have 0 matches, 1, 2 to 3, 4 to 7, and so on.

    >>> histogram([0, 5, 7, 1])[-1]
    {'least': 4, 'most': 7, 'pairs': 2}
    """
    values = np.asarray(counts, int)
    rows: list[Any] = [{"least": 0, "most": 0, "pairs": int((values == 0).sum())}]
    least = 1
    while least <= values.max(initial=0):
        inside = (values >= least) & (values < 2 * least)
        rows.append({"least": least, "most": 2 * least - 1, "pairs": int(inside.sum())})
        least *= 2
    return rows


if __name__ == "__main__":
    QCPointMatchResults.main()
