"""The steps from raw tiles to an aligned volume, with what follows from one for the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renderapps.alignment.chain import Step

Json = dict[str, Any]

ROUGH_SIDE = 1024
"""Longer side of the reduced sections that are matched roughly, pixels."""
FINE_SIDE = 2048
"""Longer side of the sections as the fine step compares them, pixels."""
ROUGH_TOLERANCES = (3.0, 30.0)
"""A rough pair is never rejected below, always above so many pixels of the reduced sections."""

STEPS = {
    "import": "dataimport.import_tiles",
    "mipmaps": "dataimport.generate_mipmaps",
    "pairs": "pointmatch.create_tilepairs",
    "matches": "pointmatch.generate_point_matches",
    "montage": "alignment.solve",
    "reduced": "materialize.make_downsample_image_stack",
    "rough_matches": "alignment.match_sections_rough",
    "rough_solve": "alignment.solve",
    "rough": "rough_align.ApplyLowRes2HighRes",
    "places": "stack.remap_zs",
    "fine": "alignment.align_sections_fine",
    "result": "stack.clone_stack",
    "report": "alignment.report",
    "volume": "materialize.export_volume",
}
"""Module of each step, in their order."""


@dataclass(frozen=True)
class Wanted:
    """What the chain is to make of what.

    Attributes
    ----------
    folder : Path
    output_stack : str
        Names of stacks and collections in between start with it.
    raw_stack : str
        Tiles as acquired: made by the step `import`, or there already.
    import_parameters : dict
        Of dataimport.import_tiles; empty where the raw stack is there.
    sources : object
        State of the files that are imported, or of the raw stack.
    search_radius : float or None
    model : str
        Of the montage.
    neighbours : int
        Sections on either side that a section is aligned with.
    rough_scale, fine_scale : float or None
    output_volume : str or None
    montage_stack : str or None
        Stitched sections, where they are there under a name of their own.
    overrides : dict
        Parameters by the name of the step.
    """

    folder: Path
    output_stack: str
    raw_stack: str
    import_parameters: Json = field(default_factory=dict)
    sources: Any = None
    search_radius: float | None = None
    model: str = "translation"
    neighbours: int = 2
    rough_scale: float | None = None
    fine_scale: float | None = None
    output_volume: str | None = None
    montage_stack: str | None = None
    overrides: Json = field(default_factory=dict)

    def named(self, what: str) -> str:
        """Name of a stack or collection in between."""
        return f"{self.output_stack}_{what}"

    @property
    def montage(self) -> str:
        """Stack of the stitched sections."""
        return self.montage_stack or self.named("montage")


def montage_steps(wanted: Wanted) -> Iterator[Step]:
    """From raw tiles to stitched sections."""
    raw, collection = wanted.raw_stack, wanted.named("montage_matches")
    pairs = str(wanted.folder / "tile_pairs.json")
    if wanted.import_parameters:
        parameters = {"output_stack": raw, "existing": "replace"} | wanted.import_parameters
        yield Step("import", STEPS["import"], parameters, (raw,), (), False, wanted.sources)
        yield Step(
            "mipmaps",
            STEPS["mipmaps"],
            {
                "input_stack": raw,
                "in_place": True,
                "output_directory": str(wanted.folder / "mipmaps"),
                "levels": 3,
                "image_format": "tif",
            },
            (raw,),
        )
    yield Step(
        "pairs",
        STEPS["pairs"],
        {"stack": raw, "tilepair_output": pairs},
        files=(pairs,),
        pooled=False,
        sources=wanted.sources,
    )
    radius = {} if wanted.search_radius is None else {"search_radius": wanted.search_radius}
    yield Step(
        "matches",
        STEPS["matches"],
        {"stack": raw, "tilepair_file": pairs, "matchCollection": collection} | radius,
        collections=(collection,),
    )
    yield Step(
        "montage",
        STEPS["montage"],
        {
            "input_stack": raw,
            "output_stack": wanted.montage,
            "matchCollections": [collection],
            "preset": "montage",
            "model": wanted.model,
            "existing": "replace",
            "html_report": str(wanted.folder / "montage.html"),
        },
        (wanted.montage,),
    )


def across_steps(wanted: Wanted, zs: Sequence[float], side: float) -> Iterator[Step]:
    """From stitched sections to aligned ones.

    Parameters
    ----------
    zs : sequence of float
        Of the stitched sections.
    side : float
        The longest side of their bounds, world pixels.
    """
    scale = wanted.rough_scale or min(1.0, ROUGH_SIDE / side)
    yield _reduced(wanted, scale)
    yield _rough_matches(wanted)
    yield _rough_solve(wanted, scale)
    yield from _rough(wanted, zs, scale)
    yield _fine(wanted, side)


def _step(name: str, parameters: Json, *stacks: str) -> Step:
    """A step that makes the stacks given."""
    return Step(name, STEPS[name], parameters, stacks)


def _reduced(wanted: Wanted, scale: float) -> Step:
    """Whole sections as pictures."""
    low, pictures = wanted.named("reduced"), wanted.folder / "reduced"
    parameters = {
        "input_stack": wanted.montage,
        "output_stack": low,
        "image_directory": str(pictures),
        "numsectionsfile": str(pictures / "sections.txt"),
        "scale": scale,
        "existing": "replace",
        "force_redo": True,
    }
    return _step("reduced", parameters, low)


def _rough_matches(wanted: Wanted) -> Step:
    """Matches between these."""
    parameters = {
        "input_stack": wanted.named("reduced"),
        "matchCollection": wanted.named("rough_matches"),
        "neighbours": wanted.neighbours,
        "existing": "replace",
    }
    return _step("rough_matches", parameters)


def _rough_solve(wanted: Wanted, scale: float) -> Step:
    """How they come to lie on each other."""
    never, always = (limit / scale for limit in ROUGH_TOLERANCES)
    low_aligned = wanted.named("reduced_aligned")
    parameters = {
        "input_stack": wanted.named("reduced"),
        "output_stack": low_aligned,
        "matchCollections": [wanted.named("rough_matches")],
        "preset": "rough",
        "minimum_tolerance": never,
        "maximum_tolerance": always,
        "existing": "replace",
        "html_report": str(wanted.folder / "rough.html"),
    }
    return _step("rough_solve", parameters, low_aligned)


def _rough(wanted: Wanted, zs: Sequence[float], scale: float) -> Iterator[Step]:
    """The tiles moved with their sections.

    Reduced sections are numbered in their order: from there back to the z they have.
    """
    ordered = [float(n) for n in range(len(zs))] == list(zs)
    rough = wanted.named("rough")
    first = rough if ordered else wanted.named("rough_in_order")
    parameters = {
        "input_stack": wanted.montage,
        "prealigned_stack": wanted.montage,
        "lowres_stack": wanted.named("reduced_aligned"),
        "output_stack": first,
        "tilespec_directory": str(wanted.folder / "rough_tilespecs"),
        "scale": scale,
        "existing": "replace",
    }
    yield _step("rough", parameters, first)
    if not ordered:
        parameters = {
            "input_stack": first,
            "output_stack": rough,
            "zs": list(range(len(zs))),
            "new_zs": list(zs),
            "existing": "replace",
        }
        yield _step("places", parameters, rough)


def _fine(wanted: Wanted, side: float) -> Step:
    """Sections bent onto their neighbours."""
    parameters = {
        "input_stack": wanted.named("rough"),
        "output_stack": wanted.output_stack,
        "scale": wanted.fine_scale or min(1.0, FINE_SIDE / side),
        "neighbours": wanted.neighbours,
        "flow_directory": str(wanted.folder / "flows"),
        "existing": "replace",
    }
    return _step("fine", parameters, wanted.output_stack)


def last_steps(wanted: Wanted, stack: str) -> Iterator[Step]:
    """The last stack under the name that is wanted, a report of it, and its volume."""
    if stack != wanted.output_stack:
        yield Step(
            "result",
            STEPS["result"],
            {"input_stack": stack, "output_stack": wanted.output_stack, "existing": "replace"},
            (wanted.output_stack,),
            pooled=False,
        )
    page = str(wanted.folder / "report.html")
    yield Step(
        "report",
        STEPS["report"],
        {
            "stack": wanted.output_stack,
            "before_stack": wanted.montage,
            "matchCollections": [wanted.named("montage_matches")],
            "html_report": page,
        },
        (wanted.output_stack,),
        (page,),
    )
    if wanted.output_volume:
        parameters = {
            "input_stack": wanted.output_stack,
            "output_volume": wanted.output_volume,
            "overwrite": True,
        }
        local = "://" not in wanted.output_volume
        files = (wanted.output_volume,) if local else ()
        yield Step("volume", STEPS["volume"], parameters, (wanted.output_stack,), files)
