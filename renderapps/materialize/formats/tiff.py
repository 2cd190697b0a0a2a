"""TIFF with one page for each plane: what every program opens."""

from __future__ import annotations

from typing import Any

from renderapi.volume.layout import VolumeLayout
from renderapps.materialize.tiff_volume import TiffVolume


class Tiff(TiffVolume):
    """Pages of one file; one level unless more are asked for. Size of a pixel in the tags."""

    name = "tiff"
    title = "TIFF of many pages"
    suffixes = (".tif", ".tiff")
    default_levels = 1

    def metadata(self, layout: VolumeLayout) -> dict[str, Any]:
        """Pixels in a centimetre, where that is known."""
        z, y, x = layout.known(layout.voxel_nm)
        found: dict[str, Any] = {"metadata": None, "software": False}
        if x is not None and y is not None:
            found |= {"resolution": (1e7 / x, 1e7 / y), "resolutionunit": "CENTIMETER"}
        if z is not None:
            found["description"] = f"spacing={z:.10g} nm"
        return found


FORMAT = Tiff()
