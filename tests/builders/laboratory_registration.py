"""Modules of the theme registration in the laboratory: `acquired`, `again` and `shifted`."""

from __future__ import annotations

import numpy as np

import renderapi
from renderapi.matching.cross_stack_pairs import CrossStackPair, write_cross_stack_pairs
from renderapi.resolvedtiles import get_resolved_tiles_from_z


def files(lab):
    """`cross.json`: tiles of `again` on those of `acquired`; collection `cross` of these pairs."""
    found, pairs = [], []
    grid = np.array([(x, y) for y in (10.0, 60.0, 110.0) for x in (10.0, 60.0, 110.0)])
    for z in (0.0, 1.0):
        ours, theirs = (
            {tile.imageUrl[-5]: tile for tile in section.tilespecs}
            for section in (
                get_resolved_tiles_from_z(stack, z, render=lab.render)
                for stack in ("again", "acquired")
            )
        )
        for frame in "0123":
            p, q = ours[frame], theirs[frame]
            ids = p.layout.sectionId, p.tileId, q.layout.sectionId, q.tileId
            pairs.append(CrossStackPair(*ids))
            points = {"p": grid.T.tolist(), "q": grid.T.tolist(), "w": [1.0] * len(grid)}
            keys = ("pGroupId", "pId", "qGroupId", "qId")
            found.append(dict(zip(keys, ids, strict=True)) | {"matches": points})
    renderapi.pointmatch.import_matches("cross", found, render=lab.render)
    renderapi.pointmatch.set_collection_metadata(
        "cross", {"local_transforms": 0}, render=lab.render
    )
    write_cross_stack_pairs(lab.path("cross.json"), "again", "acquired", pairs)


def parameters(lab, at):
    references = {"prealigned_stack": "acquired", "postaligned_stack": "shifted"}
    three = {"alignedStack": "shifted", "inputStack": "acquired", "outputStack": "made"}
    return {
        "registration.apply_alignment_transform_from_registered_stacks": references
        | {"registered_stacks": ["again"], "new_prefix": "made_"},
        "registration.apply_transforms_by_frame": three | {"alignedStack": "again"},
        "registration.apply_transforms_by_tileId": three,
        "registration.find_principal_tile_overlaps": {
            "stack": "again",
            "ref_stack": "acquired",
            "tilepair_output": at("overlaps.json"),
        },
        "registration.make_synthetic_cross_stack_point_matches": {
            "tile_pair_file": lab.path("cross.json"),
            "matchcollection": "made",
        },
        "registration.fit_transforms_by_point_match": {
            "src_stack": "again",
            "dst_stack": "acquired",
            "output_stack": "made",
            "matchcollection": "cross",
            "num_local_transforms": 0,
        },
        "registration.register_sections": {
            "reference_stack": "acquired",
            "moving_stack": "again",
            "output_stack": "made",
            "match_collection": "cross",
            "reference_z": 1,
            "moving_z": 1,
        },
        "registration.make_local_annotation_tiles": {
            "stack": "acquired",
            "input_annotation_file": lab.path("local.json"),
            "output_annotation_file": at("global.json"),
        },
    }
