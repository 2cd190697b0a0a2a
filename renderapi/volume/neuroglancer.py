"""neuroglancer's state for a volume: what it is to show, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]

_SCREEN = (1000, 700)  # pixels that a section is to fit into at first


def viewer_state(
    name: str,
    source: str,
    info: Mapping[str, Any],
    channels: Sequence[Mapping[str, Any]],
    place: Sequence[float | None] = (None, None, None),
    zoom: float | None = None,
) -> Json:
    """State that shows a precomputed volume; without more, its middle, whole in x and y.

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
    place : (x, y, z) of float or None
        Where to look, in voxels of full scale whose centres are whole numbers; None: the middle.
    zoom : float, optional
        Pixels of the screen for a voxel.
    """
    scale = info["scales"][0]
    ends = zip(scale["voxel_offset"], scale["size"], strict=True)
    middle = [offset + size / 2 for offset, size in ends]
    middle[2] = int(middle[2]) + 0.5
    position = [
        there if given is None else given + 0.5  # voxel i is shown at [i, i + 1)
        for there, given in zip(middle, place, strict=True)
    ]
    sizes = zip("xyz", scale["resolution"], strict=True)
    fitted = zip(scale["size"][:2], _SCREEN, strict=True)
    return {
        "title": name,
        "dimensions": {axis: [nanometres * 1e-9, "m"] for axis, nanometres in sizes},
        "position": position,
        "crossSectionScale": 1 / zoom if zoom else max(1.0, *(n / m for n, m in fitted)),
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
