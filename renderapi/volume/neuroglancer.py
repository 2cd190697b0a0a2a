"""neuroglancer's state for a volume: what it is to show, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

_SCREEN = (1000, 700)  # pixels that a section is to fit into at first


def viewer_state(
    name: str, source: str, info: Mapping[str, Any], channels: Sequence[Mapping[str, Any]]
) -> Json:
    """State that shows the middle of a precomputed volume, whole in x and y.

    Parameters
    ----------
    name : str
        Of the layer.
    source : str
        Address of the folder of `info`.
    info : mapping
        Of the volume.
    channels : sequence of mapping
        Of its `omero` block: label, color and window of each.
    """
    scale = info["scales"][0]
    ends = zip(scale["voxel_offset"], scale["size"], strict=True)
    x, y, z = (offset + size / 2 for offset, size in ends)
    sizes = zip("xyz", scale["resolution"], strict=True)
    width, height = scale["size"][:2]
    return {
        "dimensions": {axis: [nanometres * 1e-9, "m"] for axis, nanometres in sizes},
        "position": [x, y, int(z) + 0.5],
        "crossSectionScale": max(1.0, width / _SCREEN[0], height / _SCREEN[1]),
        "layers": [
            {
                "type": "image",
                "name": name,
                "source": f"precomputed://{source}",
                "shader": shader(channels),
            }
        ],
        "selectedLayer": {"layer": name, "visible": False},
        "layout": "xy",
    }


def shader(channels: Sequence[Mapping[str, Any]]) -> str:
    """Program that shows one channel grey, and several as the sum of their colours.

    The display ranges are those of the channels, and controls of the layer.
    """
    if len(channels) == 1:
        return (
            f"#uicontrol invlerp normalized({_range(channels[0])})\n"
            "void main() {\n  emitGrayscale(normalized());\n}\n"
        )
    controls = [
        f"#uicontrol invlerp channel{n}({_range(channel)}, channel={n})\n"
        f'#uicontrol vec3 color{n} color(default="#{channel["color"]}")\n'
        for n, channel in enumerate(channels)
    ]
    total = " + ".join(f"color{n} * channel{n}()" for n in range(len(channels)))
    return "".join(controls) + f"void main() {{\n  emitRGB({total});\n}}\n"


def _range(channel: Mapping[str, Any]) -> str:
    window = channel["window"]
    return f"range=[{window['start']:g}, {window['end']:g}]"
