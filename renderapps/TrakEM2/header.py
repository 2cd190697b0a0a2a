"""The start of every project file: XML declaration and document type.

TrakEM2 reads the internal subset for its template: it wants a `[` and a `]` on different lines,
one ELEMENT declaration of `project` that names exactly one child, and a declaration of that child.
The other declarations let a strict parser check the file.
"""

from __future__ import annotations

_COMMON_CHILDREN = "t2_prop,t2_linked_prop,t2_annot"
_COMMON = (
    *("oid", "layer_id", "transform", "style", "locked", "visible", "title", "links"),
    "composite",
)

#: children of every element (None: EMPTY), and its attributes; `+` stands for the common ones
_ELEMENTS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "t2_layer": ("t2_patch,t2_label,t2_layer_set,t2_profile", ("oid", "thickness", "z")),
    "t2_layer_set": (
        "+,t2_layer,t2_pipe,t2_ball,t2_area_list,t2_calibration,t2_stack,t2_treeline",
        (
            "+",
            *("layer_width", "layer_height", "rot_x", "rot_y", "rot_z", "snapshots_quality"),
            *("color_cues", "area_color_cues", "avoid_color_cue_colors", "n_layers_color_cue"),
            *("paint_arrows", "paint_tags", "paint_edge_confidence_boxes", "preload_ahead"),
        ),
    ),
    "t2_calibration": (
        None,
        (
            *("pixelWidth", "pixelHeight", "pixelDepth", "xOrigin", "yOrigin", "zOrigin"),
            *("info", "valueUnit", "timeUnit", "unit"),
        ),
    ),
    "t2_ball": ("+,t2_ball_ob", ("+", "fill")),
    "t2_ball_ob": (None, ("x", "y", "r", "layer_id")),
    "t2_label": ("+", ("+",)),
    "t2_filter": (None, ()),
    "t2_patch": (
        "+,ict_transform,ict_transform_list,t2_filter",
        (
            "+",
            *("file_path", "original_path", "type", "false_color", "ct", "o_width", "o_height"),
            *("min", "max", "pps", "mres", "ct_id", "alpha_mask_id"),
        ),
    ),
    "t2_pipe": ("+", ("+", "d", "p_width", "layer_ids")),
    "t2_polyline": ("+", ("+", "d")),
    "t2_profile": ("+", ("+", "d")),
    "t2_area_list": ("+,t2_area", ("+", "fill_paint")),
    "t2_area": ("t2_path", ("layer_id",)),
    "t2_path": (None, ("d",)),
    "t2_dissector": ("+,t2_dd_item", ("+",)),
    "t2_dd_item": (None, ("radius", "tag", "points")),
    "t2_stack": (
        "+,(iict_transform|iict_transform_list)?",
        ("+", "file_path CDATA", "depth CDATA"),
    ),
    "t2_tag": (None, ("name", "key")),
    "t2_node": ("t2_area*,t2_tag*", ("x", "y", "lid", "c", "r NMTOKEN #IMPLIED")),
    "t2_treeline": ("t2_node*,+", ("+",)),
    "t2_areatree": ("t2_node*,+", ("+",)),
    "t2_connector": ("t2_node*,+", ("+",)),
    "t2_prop": (None, ("key", "value")),
    "t2_linked_prop": (None, ("target_id", "key", "value")),
    "t2_annot": (None, ()),
    "t2_display": (
        None,
        (
            *("id", "layer_id", "x", "y", "magnification", "srcrect_x", "srcrect_y"),
            *("srcrect_width", "srcrect_height", "scroll_step", "c_alphas", "c_alphas_state"),
            *("filter_enabled", "filter_min_max_enabled", "filter_min", "filter_max"),
            *("filter_invert", "filter_clahe_enabled", "filter_clahe_block_size"),
            *("filter_clahe_histogram_bins", "filter_clahe_max_slope"),
        ),
    ),
    "ict_transform": (None, ("class CDATA", "data CDATA")),
    "iict_transform": (None, ("class CDATA", "data CDATA")),
    "ict_transform_list": ("(ict_transform|iict_transform)*", ()),
    "iict_transform_list": ("iict_transform*", ()),
}


def _declaration(name: str, children: str | None, attributes: tuple[str, ...]) -> list[str]:
    model = "EMPTY" if children is None else f"({children.replace('+', _COMMON_CHILDREN)})"
    names = [n for a in attributes for n in (_COMMON if a == "+" else (a,))]
    lines = [f"\t<!ELEMENT {name} {model}>"]
    for entry in names:
        words = entry.split()
        kind = " ".join(words[1:]) or "NMTOKEN"
        required = "" if "#" in kind else " #REQUIRED"
        lines.append(f"\t<!ATTLIST {name} {words[0]} {kind}{required}>")
    return lines


def _header() -> str:
    lines = [
        '<?xml version="1.0" encoding="ISO-8859-1"?>',
        "<!DOCTYPE trakem2_anything [",
        "\t<!ELEMENT trakem2 (project,t2_layer_set,t2_display)>",
        "\t<!ELEMENT project (anything)>",
    ]
    project = ("id", "unuid", "title", "preprocessor", "mipmaps_folder", "storage_folder")
    lines += [f"\t<!ATTLIST project {name} NMTOKEN #REQUIRED>" for name in project]
    lines.append("\t<!ELEMENT anything EMPTY>")
    lines += [f"\t<!ATTLIST anything {name} NMTOKEN #REQUIRED>" for name in ("id", "expanded")]
    for name, (children, attributes) in _ELEMENTS.items():
        lines += _declaration(name, children, attributes)
    return "\n".join([*lines, "] >", "", ""])


#: text before the element `trakem2`
header = _header()
