"""Parameters with which the modules of `pointmatch` succeed in the laboratory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import renderapi


def files(lab: Any) -> None:
    """Another collection, `others`: the matches of the first section, a pixel off."""
    first = min(renderapi.pointmatch.get_match_groupIds_from_only("matches", render=lab.render))
    found = renderapi.pointmatch.get_matches_with_group("matches", first, render=lab.render)
    for match in found:
        match["matches"]["q"][0] = [x + 1 for x in match["matches"]["q"][0]]
    renderapi.pointmatch.import_matches("others", found, render=lab.render)


def parameters(lab: Any, at: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    """By module; `at` gives a path below the folder to write to."""
    around = {"stack": "acquired", "z": 0, "dz": 1, "tilepair_output": at("around.json")}
    return {
        "pointmatch.apply_match_edits": {
            "input_collection": "matches",
            "edits_collection": "others",
            "output_collection": "made",
        },
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
        "pointmatch.filter_point_matches": {
            "input_stack": "acquired",
            "input_match_collection": "matches",
            "output_match_collection": "made",
        },
        "pointmatch.make_point_match_plots": {
            "stack": "acquired",
            "matchcollection": "matches",
            "figdir": at("plots"),
        },
        "pointmatch.qc_point_match_results": {
            "matchcollections": ["matches"],
            "input_tilepairfile": lab.path("p.json"),
            "output_tilepairfile": at("bad.json"),
        },
        "pointmatch.swap_point_match_collections": {
            "source_collection": "matches",
            "target_collection": "others",
            "zValues": [0],
            "stack": "acquired",
        },
        "pointmatch.tune_matching": {
            "stack": "acquired",
            "tilepair_file": lab.path("p.json"),
            "search_radii": [8],
            "scales": [1.0],
            "sample_pairs": 2,
        },
    }
