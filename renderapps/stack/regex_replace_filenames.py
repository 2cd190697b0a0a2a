"""Rewrite the URLs of images and masks with a regular expression, after files have been moved."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from argschema.fields import Boolean, Int, List, Str
from marshmallow import ValidationError, validates_schema

from renderapi.urls import url_to_path
from renderapps.module import RenderModuleException, parameter
from renderapps.module.stack_edit import DryRunParameters, InPlaceEditParameters, StackEditModule
from renderapps.module.tile_documents import Json, Section, image_entries

EXAMPLES = 5


class ReplaceFileNameParameters(DryRunParameters, InPlaceEditParameters):
    """Parameters of regex_replace_filenames."""

    regex_find = parameter(Str, "regular expression to look for in each URL")
    regex_replace = parameter(Str, "what takes its place; \\1 or \\g<name> stand for groups")
    levels = parameter(List, "mipmap levels to edit", Int(), default=None, default_text="all")
    masks = parameter(Boolean, "edit the URLs of masks too", default=True)
    channels = parameter(Boolean, "edit the images of channels too", default=True)
    check_files = parameter(
        Boolean, "fail a section when a new URL names a file that is not there", default=False
    )

    @validates_schema
    def expression_is_one(self, data: dict[str, Any], **_: Any) -> None:
        """Both the expression and the replacement can be understood."""
        try:
            pattern = re.compile(data["regex_find"])
        except re.error as error:
            raise ValidationError(f"not a regular expression: {error}", "regex_find") from error
        names = {number: name for name, number in pattern.groupindex.items()}
        groups = (f"(?P<{names[i]}>)" if i in names else "()" for i in range(1, pattern.groups + 1))
        stand_in = re.compile("".join(groups)).match("")
        try:
            stand_in.expand(data["regex_replace"])  # type: ignore[union-attr]
        except (re.error, IndexError) as error:
            raise ValidationError(f"not a replacement: {error}", "regex_replace") from error


class ReplaceFileNames(StackEditModule):
    """URLs of all levels, masks and channels are edited; the report counts them and has examples.

    Every occurrence in a URL is replaced. Files are not touched.
    """

    default_schema = ReplaceFileNameParameters
    in_place_by_default = True
    moves_tiles = False

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with its URLs rewritten."""
        (section,) = sections
        pattern, replacement = re.compile(self.args["regex_find"]), self.args["regex_replace"]
        changes = replace_urls(
            section.tiles,
            lambda url: pattern.sub(replacement, url),
            None if self.args["levels"] is None else {str(v) for v in self.args["levels"]},
            self.args["masks"],
            self.args["channels"],
        )
        if self.args["check_files"]:
            refuse_missing(url for _, url in changes)
        examples = [{"old": old, "new": new} for old, new in changes[:EXAMPLES]]
        return section, {"replaced": len(changes), "examples": examples}

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """How many URLs changed in all; a warning when none did."""
        total = sum(entry["replaced"] for entry in sections)
        if not total:
            self.logger.warning("%s matches no URL", self.args["regex_find"])
        return {"total_replaced": total}


def replace_urls(
    tiles: Sequence[Json],
    change: Callable[[str], str],
    levels: set[str] | None = None,
    masks: bool = True,
    channels: bool = True,
) -> list[tuple[str, str]]:
    """Edit the URLs of tiles; (old, new) of every one that changed."""
    keys = ("imageUrl", "maskUrl") if masks else ("imageUrl",)
    changes = []
    for tile in tiles:
        for level, entry in image_entries(tile, channels):
            if levels is not None and level not in levels:
                continue
            for key in keys:
                old = entry.get(key)
                if old and (new := change(old)) != old:
                    entry[key] = new
                    changes.append((old, new))
    return changes


def refuse_missing(urls: Any) -> None:
    """Refuse local files that are not there."""
    missing = sorted(
        {url for url in urls if (path := url_to_path(url)) is not None and not path.exists()}
    )
    if missing:
        raise RenderModuleException(f"{len(missing)} files are not there, such as {missing[0]}")


if __name__ == "__main__":
    ReplaceFileNames.main()
