"""Parameters that export_project and import_project share."""

from __future__ import annotations

from argschema.fields import List, Str

from renderapps.module import RenderParameters, parameter
from renderapps.transfer.move_stacks_and_data_to_s3 import StorageParameters


class ArchiveParameters(StorageParameters, RenderParameters):
    """An archive, and which parts of a project are meant."""

    archive = parameter(Str, "ZIP file: a path, or a URL such as s3://bucket/a.zip")
    stacks = parameter(
        List,
        "stacks that travel",
        Str(),
        default=None,
        default_text="all of the project or archive",
    )
    match_collections = parameter(
        List,
        "match collections that travel; they belong to the owner, not to a project; pairs that "
        "are there already are replaced",
        Str(),
        default=None,
        default_text="all of the owner or archive",
        aliases=["matchCollections"],
    )
