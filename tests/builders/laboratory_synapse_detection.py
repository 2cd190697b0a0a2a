"""Modules of the theme synapse_detection in the laboratory: annotations of the theme TrakEM2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

THEME = "synapse_detection"


def files(lab):
    """`probability.tif` for `acquired`, 220 px wide and high, at scale 0.1, and `table.csv`."""
    volume = np.zeros((2, 22, 22), np.float32)
    volume[:, 3:6, 3:6] = 0.5
    tifffile.imwrite(lab.path("probability.tif"), volume, photometric="minisblack")
    table = "made by hand,,,\n,oid,GABA,no\n0,900,1,\n1,901,1,\n"
    Path(lab.path("table.csv")).write_text(table)


def parameters(lab, at):
    files_ = {
        "EM_annotation_json": lab.path("global.json"),
        "LM_annotation_json": lab.path("global.json"),
        "EM_boundary_json": lab.path("global.json"),
        "EM_metadata_csv": lab.path("table.csv"),
        "EM_not_synapse_column": "no",
    }
    return {
        f"{THEME}.segment_synapse_probability": {
            "scale": 0.1,
            "stack_for_bounds": "acquired",
            "syn_probability_file": lab.path("probability.tif"),
            "output_file": at("objects.json"),
        },
        f"{THEME}.evaluate_synapse_detection": files_ | {"EM_inclass_column": "GABA"},
        f"{THEME}.evaluate_synapse_detection2": files_
        | {"EM_inclass_column1": "GABA", "EM_inclass_column2": "GABA"},
    }


UNCONNECTED = {f"{THEME}.evaluate_synapse_detection", f"{THEME}.evaluate_synapse_detection2"}
