"""Give every tile the sectionId that belongs to its z, which point matching needs as group."""

from __future__ import annotations

from typing import Any

from renderapps.module.stack_edit import InPlaceEditParameters, StackEditModule
from renderapps.module.tile_documents import Section
from renderapps.stack.remapping import section_id_of, set_section_id


class RenameSectionIdsParameters(InPlaceEditParameters):
    """Parameters of rename_sectionIds."""


class RenameSectionIds(StackEditModule):
    """The sectionId becomes the text of z, such as 3484.0 or 1.25; a missing layout is made."""

    default_schema = RenameSectionIdsParameters
    in_place_by_default = True
    moves_tiles = False

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with its tiles renamed, and how many there were."""
        (section,) = sections
        name = section_id_of(section.z)
        changed = sum(set_section_id(tile, name) for tile in section.tiles)
        return section, {"sectionId": name, "changed_tiles": changed}


if __name__ == "__main__":
    RenameSectionIds.main()
