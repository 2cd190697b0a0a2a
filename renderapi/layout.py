"""Where and how a tile was acquired."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renderapi.shown import line

DEFAULT_PIXELSIZE = 0.1


class Layout:
    """Acquisition settings of a tile: section, microscope, camera, grid position, stage position.

    `pixelsize` is 0.1 when it is not given, unless `force_pixelsize` is false. In JSON, scopeId is
    called "temca" and cameraId "camera".
    """

    distanceZ: float | None = None

    def __init__(
        self,
        sectionId: str | None = None,
        scopeId: str | None = None,
        cameraId: str | None = None,
        imageRow: int | None = None,
        imageCol: int | None = None,
        stageX: float | None = None,
        stageY: float | None = None,
        rotation: float | None = None,
        pixelsize: float | None = None,
        force_pixelsize: bool = True,
        distanceZ: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.sectionId = sectionId
        self.scopeId = scopeId
        self.cameraId = cameraId
        self.imageRow = imageRow
        self.imageCol = imageCol
        self.stageX = stageX
        self.stageY = stageY
        self.rotation = rotation
        if pixelsize is None and force_pixelsize:
            pixelsize = DEFAULT_PIXELSIZE
        self.pixelsize = pixelsize
        if distanceZ is not None:
            self.distanceZ = distanceZ

    def __repr__(self) -> str:
        names = "sectionId scopeId cameraId imageRow imageCol stageX stageY rotation pixelsize"
        return line("Layout", **{name: getattr(self, name) for name in names.split()})

    def to_dict(self) -> dict[str, Any]:
        """JSON object of the fields that are set."""
        d = {
            "sectionId": self.sectionId,
            "temca": self.scopeId,
            "camera": self.cameraId,
            "imageRow": self.imageRow,
            "imageCol": self.imageCol,
            "stageX": self.stageX,
            "stageY": self.stageY,
            "rotation": self.rotation,
            "pixelsize": self.pixelsize,
            "distanceZ": self.distanceZ,
        }
        return {key: value for key, value in d.items() if value is not None}

    def from_dict(self, d: Mapping[str, Any] | None) -> None:
        """Take every field from a JSON object; absent ones become None. None changes nothing."""
        if d is None:
            return
        get = d.get
        self.sectionId = get("sectionId")
        self.scopeId = get("temca")
        self.cameraId = get("camera")
        self.imageRow = get("imageRow")
        self.imageCol = get("imageCol")
        self.stageX = get("stageX")
        self.stageY = get("stageY")
        self.rotation = get("rotation")
        self.pixelsize = get("pixelsize")
        self.distanceZ = get("distanceZ")

    @classmethod
    def from_json(cls, d: Mapping[str, Any] | None) -> Layout:
        """Layout of a JSON object, nothing added; all fields None for None."""
        layout = cls.__new__(cls)
        layout.from_dict(d or {})
        return layout
