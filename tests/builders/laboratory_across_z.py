"""Modules of the theme alignment that work across z: a stack `whole`, one tile a section."""

from pathlib import Path

import numpy as np
from section_series import put_sections, tissue

import renderapi
from renderapi.transform import AffineModel, ReferenceTransform, load_leaf_json
from renderapps.alignment.section_warps import Field, warp_document

SHIFTS = (0, 3)
SERIES = (0, 0.25, 0.5, 1)


def files(lab):
    """Stack `whole`: two sections of one piece of tissue, shifted by a few pixels."""
    series = tissue(2, (110, 120), seed=5, z_sigma=2.0)
    pictures = [np.roll(picture, k, axis=1) for picture, k in zip(series, SHIFTS, strict=True)]
    np.save(lab.path("map.npy"), np.ones((2, 2, 4, 4), np.float32))
    put_sections(lab.render, "whole", pictures, Path(lab.path("whole_sections")))
    ends = {"pGroupId": "g0", "pId": "s0", "qGroupId": "g1", "qId": "s1"}
    points = [[1.0, 2.0], [3.0, 5.0]]
    across = ends | {"matches": {"p": points, "q": points, "w": [1.0, 1.0]}}
    renderapi.pointmatch.import_matches("across", [across], render=lab.render)
    put_sections(lab.render, "series", [pictures[0]] * 4, Path(lab.path("whole_sections")), SERIES)
    warp = load_leaf_json(warp_document("warp", Field((0.0, 0.0), 40.0, np.ones((2, 4, 4)))))
    more = {"tforms": [[AffineModel(), ReferenceTransform("warp")]] * 2, "shared": [warp]}
    put_sections(lab.render, "warped", pictures, Path(lab.path("whole_sections")), **more)


def parameters(lab, at):
    return {
        "alignment.match_sections_rough": {
            "input_stack": "whole",
            "matchCollection": "made",
            "ways": ["features"],
        },
        "alignment.align_sections_fine": {
            "input_stack": "whole",
            "output_stack": "made",
            "block_size": 32,
            "spacing": 16,
        },
        "alignment.import_maps": {
            "input_stack": "whole",
            "output_stack": "made",
            "map_file": lab.path("map.npy"),
            "stride": 40,
        },
        "alignment.order_sections": {"input_stack": "whole", "matchCollection": "across"},
        "alignment.estimate_thickness": {"input_stack": "series", "scale": 1.0},
        "alignment.export_maps": {"input_stack": "warped", "map_file": at("out.npy")},
    }
