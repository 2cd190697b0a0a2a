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
    acquired_project(Path(lab.path("acquired_ff")))


def acquired_project(root, channels=("DAPI_1",)):
    """Two statetables of a section each; stitched tiles at z 0, flat-field tiles at z 3 and 4."""
    (root / "scripts_ff").mkdir(parents=True)
    for number in (1, 2):
        lines = ["ch_name,session,ribbon,section"]
        lines += [f"{c},1,7,{number}" for c in (*channels, "OTHER") for _ in "ab"]
        table = root / "scripts_ff" / f"statetable_{number:04d}"
        table.write_text("\n".join(lines))
        name = f"rib0007sess0001sect{number:04d}.json"
        shared = LEAF | {"id": f"lens_{number}"}
        _write(root, "stitched_transformspec_ff", name, [shared])
        for channel in channels:
            stitched = ff_tile(f"{channel}_{number}", 0, f"lens_{number}")
            flat = ff_tile(f"{channel}_{number}", number + 2, None)
            _write(root, "stitched_tilespec_ff", f"{channel}_{name}", [stitched])
            _write(root, "flatfieldcorrected_tilespec", f"{channel}_{name}", [flat])


def ff_tile(name, z, lens):
    """A tile of 20 x 10 pixels."""
    leaves = [{"type": "ref", "refId": lens}] if lens else [LEAF]
    return {
        "tileId": name,
        "z": z,
        "width": 20,
        "height": 10,
        "layout": {"sectionId": f"{z}.0"},
        "mipmapLevels": {"0": {"imageUrl": f"file:///{name}.tif"}},
        "transforms": {"type": "list", "specList": leaves},
    }


def _write(root, kind, name, content):
    path = root / "processed" / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


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
        "obsolete.create_acquiredff_fullstack": {
            "rootDir": lab.path("acquired_ff"),
            "firstStatetableNum": 1,
            "lastStatetableNum": 2,
            "outputStack": "made",
            "updateZval": True,
        },
    }
