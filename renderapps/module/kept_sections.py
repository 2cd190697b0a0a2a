"""Sections that an output stack keeps are not changed by those that are written beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import renderapi
from renderapi.errors import NotFoundError
from renderapps.module.errors import RenderModuleException
from renderapps.module.tile_documents import (
    Section,
    same_transform,
    shared_transform,
    tile_ids_at,
)

ADVICE = "write to another stack, or give existing replace"


@dataclass
class KeptSections:
    """What a stack keeps while some of its sections are written.

    A tile id is unique in a stack, and so is the id of a shared transform: writing one that a kept
    section has would take the tile away, or change what the transform does there.

    Attributes
    ----------
    tile_ids : set of str
        Tiles of the sections that are kept.
    """

    render: renderapi.Render
    stack: str
    tile_ids: set[str] = field(default_factory=set)
    checked: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def beside(cls, render: renderapi.Render, stack: str, zs: Iterable[float]) -> KeptSections:
        """What a stack keeps when the sections at `zs` are written; nothing if it does not exist.

        Call it before the first section is written.
        """
        try:
            there = renderapi.stack.get_z_values_for_stack(stack, render=render)
        except NotFoundError:
            return cls(render, stack)
        written = set(zs)
        if written.issuperset(there):
            return cls(render, stack)
        ids = set(renderapi.stack.get_stack_tileIds(stack, render=render))
        return cls(render, stack, ids - set(tile_ids_at(render, stack, written & set(there))))

    def check(self, section: Section) -> None:
        """Refuse a section that would change one that is kept."""
        if not self.tile_ids:
            return
        self.check_ids(section.tile_ids)
        for key, spec in section.transforms.items():
            if key not in self.checked:
                self.checked[key] = shared_transform(self.render, self.stack, key)
                there = self.checked[key]
                if there is not None and not same_transform(there, spec):
                    raise RenderModuleException(
                        f"stack {self.stack} keeps sections that share another transform {key}: "
                        f"{ADVICE}"
                    )

    def check_ids(self, tile_ids: Iterable[str]) -> None:
        """Refuse tile ids that a kept section has."""
        taken = next((tile for tile in tile_ids if tile in self.tile_ids), None)
        if taken is not None:
            raise RenderModuleException(
                f"tile {taken} is already in another section of stack {self.stack}: {ADVICE}"
            )
