"""What the demonstration found, as blocks of its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renderapps.alignment.stage_model import GROUP, MATCHES, STAGE, STAGE_MODEL
from renderapps.demo.accuracy import MEDIAN_LIMIT, WORST_LIMIT, TileError, within_limits
from renderapps.demo.pipeline import OWNER, PROJECT, Pipeline
from renderapps.demo.report import Block, Commands, Heading, Paragraph, Picture, Table
from renderapps.demo.section_accuracy import (
    SECTION_MEDIAN_LIMIT,
    SECTION_WORST_LIMIT,
    Floats,
    sections_within_limits,
)


@dataclass(frozen=True)
class Findings:
    """What came out, and how far it is from the truth.

    Attributes
    ----------
    before, after : list of TileError
        Empty where the truth is unknown.
    dropped : list of (tileId, reason)
    placed : mapping of tileId to the rule that placed it
        Of all tiles that were solved.
    matches : dict
        Output of the matching module.
    sections : list of dict
        Sections in the output of the solving module.
    aligned : bool or None
        Whether the sections were aligned with each other; None where there is one.
    across : (array, array) or None
        Distances of the same places in different sections, before and after that, where the truth
        is known.
    """

    before: list[TileError]
    after: list[TileError]
    dropped: list[tuple[str, str]]
    placed: dict[str, str]
    matches: dict[str, Any]
    sections: list[dict[str, Any]]
    aligned: bool | None = None
    across: tuple[Floats, Floats] | None = None

    @property
    def good(self) -> bool:
        """Whether no tile was dropped and, where the truth is known, the errors are small."""
        across = self.across is None or sections_within_limits(self.across[1])
        return not self.dropped and (not self.after or within_limits(self.after)) and across

    @property
    def by_rule(self) -> dict[str, list[str]]:
        """Tiles that other things than matches with the largest group placed, by rule."""
        found: dict[str, list[str]] = {}
        for tile, rule in self.placed.items():
            if rule != MATCHES:
                found.setdefault(rule, []).append(tile)
        return found

    @property
    def used_pairs(self) -> int:
        """Overlaps that the solution used."""
        return sum(section["used_pairs"] for section in self.sections)

    @property
    def rejected_pairs(self) -> int:
        """Matched overlaps that the solution rejected."""
        return sum(section["rejected_pairs"] for section in self.sections)

    @property
    def further_pairs(self) -> int:
        """Overlaps found where the stage did not expect any."""
        return len(self.matches["relocated_pairs"])


def findings_of(
    pipeline: Pipeline,
    before: list[TileError],
    after: list[TileError],
    across: tuple[Floats, Floats] | None = None,
) -> Findings:
    """What the modules reported."""
    sections = pipeline.output_of("solve_montage")["sections"]
    dropped = pipeline.output_of("detect_and_drop_stitching_mistakes")["sections"]
    return Findings(
        before,
        after,
        [(entry["tileId"], entry["reason"]) for s in dropped for entry in s["dropped"]],
        {name: tile["placed_by"] for s in sections for name, tile in s["tiles"].items()},
        pipeline.output_of("generate_point_matches"),
        sections,
        pipeline.aligned,
        across,
    )


def summary(findings: Findings) -> str:
    """One line that says how it went."""
    return "; ".join(
        [
            f"{_stitched(findings)}{_overlaps(findings)}, {len(findings.dropped)} dropped",
            *_remarks(findings),
            *_errors(findings),
            *_across(findings),
        ]
    )


def _stitched(findings: Findings) -> str:
    total = len(findings.placed)
    stitched = sum(rule in (MATCHES, GROUP) for rule in findings.placed.values())
    if not stitched:
        return f"{_count(total, 'tile')}, none stitched"
    return (
        f"{total} tiles stitched" if stitched == total else f"{stitched} of {total} tiles stitched"
    )


def _overlaps(findings: Findings) -> str:
    total = findings.matches["pairs_total"] + findings.further_pairs
    if not total:
        return ", as no two of them overlap" if len(findings.placed) > 1 else ", as it is alone"
    text = f" from {findings.used_pairs} of {_count(total, 'overlap')}"
    return text + (f" ({findings.rejected_pairs} rejected)" if findings.rejected_pairs else "")


def _remarks(findings: Findings) -> list[str]:
    """What is not as in a montage whose tiles all hang together."""
    remarks = []
    split = [section for section in findings.sections if section["groups"] > 1]
    if split:
        groups = sum(section["groups"] for section in split)
        remarks.append(
            f"{groups} groups that no overlap connects in {_count(len(split), 'section')}"
        )
    for rule, tiles in findings.by_rule.items():
        if rule != GROUP:
            remarks.append(f"{_count(len(tiles), 'tile')} without a match, {_WHERE[rule]}")
    moved = findings.matches["relocated_tiles"]
    if moved:
        remarks.append(f"{_count(len(moved), 'tile')} found elsewhere than the stage says")
    return remarks


def _errors(findings: Findings) -> list[str]:
    if not findings.after:
        return []
    distances = [error.distance for error in findings.after]
    return [
        f"median error {np.median(distances):.3f} px (at most {MEDIAN_LIMIT:g})"
        f", worst {max(distances):.3f} px (at most {WORST_LIMIT:g})"
    ]


def _across(findings: Findings) -> list[str]:
    """How the sections lie on each other."""
    if findings.aligned is None:
        return []
    if not findings.aligned:
        return ["the sections are not aligned with each other"]
    if findings.across is None:
        return ["sections aligned with each other"]
    after = findings.across[1]
    return [
        f"sections aligned to {np.median(after):.3f} px (median, at most "
        f"{SECTION_MEDIAN_LIMIT:g}), worst {after.max():.3f} px (at most {SECTION_WORST_LIMIT:g})"
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_WHERE = {
    STAGE_MODEL: "placed as the others show that the stage errs",
    STAGE: "left where the stage was",
}


def report_blocks(
    pipeline: Pipeline, findings: Findings, pictures: Sequence[tuple[str, str]]
) -> list[Block]:
    """The whole report.

    Parameters
    ----------
    pictures : sequence of (file, caption)
        Files relative to the folder of the report.
    """
    return [
        Heading(title(findings), 1),
        Paragraph(summary(findings) + "."),
        *_accuracy(findings),
        *_section_accuracy(findings),
        *_losses(findings),
        Heading("Pictures"),
        *(Picture(file, caption) for file, caption in pictures),
        Heading("What was run"),
        Paragraph("Each module ran from the JSON file named here; its output is beside it."),
        Table(("module", "parameters", "seconds"), _steps(pipeline)),
        Heading("What to try next"),
        Commands(next_commands(pipeline)),
        Paragraph(
            f"{_ending(findings)} The volume opens in any "
            f"program that reads OME-Zarr 0.5 (napari, neuroglancer, Fiji): {pipeline.volume.name}."
        ),
    ]


def title(findings: Findings) -> str:
    """What was made."""
    return f"From raw tiles to {'an aligned' if findings.aligned else 'a stitched'} volume"


def _ending(findings: Findings) -> str:
    if findings.aligned is None:
        return "There is one section, stitched."
    if findings.aligned:
        return "The sections are stitched, and aligned with each other."
    return "The sections are stitched, but not aligned with each other."


def _section_accuracy(findings: Findings) -> list[Block]:
    if findings.across is None:
        return []
    rows = [
        (name, f"{np.median(off):.3f}", f"{off.max():.3f}")
        for name, off in zip(("stitched", "aligned"), findings.across, strict=True)
    ]
    return [
        Heading("Same places in different sections"),
        Table(("stack", "median distance (pixels)", "worst distance (pixels)"), rows),
        Paragraph(
            "Each section was turned, shifted and smoothly warped by known amounts. What is "
            "compared is where points of the specimen lie in the first section and in the others."
        ),
    ]


def _accuracy(findings: Findings) -> list[Block]:
    if not findings.after:
        return [Paragraph("The true positions of these tiles are not known.")]
    rows = []
    for name, errors in (("stage", findings.before), ("stitched", findings.after)):
        distances = [error.distance for error in errors]
        rows.append((name, f"{np.median(distances):.3f}", f"{max(distances):.3f}"))
    return [
        Heading("Error against the true positions"),
        Table(("positions", "median error (pixels)", "worst error (pixels)"), rows),
        Paragraph(
            "Each section's common shift is taken away: a montage does not know where the section "
            "as a whole lies."
        ),
    ]


def _losses(findings: Findings) -> list[Block]:
    blocks: list[Block] = []
    if findings.dropped:
        blocks += [Heading("Tiles that were dropped"), Table(("tile", "reason"), findings.dropped)]
    placed = [(rule, ", ".join(tiles)) for rule, tiles in findings.by_rule.items()]
    if placed:
        header = ("placed by", "tiles")
        blocks += [
            Heading("Tiles that matches do not connect with the rest"),
            Table(header, placed),
        ]
    moved = [
        (found["tileId"], found["place_of"] or "no other tile", ", ".join(found["matched_with"]))
        for found in findings.matches["relocated_tiles"]
    ]
    if moved:
        places = ("tile", "lies where the stage puts", "matched with")
        blocks += [Heading("Tiles found elsewhere than the stage says"), Table(places, moved)]
    warnings = [text for section in findings.sections for text in section["warnings"]]
    warnings = [*findings.matches["warnings"], *warnings]
    if warnings:
        blocks += [Heading("Warnings"), *(Paragraph(text) for text in warnings)]
    rejected = _unused(findings)
    if rejected:
        reasons = ("tile", "neighbour", "why their overlap was not used")
        blocks += [Heading("Overlaps that were not used"), Table(reasons, rejected)]
    return blocks


def _unused(findings: Findings) -> list[tuple[str, str, str]]:
    """Overlaps without a match, and those that the solution rejected, with the reasons."""
    solved = [pair for section in findings.sections for pair in section["pairs"]]
    return [
        (pair["pId"], pair["qId"], pair.get("reason") or "")
        for pair in [*findings.matches["pairs"], *solved]
        if not pair["accepted"]
    ]


def _steps(pipeline: Pipeline) -> list[tuple[str, str, str]]:
    return [
        (r.step.module, str(r.input_json.relative_to(pipeline.folder)), f"{r.seconds:.1f}")
        for r in pipeline.results
    ]


def next_commands(pipeline: Pipeline) -> list[str]:
    """Commands that go on from here."""
    roots = dict.fromkeys(
        (pipeline.folder, Path(pipeline.source.import_parameters["image_directory"]))
    )
    inner = [root for root in roots if not _below_another(root, list(roots))]
    flags = " ".join(f"--image-root {shlex.quote(str(root))}" for root in inner)
    solved = next(r for r in pipeline.results if r.step.module.endswith("solve_montage"))
    return [
        "# look at the stacks in a browser: http://127.0.0.1:8080/render-ws/view/",
        f"renderapps serve --store {shlex.quote(str(pipeline.store))} {flags}",
        "",
        "# run a step again with another parameter (what is there: renderapps describe MODULE)",
        f"renderapps run {solved.step.module} --input_json {shlex.quote(str(solved.input_json))} "
        "--model affine",
        "",
        "# the stacks from Python",
        f"python -c \"import renderapi; r = renderapi.connect(host='local', "
        f"store='{pipeline.store}', owner='{OWNER}', project='{PROJECT}'); "
        f"print(renderapi.stack.get_stack_bounds('{pipeline.last_stack}', render=r))\"",
        "",
        "# your own tiles: with this report, or only the volume, resumable",
        "renderapps demo --tiles FOLDER --positions TABLE.csv --output my_tiles",
        "renderapps align FOLDER --positions TABLE.csv --output my_volume",
    ]


def _below_another(root: Path, roots: list[Path]) -> bool:
    return any(other != root and root.is_relative_to(other) for other in roots)
