"""`renderapps demo`: simulate an acquisition (or take the user's tiles) and stitch it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import renderapi
from renderapi.errors import RenderError
from renderapi.files import atomic_write
from renderapi.transform import estimate_dstpts
from renderapps.dataimport.position_words import add_position_words, import_parameters
from renderapps.demo import figures
from renderapps.demo.accuracy import tile_errors
from renderapps.demo.acquisition import QUICK_PLAN, AcquisitionPlan, read_truth, simulate
from renderapps.demo.findings import Findings, findings_of, report_blocks, summary, title
from renderapps.demo.pipeline import ACQUIRED, ALIGNED, STITCHED, Input, Pipeline
from renderapps.demo.report import as_html, as_markdown
from renderapps.demo.section_accuracy import section_errors
from renderapps.module.errors import RenderModuleException

MARKER = "made_by_renderapps_demo.txt"
SIMULATED_COLUMNS = {"x": "stage_x_um", "y": "stage_y_um"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; 0 when it went well, 1 when not, 2 for wrong usage."""
    try:
        options = parser().parse_args(arguments)
        folder = prepared_folder(options.output)
        return demonstrate(folder, options)
    except (RenderError, OSError) as error:
        print(f"renderapps demo: error: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Parser of the words of `renderapps demo`."""
    result = argparse.ArgumentParser(
        prog="renderapps demo",
        description="Simulate an array tomography acquisition, or take your own tiles, and stitch "
        "and align it: pictures, a volume and a report are in the output folder.",
        allow_abbrev=False,
    )
    result.add_argument("--output", type=Path, required=True, help="folder to write to")
    result.add_argument("--quick", action="store_true", help="smaller tiles")
    result.add_argument(
        "--pool-size",
        type=int,
        metavar="N",
        help="number of processes (default: 1 for the simulated tiles, else one per processor)",
    )
    own = result.add_argument_group("your own tiles")
    own.add_argument("--tiles", type=Path, metavar="DIR", help="folder of the tiles")
    add_position_words(own)
    own.add_argument(
        "--search-radius",
        type=float,
        metavar="PIXELS",
        help="how far tiles may be off (default: a tenth of a tile)",
    )
    return result


def prepared_folder(output: Path) -> Path:
    """The output folder; one that holds other things is refused."""
    folder = output.resolve()
    if folder.exists() and not folder.is_dir():
        raise RenderModuleException(f"{folder} is not a folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise RenderModuleException(
            f"{folder} holds files that are not of this demonstration: name another folder"
        )
    atomic_write(folder / MARKER, "This folder was made by `renderapps demo`.\n")
    return folder


def demonstrate(folder: Path, options: argparse.Namespace) -> int:
    """Run everything in a prepared folder."""
    start = time.monotonic()
    source, truth = simulated(folder, options) if options.tiles is None else own(options)
    pipeline = Pipeline(folder, source, tell)
    pipeline.run()
    tell("figures and report")
    findings = found(pipeline, truth, QUICK_PLAN if options.quick else AcquisitionPlan())
    blocks = report_blocks(pipeline, findings, pictures(pipeline, findings))
    atomic_write(folder / "report.md", as_markdown(blocks))
    atomic_write(folder / "report.html", as_html(title(findings), blocks))
    tell(f"{summary(findings)}; {time.monotonic() - start:.0f} s in all")
    tell(f"report: {folder / 'report.html'}")
    if findings.good:
        return 0
    tell("that is not good enough: the report says which tiles")
    return 1


def tell(text: str) -> None:
    """Show progress."""
    print(text, flush=True)


def simulated(folder: Path, options: argparse.Namespace) -> tuple[Input, Path]:
    """Simulate an acquisition; its tiles, and the file of their true positions."""
    plan = QUICK_PLAN if options.quick else AcquisitionPlan()
    tell(
        f"simulating {plan.sections} sections of {plan.rows} x {plan.columns} tiles of "
        f"{plan.tile_size} x {plan.tile_size} pixels in 2 channels"
    )
    acquisition = simulate(folder, plan)
    nanometres = plan.pixel_size_um * 1000
    source = Input(
        {
            "image_directory": str(acquisition.image_directory),
            "positions_file": str(acquisition.positions_file),
            "columns": SIMULATED_COLUMNS,
            "position_unit": "micrometer",
            "pixel_size_nm": [nanometres, nanometres, plan.section_thickness_um * 1000],
        },
        search_radius=2.5 * plan.largest_jitter,
        # for so few tiles starting processes takes longer than the work
        pool_size=options.pool_size or 1,
    )
    return source, acquisition.truth_file


def own(options: argparse.Namespace) -> tuple[Input, None]:
    """The user's tiles."""
    given = import_parameters(options.tiles, options)
    return Input(given, options.search_radius, options.pool_size), None


def found(pipeline: Pipeline, truth_file: Path | None, plan: AcquisitionPlan) -> Findings:
    """Errors against the truth, and tiles that got lost."""
    before, after, across = [], [], None
    if truth_file is not None:
        truth = read_truth(truth_file)
        before = tile_errors(pipeline.render, ACQUIRED, truth)
        after = tile_errors(pipeline.render, STITCHED, truth)
        if pipeline.aligned:
            across = (
                section_errors(pipeline.render, STITCHED, truth, plan),
                section_errors(pipeline.render, ALIGNED, truth, plan),
            )
    return findings_of(pipeline, before, after, across)


def pictures(pipeline: Pipeline, findings: Findings) -> list[tuple[str, str]]:
    """Draw the figures; files of all pictures, relative to the folder, with captions."""
    folder, render = pipeline.folder, pipeline.render
    sections = pipeline.output_of("solve_montage")["sections"]
    tiles = renderapi.tilespec.get_tile_specs_from_stack(STITCHED, render=render)
    acquired = renderapi.tilespec.get_tile_specs_from_stack(ACQUIRED, render=render)
    centres = {tile.tileId: _centre(tile) for tile in [*acquired, *tiles]}
    residuals = folder / "pictures" / "residuals.png"
    figures.residual_figure(residuals, sections, centres, findings.before, findings.after)
    caption = "Tiles, overlaps and how well these agree."
    if findings.after:
        caption = "Errors of the tiles, and how well the overlaps agree."
    shown = [("pictures/residuals.png", caption)]
    seam = figures.most_moved(sections)
    if seam is not None:
        path = folder / "pictures" / "seam.png"
        caption = figures.seam_figure(path, render, (ACQUIRED, STITCHED), seam, centres)
        shown.append(("pictures/seam.png", caption))
    if pipeline.aligned:
        path = folder / "pictures" / "sections.png"
        zs = renderapi.stack.get_z_values_for_stack(ALIGNED, render=render)
        caption = figures.overlay_figure(path, render, (STITCHED, ALIGNED), (zs[0], zs[-1]))
        shown.append(("pictures/sections.png", caption))
    last_two = [r.output["sections"] for r in pipeline.results if "section_images" in r.step.module]
    for when, entries in zip(("before", "after"), last_two, strict=True):
        for entry in entries:
            file = Path(entry["file"]).relative_to(folder).as_posix()
            shown.append((file, f"Section z = {entry['z']:g} {when} stitching."))
    return shown


def _centre(tile: renderapi.tilespec.TileSpec) -> tuple[float, float]:
    x, y = estimate_dstpts(tile.tforms, [[(tile.width - 1) / 2, (tile.height - 1) / 2]])[0]
    return float(x), float(y)


if __name__ == "__main__":
    sys.exit(main())
