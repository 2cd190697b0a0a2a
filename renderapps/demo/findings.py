"""What the demonstration found, as blocks of its report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from renderapps.demo.accuracy import MEDIAN_LIMIT, WORST_LIMIT, TileError, within_limits
from renderapps.demo.pipeline import OWNER, PROJECT, STITCHED, Pipeline
from renderapps.demo.report import Block, Commands, Heading, Paragraph, Picture, Table


@dataclass(frozen=True)
class Findings:
    """Errors against the truth (empty where it is unknown), and tiles that got lost."""

    before: list[TileError]
    after: list[TileError]
    dropped: list[tuple[str, str]]
    unmatched: list[str]

    @property
    def good(self) -> bool:
        """Whether no tile was dropped and, where the truth is known, the errors are small."""
        return not self.dropped and (not self.after or within_limits(self.after))


def dropped_tiles(pipeline: Pipeline) -> list[tuple[str, str]]:
    """Tiles that are in the acquired stack and not in the stitched one, with the reason."""
    sections = pipeline.output_of("detect_and_drop_stitching_mistakes")["sections"]
    return [(entry["tileId"], entry["reason"]) for s in sections for entry in s["dropped"]]


def unmatched_tiles(pipeline: Pipeline) -> list[str]:
    """Tiles that kept the place of the stage, since no pair of them was accepted."""
    sections = pipeline.output_of("solve_montage")["sections"]
    return [tile for section in sections for tile in section["unmatched_tiles"]]


def summary(pipeline: Pipeline, findings: Findings) -> str:
    """One line that says how it went."""
    matches = pipeline.output_of("generate_point_matches")
    tiles = pipeline.output_of("import_tiles")["output_stacks"][0]["tiles"]
    text = (
        f"{tiles} tiles stitched from {matches['pairs_accepted']} of {matches['pairs_total']} "
        f"overlaps, {len(findings.dropped)} dropped"
    )
    if findings.after:
        distances = [error.distance for error in findings.after]
        text += (
            f"; median error {np.median(distances):.3f} px (at most {MEDIAN_LIMIT:g}), "
            f"worst {max(distances):.3f} px (at most {WORST_LIMIT:g})"
        )
    return text


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
        Heading("From raw tiles to a stitched volume", 1),
        Paragraph(summary(pipeline, findings) + "."),
        *_accuracy(findings),
        *_losses(pipeline, findings),
        Heading("Pictures"),
        *(Picture(file, caption) for file, caption in pictures),
        Heading("What was run"),
        Paragraph("Each module ran from the JSON file named here; its output is beside it."),
        Table(("module", "parameters", "seconds"), _steps(pipeline)),
        Heading("What to try next"),
        Commands(next_commands(pipeline)),
        Paragraph(
            "Sections are stitched, but not yet aligned to each other. The volume opens in any "
            f"program that reads OME-Zarr 0.5 (napari, neuroglancer, Fiji): {pipeline.volume.name}."
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


def _losses(pipeline: Pipeline, findings: Findings) -> list[Block]:
    pairs = pipeline.output_of("generate_point_matches")["pairs"]
    rejected = [(p["pId"], p["qId"], p.get("reason") or "") for p in pairs if not p["accepted"]]
    blocks: list[Block] = []
    if findings.dropped:
        blocks += [Heading("Tiles that were dropped"), Table(("tile", "reason"), findings.dropped)]
    if findings.unmatched:
        text = ", ".join(findings.unmatched)
        blocks.append(Paragraph(f"Without an accepted overlap, left where the stage was: {text}."))
    if rejected:
        header = ("tile", "neighbour", "why their overlap was not used")
        blocks += [Heading("Overlaps that were not used"), Table(header, rejected)]
    return blocks


def _steps(pipeline: Pipeline) -> list[tuple[str, str, str]]:
    return [
        (r.module, str(r.input_json.relative_to(pipeline.folder)), f"{r.seconds:.1f}")
        for r in pipeline.results
    ]


def next_commands(pipeline: Pipeline) -> list[str]:
    """Commands that go on from here."""
    roots = dict.fromkeys((pipeline.folder, pipeline.source.image_directory))
    inner = [root for root in roots if not _below_another(root, list(roots))]
    flags = " ".join(f"--image-root {shlex.quote(str(root))}" for root in inner)
    step = next(r for r in pipeline.results if r.module.endswith("solve_montage"))
    return [
        "# look at the stacks in a browser: http://127.0.0.1:8080/render-ws/view/",
        f"renderapps serve --store {shlex.quote(str(pipeline.store))} {flags}",
        "",
        "# run a step again with another parameter (what is there: renderapps describe MODULE)",
        f"renderapps run {step.module} --input_json {shlex.quote(str(step.input_json))} "
        "--model affine",
        "",
        "# the stacks from Python",
        f"python -c \"import renderapi; r = renderapi.connect(host='local', "
        f"store='{pipeline.store}', owner='{OWNER}', project='{PROJECT}'); "
        f"print(renderapi.stack.get_stack_bounds('{STITCHED}', render=r))\"",
        "",
        "# the same for your own tiles",
        "renderapps demo --tiles FOLDER --positions TABLE.csv --output my_tiles",
    ]


def _below_another(root: Path, roots: list[Path]) -> bool:
    return any(other != root and root.is_relative_to(other) for other in roots)
