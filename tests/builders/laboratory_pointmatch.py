"""Parameters with which the modules of `pointmatch` succeed in the laboratory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def parameters(lab: Any, at: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """By module; `at` gives a path below the folder to write to."""
    around = {"stack": "acquired", "z": 0, "dz": 1, "tilepair_output": at("around.json")}
    return {
        "pointmatch.consolidate_pointmatches_across_channels": {
            "input_collection_list": ["matches"],
            "output_collection": "made",
            "reference_channel": "DAPI",
        },
        "pointmatch.copy_pointmatch_by_frame": {
            "input_matchcollection": "matches",
            "output_matchcollection": "made",
            "input_stack": "acquired",
            "output_stack": "again",
        },
        "pointmatch.create_tilepairs_for_across_z_break": around,
        "pointmatch.create_tilepairs_for_single_z": around,
        "pointmatch.make_point_match_plots": {
            "stack": "acquired",
            "matchcollection": "matches",
            "figdir": at("plots"),
        },
    }
