"""Upload the tile JSON files of a folder to a stack."""

from __future__ import annotations

from pathlib import Path

from argschema.fields import Str
from marshmallow.validate import Length

from renderapps.dataimport.tilespec_files import TileSpecFileParameters, TileSpecUpload
from renderapps.module import parameter


class UploadTileSpecParameters(TileSpecFileParameters):
    """Parameters of upload_tilespecdir."""

    pattern = parameter(
        Str,
        "which files of the folder; **/*.json also those below it",
        default="*.json",
        validate=Length(min=1),
    )


class UploadTileSpecs(TileSpecUpload):
    """All files are read and checked before anything is written."""

    default_schema = UploadTileSpecParameters

    def files(self) -> list[Path]:
        """The files that match the pattern."""
        return [p for p in Path(self.args["inputDir"]).glob(self.args["pattern"]) if p.is_file()]

    def wanted(self) -> str:
        """The pattern."""
        return self.args["pattern"]


if __name__ == "__main__":
    UploadTileSpecs.main()
