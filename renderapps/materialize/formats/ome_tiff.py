"""OME-TIFF: one file with OME-XML, and coarser levels as SubIFDs (pyramidal)."""

from __future__ import annotations

import uuid
from typing import Any

from renderapi.volume.layout import VolumeLayout
from renderapps.materialize.tiff_volume import TiffVolume


class OmeTiff(TiffVolume):
    """Pyramidal OME-TIFF."""

    name = "ome-tiff"
    title = "OME-TIFF"
    suffixes = (".ome.tif", ".ome.tiff")
    writes_ome = True

    def metadata(self, layout: VolumeLayout) -> dict[str, Any]:
        """Sizes and places of the planes, names and colours of the channels."""
        names, colors = zip(
            *((name, _color(rgb)) for name, rgb, _ in layout.display()), strict=True
        )
        found: dict[str, Any] = {
            "axes": "CZYX" if layout.channels else "ZYX",
            "Name": layout.name,
            "Channel": {"Name": list(names), "Color": list(colors)},
        }
        planes = layout.channel_count * layout.shape[0]
        positions: dict[str, Any] = {}
        lengths = layout.known(layout.voxel_nm)
        for axis, length in zip("ZYX", lengths, strict=True):
            if length is not None:
                found |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": "nm"}
        for axis, origin in zip("ZYX", layout.known(layout.origin_nm), strict=True):
            if origin is not None:
                step = layout.voxel_nm[0] if axis == "Z" else 0.0
                positions[f"Position{axis}"] = [
                    origin + step * (k % layout.shape[0]) for k in range(planes)
                ]
                positions[f"Position{axis}Unit"] = ["nm"] * planes
        if positions:
            found["Plane"] = positions
        found["UUID"] = str(uuid.uuid5(uuid.NAMESPACE_OID, repr(layout)))
        return {"metadata": found}


def _color(rgb: str) -> int:
    """RRGGBB as the signed number RGBA of OME-XML."""
    value = (int(rgb, 16) << 8) | 255
    return value - (1 << 32) if value >= 1 << 31 else value


FORMAT = OmeTiff()
