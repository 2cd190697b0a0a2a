"""New tiles for a stack: made, filled section by section, and closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import renderapi
from renderapi.stack import StackVersion
from renderapps.module import OutputStack, RenderModuleException, Section, written
from renderapps.module.tile_documents import Json


def sections_of(
    tiles: Iterable[Json], transforms: Mapping[str, Json] | None = None
) -> list[Section]:
    """Tiles by z, ascending, each section with all shared transforms.

    Raises
    ------
    RenderModuleException
        Two tiles have one id.
    """
    by_z: dict[float, list[Json]] = {}
    seen: set[str] = set()
    for tile in tiles:
        if tile["tileId"] in seen:
            raise RenderModuleException(f"two tiles have the tileId {tile['tileId']}")
        seen.add(tile["tileId"])
        by_z.setdefault(float(tile["z"]), []).append(tile)
    return [Section(z, by_z[z], dict(transforms or {})) for z in sorted(by_z)]


class Upload:
    """Sections for stacks, by name, which all change at once, or none does.

    Parameters
    ----------
    stacks : dict
        The sections of each stack, and its version record where it is made or replaced.
    args : dict
        `existing` and `close_stack` of the module.
    """

    def __init__(
        self,
        render: renderapi.Render,
        stacks: Mapping[str, tuple[Sequence[Section], StackVersion]],
        args: Mapping[str, Any],
    ) -> None:
        self.sections = {name: sections for name, (sections, _) in stacks.items()}
        state = "COMPLETE" if args["close_stack"] else "LOADING"
        self.outputs = {
            name: OutputStack(
                render,
                name,
                [section.z for section in sections],
                version.to_dict(),
                existing=args["existing"],
                state=state,
            )
            for name, (sections, version) in stacks.items()
        }

    def write(self, module: str) -> list[dict[str, Any]]:
        """Write all sections; what the report says of each stack."""
        with written(list(self.outputs.values()), module):
            for name, output in self.outputs.items():
                for section in self.sections[name]:
                    output.refuse_kept(section)
            for name, output in self.outputs.items():
                for section in self.sections[name]:
                    output.write(section)
        return [
            {
                **output.report(),
                "sections": [{"z": s.z, "tiles": len(s.tiles)} for s in self.sections[name]],
            }
            for name, output in self.outputs.items()
        ]
