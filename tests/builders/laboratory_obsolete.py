"""Modules of the theme obsolete in the laboratory: a file of transforms for both sections."""

from __future__ import annotations

import json
from pathlib import Path

LEAF = {
    "type": "leaf",
    "className": "mpicbg.trakem2.transform.AffineModel2D",
    "dataString": "1 0 0 1 7 9",
}


def files(lab):
    """`me_lab_acquired_to_shifted_Transforms.json` in the folder `alignments`."""
    folder = Path(lab.path("alignments"))
    folder.mkdir()
    ids = [f"acquired_to_shifted_z_{z:.6f}_alignment" for z in (0, 1)]
    found = [{"id": name, "type": "list", "specList": [LEAF]} for name in ids]
    (folder / "me_lab_acquired_to_shifted_Transforms.json").write_text(json.dumps(found))


def parameters(lab, at):
    stacks = {
        "prealignedStack": "acquired",
        "postalignedStack": "shifted",
        "inputStack": "acquired",
        "outputStack": "made",
    }
    return {
        "obsolete.apply_alignment_from_render_stack": stacks,
        "obsolete.apply_ztransforms_to_render_stack": stacks
        | {"jsonDirectory": lab.path("alignments")},
    }
