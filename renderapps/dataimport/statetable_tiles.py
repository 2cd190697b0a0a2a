"""Tiles of a statetable: which stack they belong to, their files, their JSON objects.

Per channel, each image is a tile of the stack of its channel. Per session, the channels of a frame
are one tile of the stack of their session, and the reference channel is what is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.dataimport.acquired_image import listed
from renderapps.dataimport.reduced_images import LevelSpec, fitting, level_name
from renderapps.dataimport.statetable import StateRow
from renderapps.module.errors import RenderModuleException
from renderapps.module.tile_documents import Json

Range = tuple[float, float]
Levels = Mapping[int, Path]


@dataclass(frozen=True)
class ProjectFolders:
    """Where what is made of a project goes: below `root`/`processed`."""

    root: Path
    processed: str = "processed"

    def mipmaps(self, row: StateRow, specs: Sequence[LevelSpec]) -> dict[LevelSpec, Path]:
        """File of each level of an image; both the files and the URLs come from here."""
        folder = self.root / self.processed / "downsamp_images" / row.folders
        return {
            spec: folder / level_name(row.path.stem, spec.level, spec.format)
            for spec in fitting(specs, row.width, row.height)
        }

    def tilespecs(self, row: StateRow, prefix: str, stack: str) -> Path:
        """JSON file of the tiles of the row's section: prefix (project, owner), stack and z."""
        folder = self.root / self.processed / "downsamp_tilespec" / row.folders
        return folder / f"{prefix}_{stack}_{z_text(row.z)}.json"


def z_text(z: float) -> str:
    """z as file names have it.

    >>> z_text(12.0), z_text(12.5)
    ('0012', '0012.5')
    """
    whole, point, rest = repr(float(z)).partition(".")
    return whole.zfill(4) + ("" if rest == "0" else point + rest)


@dataclass(frozen=True)
class PlannedTile:
    """A tile to make.

    Attributes
    ----------
    stack : str
    rows : tuple of StateRow
        Its images; the first one is shown and gives place, size and id.
    channels : bool
        Whether the tile lists its images as channels.
    """

    stack: str
    rows: tuple[StateRow, ...]
    channels: bool = False


def per_channel(rows: Iterable[StateRow], prefix: str) -> list[PlannedTile]:
    """One tile for each image, in the stack `{prefix}_{channel}`."""
    return [PlannedTile(f"{prefix}_{row.channel}", (row,)) for row in rows]


def per_session(rows: Iterable[StateRow], prefix: str, reference: str) -> list[PlannedTile]:
    """One tile for each frame, in the stack `{prefix}Session{session}`.

    The channel whose name contains `reference` comes first.

    Raises
    ------
    RenderModuleException
        A frame has no such channel, or several, or channels of different sizes.
    """
    frames: dict[tuple[int, int, int, int], list[StateRow]] = {}
    for row in rows:
        frames.setdefault((row.ribbon, row.session, row.section, row.frame), []).append(row)
    return [
        PlannedTile(f"{prefix}Session{key[1]}", _reference_first(images, reference), True)
        for key, images in frames.items()
    ]


def _reference_first(rows: list[StateRow], reference: str) -> tuple[StateRow, ...]:
    first = [row for row in rows if reference in row.channel]
    if len(first) != 1:
        what = "several channels" if first else "no channel"
        raise RenderModuleException(
            f"{rows[0].source}: {what} with {reference!r} in the name among "
            f"{listed(row.channel for row in rows)} of this frame; give another reference_channel"
        )
    for row in rows:
        if (row.width, row.height, row.z) != (first[0].width, first[0].height, first[0].z):
            raise RenderModuleException(
                f"{row.source}: channel {row.channel} differs from {first[0].channel} of the same "
                "frame in width, height or z"
            )
    return (first[0], *(row for row in rows if row is not first[0]))


@dataclass(frozen=True)
class TileMaker:
    """Makes the JSON objects of tiles.

    Attributes
    ----------
    mipmaps : mapping
        Files of the levels of each image.
    ranges : mapping
        Display range of each image.
    scope, camera : str
        For the layout.
    """

    mipmaps: Mapping[Path, Levels]
    ranges: Mapping[Path, Range]
    scope: str
    camera: str

    def tile(self, planned: PlannedTile) -> Json:
        """JSON object of a tile."""
        row = planned.rows[0]
        low, high = self.ranges[row.path]
        tile: Json = {
            "tileId": row.tile_id,
            "z": row.z,
            "width": row.width,
            "height": row.height,
            "minIntensity": low,
            "maxIntensity": high,
            "layout": self._layout(row),
            "mipmapLevels": self._levels(row),
            "transforms": {"type": "list", "specList": [_affine(row)]},
        }
        if planned.channels:
            tile["channels"] = [self._channel(each) for each in planned.rows]
        return tile

    def _channel(self, row: StateRow) -> Json:
        low, high = self.ranges[row.path]
        return {
            "name": row.channel,
            "minIntensity": low,
            "maxIntensity": high,
            "mipmapLevels": self._levels(row),
        }

    def _levels(self, row: StateRow) -> dict[str, Json]:
        files = {0: row.path, **self.mipmaps.get(row.path, {})}
        return {str(level): {"imageUrl": path_to_url(path)} for level, path in files.items()}

    def _layout(self, row: StateRow) -> dict[str, Any]:
        return {
            "sectionId": str(row.ribbon * 1000 + row.section),
            "temca": self.scope,
            "camera": self.camera,
            "imageRow": 0,
            "imageCol": 0,
            "stageX": row.stage[0],
            "stageY": row.stage[1],
            "rotation": 0.0,
            "pixelsize": row.scale,
        }


def _affine(row: StateRow) -> Json:
    a00, a01, a02, a10, a11, a12 = row.affine
    return AffineModel(M00=a00, M01=a01, M10=a10, M11=a11, B0=a02, B1=a12).to_dict()
