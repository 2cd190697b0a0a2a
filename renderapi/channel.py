"""One channel of a tile: its name, display range and images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renderapi.errors import SpecError
from renderapi.image_pyramid import ImagePyramid


class Channel:
    """A named channel with its own display range and image pyramid `ip`."""

    def __init__(
        self,
        name: str | None = None,
        maxIntensity: float | None = None,
        minIntensity: float | None = None,
        ip: ImagePyramid | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
        else:
            self.name = name
            self.maxIntensity = maxIntensity
            self.minIntensity = minIntensity
            self.ip = ip

    def from_dict(self, d: Mapping[str, Any]) -> None:
        """Take name, display range and mipmaps from a JSON object, which must have all four."""
        self.name = d["name"]
        self.minIntensity = d["minIntensity"]
        self.maxIntensity = d["maxIntensity"]
        self.ip = ImagePyramid.from_dict(d["mipmapLevels"])

    def to_dict(self) -> dict[str, Any]:
        """JSON object; the display range only where it is set."""
        if self.ip is None:
            raise SpecError(f"channel {self.name!r} has no image pyramid")
        d: dict[str, Any] = {"name": self.name}
        if self.minIntensity is not None:
            d["minIntensity"] = self.minIntensity
        if self.maxIntensity is not None:
            d["maxIntensity"] = self.maxIntensity
        d["mipmapLevels"] = self.ip.to_dict()
        return d
