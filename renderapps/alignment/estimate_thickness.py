"""Propose the z of each section from how fast the likeness of aligned sections falls.

Thick sections, and those beside a lost one, are less like their neighbours. The proposal is written
as JSON; the stack is given the new z values only where an output is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from argschema.fields import Float, Int, Str
from marshmallow.validate import Range

from renderapps.alignment.proposals import ProposalModule, ProposalParameters
from renderapps.module import RenderModuleException, TaskFailure, parameter

THICK = 1.5  # neighbours so many times the mean distance apart are named


class EstimateThicknessParameters(ProposalParameters):
    """Parameters of estimate_thickness."""

    scale = parameter(
        Float,
        "scale at which sections are drawn for comparison",
        default=0.25,
        validate=Range(min=0, max=1, min_inclusive=False),
    )
    neighbours = parameter(
        Int,
        "pairs up to so many sections apart are compared",
        default=4,
        aliases=["neighbors"],
        validate=Range(min=2),
    )
    regularization = parameter(
        Float,
        "how strongly distances are held at the mean one",
        default=0.1,
        validate=Range(min=0, min_inclusive=False),
    )
    channel = parameter(Str, "channel to compare", default=None, default_text="the first")


class EstimateThickness(ProposalModule):
    """First and last section keep their z; the others keep their order in between."""

    default_schema = EstimateThicknessParameters

    def propose(self, zs: Sequence[float]) -> tuple[list[float], dict[str, Any]]:
        """The z values that the likeness tells."""
        from renderapps.alignment.section_spacing import fitted_spacing

        reach = min(self.args["neighbours"], len(zs) - 1)
        if len(zs) < 4:
            raise RenderModuleException(
                f"{len(zs)} sections tell nothing of their distances: at least 4 are needed"
            )
        likeness = self.likeness(zs, reach)
        near = likeness[np.arange(len(zs) - 1), np.arange(1, len(zs))]
        unknown = [z for z, v in zip(zs, near, strict=False) if not np.isfinite(v)]
        if len(unknown) == len(zs) - 1 or not np.nanmedian(near) > 0:
            raise RenderModuleException(
                f"neighbours of stack {self.z_stack} have nothing in common: align them first"
            )
        found = fitted_spacing(likeness, reach, self.args["regularization"])
        mean = (zs[-1] - zs[0]) / (len(zs) - 1)
        new = [float(round(zs[0] + mean * p, 4)) for p in found.places]
        steps = np.diff(found.places)
        return new, {
            "mean_distance": mean,
            "distances": [
                {"z": a, "next_z": b, "distance": round(float(s * mean), 4)}
                for a, b, s in zip(zs, zs[1:], steps, strict=False)
            ],
            "far_apart": [
                {"z": a, "next_z": b, "times_the_mean": round(float(s), 3)}
                for a, b, s in zip(zs, zs[1:], steps, strict=False)
                if s > THICK
            ],
            "correlation_at_distance": [round(float(v), 4) for v in found.decay],
            "misfit_before": round(found.before, 5),
            "misfit_after": round(found.after, 5),
            "neighbours_not_compared": unknown,
        }

    def likeness(self, zs: Sequence[float], reach: int) -> np.ndarray:
        """Correlation of each two sections up to `reach` apart; NaN elsewhere."""
        from renderapps.alignment.drawn_sections import common_window

        window = common_window(self.render, self.z_stack, self.args["scale"])
        size = max(reach, -(-len(zs) // (2 * self.at_once())))
        starts = range(0, len(zs) - 1, size)
        chunks = [(list(zs[k : k + size + reach]), min(size, len(zs) - k)) for k in starts]
        where = (self.render, self.z_stack, window, self.args["channel"], reach)
        results = self.map_tasks(partial(correlations, *where), chunks, "comparing sections")
        place = {z: k for k, z in enumerate(zs)}
        result = np.full((len(zs), len(zs)), np.nan)
        for chunk, found in zip(chunks, results, strict=True):
            if isinstance(found, TaskFailure):
                raise RenderModuleException(
                    f"sections from z={chunk[0][0]:g} cannot be compared: {found.reason}"
                )
            for (p, q), value in found.items():
                result[place[p], place[q]] = value
        return result


def correlations(
    render: Any,
    stack: str,
    window: Any,
    channel: str | None,
    reach: int,
    chunk: tuple[list[float], int],
) -> dict[tuple[float, float], float]:
    """Correlation of the first sections of a chunk with those that follow, by their z."""
    from renderapps.alignment.drawn_sections import DrawnSections, correlation_of

    zs, count = chunk
    drawn = DrawnSections(render, stack, window, channel, kept=reach + 1)
    return {
        (p, q): correlation_of(drawn.get(p), drawn.get(q))
        for k, p in enumerate(zs[:count])
        for q in zs[k + 1 : k + 1 + reach]
    }


if __name__ == "__main__":
    EstimateThickness.main()
