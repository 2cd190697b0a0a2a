"""How much a picture may take: bounds on what is read, filtered and waited for.

A person's own run is bounded only by what no image can be (`OWN`); a service that draws what
strangers ask for has tighter bounds (`renderws.limits`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from threading import Event
from time import monotonic

from renderapi.errors import ImageError, RenderError, SpecError


@dataclass(frozen=True)
class DrawingLimits:
    """Bounds of pictures and of what they are drawn from.

    Attributes
    ----------
    image_bytes : int
        Decoded bytes of one source image or mask, whatever its format.
    download_bytes : int
        Bytes of one file that comes over the network.
    download_seconds : float
        For one file, from the first connection to its last byte, redirections included.
    filters : int
        Filters of one picture.
    filter_radius : float
        Radius of a filter, in pixels of the full-scale image.
    mesh_cells : int
        Cells of the mesh over one tile.
    """

    image_bytes: int = 1 << 32
    download_bytes: int = 1 << 34
    download_seconds: float = math.inf
    filters: int = 10_000
    filter_radius: float = math.inf
    mesh_cells: int = 1 << 22

    def check_image(self, *lengths: int) -> None:
        """Refuse an image whose lengths multiply to more bytes than may be decoded.

        `lengths` are the sides in pixels and whatever else multiplies them: samples per pixel,
        bytes per sample.
        """
        if math.prod(map(int, lengths)) > self.image_bytes:
            shown = " x ".join(str(int(length)) for length in lengths)
            raise ImageError(
                f"an image of {shown} bytes is too large (more than {self.image_bytes} decoded)"
            )

    def check_radius(self, key: str, value: float) -> None:
        """Refuse the radius of a filter that is too large."""
        if value > self.filter_radius:
            raise SpecError(f"{key} must be at most {self.filter_radius:g}, not {value:g}")

    def check_filters(self, count: int) -> None:
        """Refuse a list of filters that is too long."""
        if count > self.filters:
            raise SpecError(f"{count} filters are too many for one picture ({self.filters})")

    def check_cells(self, count: float, width: float, height: float) -> None:
        """Refuse a mesh of too many cells over a tile."""
        if not count <= self.mesh_cells:
            raise SpecError(
                f"the mesh cells are too small for an image of {width:g} x {height:g} pixels: more"
                f" than {self.mesh_cells}; give a larger meshCellSize"
            )


OWN = DrawingLimits()


class DrawingStopped(RenderError):
    """A picture was given up: it took too long, nobody waits for it, or the process ends."""


class Stop:
    """Says whether work on a picture is to go on. Whoever draws asks `check` now and then.

    Parameters
    ----------
    seconds : float
        How long the work may take, from now or from when it begins.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self._until = monotonic() + seconds
        self._told = Event()
        self._reason = ""

    def begin(self) -> None:
        """Count the time from now."""
        self._until = monotonic() + self.seconds

    def tell(self, reason: str) -> None:
        """Have the work stop at its next check."""
        self._reason = reason
        self._told.set()

    def check(self) -> None:
        """Raise DrawingStopped when the work is to stop."""
        if self._told.is_set():
            raise DrawingStopped(self._reason)
        if monotonic() > self._until:
            raise DrawingStopped(
                f"the picture took longer than {self.seconds:g} s and was given up; ask for a"
                " smaller box or scale, or fewer filters"
            )


def go_on() -> None:
    """The check of work that nobody stops."""
