"""Parameters with which the modules of `stitching` succeed in the laboratory."""

from __future__ import annotations


def parameters(lab, at):
    return {
        "stitching.create_montage_pointmatches_in_place": {
            "stack": "acquired",
            "matchCollection": "made",
            "margin": 2,
        },
        "stitching.remove_outer_tiles": {
            "inputStack": "acquired",
            "outputStack": "made",
            "min_neighbors": 1,
        },
    }
