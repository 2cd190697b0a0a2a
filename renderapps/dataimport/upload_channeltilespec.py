"""Upload the tile JSON files of one channel, `{channel}_*.json` of a folder, to a stack."""

from __future__ import annotations

import glob
from pathlib import Path

from argschema.fields import Str
from marshmallow.validate import Length

from renderapps.dataimport.tilespec_files import TileSpecFileParameters, TileSpecUpload
from renderapps.module import parameter


class UploadChannelTileSpecParameters(TileSpecFileParameters):
    """Parameters of upload_channeltilespec."""

    channel = parameter(
        Str, "channel: start of the file names, before an underscore", validate=Length(min=1)
    )


class UploadChannelModule(TileSpecUpload):
    """Channel DAPI_1 takes DAPI_1_rib0004.json and DAPI_1.json, and not DAPI_10_rib0004.json."""

    default_schema = UploadChannelTileSpecParameters

    def files(self) -> list[Path]:
        """The files of the channel."""
        folder, channel = Path(self.args["inputDir"]), glob.escape(self.args["channel"])
        return [*folder.glob(f"{channel}.json"), *folder.glob(f"{channel}_*.json")]

    def wanted(self) -> str:
        """The files of the channel."""
        return f"{self.args['channel']}_*.json"

    def short_name(self, name: str) -> str:
        """The name without the channel."""
        return name.removeprefix(f"{self.args['channel']}_")


if __name__ == "__main__":
    UploadChannelModule.main()
