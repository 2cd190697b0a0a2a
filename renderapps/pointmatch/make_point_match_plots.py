"""Draw point matches as arrows over the sections, one figure for each two sections."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from argschema.fields import Float, Str
from marshmallow.validate import Range

from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    ZParameters,
    parameter,
)
from renderapps.module.section_module import chosen_zs
from renderapps.module.section_table import section_table
from renderapps.pointmatch.match_collection import (
    MatchOwnerParameters,
    PointSpaceParameters,
    owner_of_matches,
    p_groups_of,
    recorded_transforms,
)
from renderapps.pointmatch.pair_matches import Json
from renderapps.pointmatch.section_plots import PlotParameters, Plotter


class MakePointMatchPlotsParameters(
    PlotParameters,
    PointSpaceParameters,
    MatchOwnerParameters,
    ZParameters,
    ParallelParameters,
    RenderParameters,
):
    """Parameters of make_point_match_plots."""

    stack = parameter(Str, "stack that says where the tiles lie", aliases=["input_stack"])
    matchcollection = parameter(
        Str,
        "match collection to draw",
        aliases=["matchCollection", "match_collection", "input_collection"],
    )
    figdir = parameter(
        Str,
        "the figures are written to the folder FIGDIR-MATCHCOLLECTION-STACK, which is made",
        is_path=True,
    )
    dz = parameter(
        Float,
        "largest distance of the two sections in z; 0: within sections",
        default=10,
        validate=Range(min=0),
    )


class MakePointMatchPlots(RenderModule):
    """Each match is an arrow from its place in the first section to that in the second.

    A well aligned stack has short arrows. Sections without matches between them have no figure and
    are listed as `empty`.
    """

    default_schema = MakePointMatchPlotsParameters

    def run(self) -> None:
        """Draw the figures, the first sections side by side."""
        args = self.args
        stack, name = args["stack"], args["matchcollection"]
        owner = owner_of_matches(self)
        table = section_table(self.render, stack)
        p_groups_of(self.render, owner, name)
        zs = chosen_zs(table.zs, args["zs"], args["minZ"], args["maxZ"], f"stack {stack}")
        transforms, told = recorded_transforms(self.render, owner, name, args["local_transforms"])
        folder = Path(f"{args['figdir']}-{name}-{stack}")
        plotter = Plotter(self.render, stack, table, (name,), owner, transforms, folder, args)
        results = self.map_tasks(partial(_figures, plotter, args["dz"]), zs, "drawing matches")
        failed = [r for r in results if isinstance(r, TaskFailure)]
        drawn = [entry for r in results if not isinstance(r, TaskFailure) for entry in r]
        self.output(
            {
                "figure_directory": str(folder),
                "figures": [entry for entry in drawn if entry["figure"]],
                "empty": [[e["z_p"], e["z_q"]] for e in drawn if not e["pairs"]],
                "not_drawn": [e for e in drawn if e["pairs"] and not e["figure"]],
                "failed_sections": [{"z": f.item, "reason": f.reason} for f in failed],
                "local_transforms": transforms,
                "local_transforms_known": told,
            }
        )
        if failed:
            first = failed[0]
            raise RenderModuleException(
                f"{len(failed)} of {len(zs)} sections failed; z={first.item:g}: {first.reason}"
            )
        if not any(entry["figure"] for entry in drawn):
            raise RenderModuleException(
                f"match collection {name} has no matches between sections of stack {stack} that "
                f"are up to {args['dz']:g} apart: nothing is drawn"
            )


def _figures(plotter: Plotter, dz: float, z: float) -> list[Json]:
    return list(plotter.draw(z, [other for other in plotter.table.zs if z <= other <= z + dz]))


if __name__ == "__main__":
    MakePointMatchPlots.main()
