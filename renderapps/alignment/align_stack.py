"""Align a stack from raw tiles to an aligned volume: a chain of modules that can be run again.

The steps are import, mipmaps, pairs, matches, montage, reduced, rough_matches, rough_solve, rough,
places, fine, report and volume. Each is an ordinary module that can be run alone from the JSON file
that the chain leaves in working_directory/json. A ledger there says which steps are finished: they
are kept when the chain is run again, until their parameters or what they are made of change.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from argschema.fields import Bool, Dict, Float, Int, List, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf, Range

import renderapi
from renderapps.alignment.chain import Chain, Done, Step, alone, with_overrides
from renderapps.alignment.chain_plan import Size, plan, told
from renderapps.alignment.chain_steps import (
    STEPS,
    Wanted,
    across_steps,
    last_steps,
    montage_steps,
)
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    parameter,
)
from renderapps.module.output_stack import check_writable
from renderapps.module.stacks import stack_zs

IMAGES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".mrc", ".st")


class AlignStackParameters(ParallelParameters, RenderParameters):
    """Parameters of align_stack."""

    input_stack = parameter(
        Str, "stack of raw tiles that is there already", default=None, allow_none=True
    )
    import_parameters = parameter(
        Dict,
        "parameters of dataimport.import_tiles (image_directory, positions_file, ...), instead of "
        "input_stack",
        default={},
    )
    output_stack = parameter(
        Str, "aligned stack to make; the names of stacks in between start with it"
    )
    output_volume = parameter(
        Str,
        "volume to write of it, as materialize.export_volume takes it",
        default=None,
        allow_none=True,
    )
    working_directory = parameter(
        OutputDir, "folder for the ledger, the JSON files of the steps, reports and reduced images"
    )
    model = parameter(
        Str,
        "how tiles may change in the montage",
        default="translation",
        validate=OneOf(["translation", "rigid", "similarity", "affine"]),
    )
    search_radius = parameter(
        Float,
        "how far tiles may be off their place, pixels",
        default=None,
        allow_none=True,
        default_text="a tenth of the shorter side of the tile",
        validate=Range(min=0, min_inclusive=False),
    )
    neighbours = parameter(
        Int,
        "sections on either side that each one is aligned with",
        default=2,
        validate=Range(min=1),
    )
    rough_scale = parameter(
        Float,
        "scale of the sections that are matched roughly",
        default=None,
        allow_none=True,
        default_text="so that the longest side is 1024 pixels",
        validate=Range(min=0, max=1, min_inclusive=False),
    )
    fine_scale = parameter(
        Float,
        "scale of the sections that are compared finely",
        default=None,
        allow_none=True,
        default_text="so that the longest side is 2048 pixels",
        validate=Range(min=0, max=1, min_inclusive=False),
    )
    step_parameters = parameter(
        Dict, "further parameters of steps, by the name of the step", default={}
    )
    stop_after = parameter(
        Str,
        "step to end with, to look at what it made; default: the last",
        default=None,
        allow_none=True,
        validate=OneOf([*STEPS, None]),
    )
    dry_run = parameter(
        Bool, "print the steps with time, memory and disk; write nothing", default=False
    )
    exclude = parameter(
        List,
        "steps that are left out: mipmaps, fine, report, or volume",
        Str(validate=OneOf(["mipmaps", "fine", "report", "volume"])),
        default=[],
        validate=Length(max=4),
    )

    @validates_schema
    def one_source(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Tiles come from one place."""
        if bool(data.get("input_stack")) == bool(data.get("import_parameters")):
            raise ValidationError("give input_stack or import_parameters: one of them")
        unknown = sorted(set(data.get("step_parameters") or {}) - set(STEPS))
        if unknown:
            raise ValidationError(f"no step {unknown[0]}; there are: {', '.join(STEPS)}")
        for step, given in (data.get("step_parameters") or {}).items():
            if not isinstance(given, dict):
                raise ValidationError(f"step_parameters.{step} is not an object of parameters")


class AlignStack(RenderModule):
    """Every finished step is kept; a step that fails says why, and what was made before stays.

    A single section is stitched; the steps across sections are then left out, and
    the output is the montage.
    """

    default_schema = AlignStackParameters

    def run(self) -> None:
        """Run or keep the steps, one after the other."""
        args = self.args
        folder = Path(args["working_directory"]).resolve()
        raw = args["input_stack"] or f"{args['output_stack']}_acquired"
        wanted = Wanted(
            folder,
            args["output_stack"],
            raw,
            dict(args["import_parameters"]),
            self.sources(),
            args["search_radius"],
            args["model"],
            args["neighbours"],
            args["rough_scale"],
            args["fine_scale"],
            args["output_volume"],
            overrides=dict(args["step_parameters"]),
        )
        if args["dry_run"]:
            self.show_plan(wanted)
            return
        check_writable(self.render, wanted.output_stack)
        how = {k: args[k] for k in ("pool_size", "dask_scheduler") if args.get(k) is not None}
        made: dict[str, Any] = {"output_stack": wanted.output_stack}
        with alone(folder):
            chain = Chain(folder, self.connection(), self.tell, how)
            try:
                made |= self.make(chain, wanted)
            finally:
                self.output(made | {"steps": _told(chain.done)})

    def connection(self) -> dict[str, Any]:
        """The group `render` for the steps, with the path of a local store made absolute."""
        given = {k: v for k, v in self.args["render"].items() if v is not None}
        if given.get("store") and "://" not in str(given["store"]):
            given["store"] = str(Path(given["store"]).resolve())
        return given

    def make(self, chain: Chain, wanted: Wanted) -> dict[str, Any]:
        """Run the steps; what the last one made, for the report."""
        if not self.run_all(chain, wanted, montage_steps(wanted)):
            return {"stopped_after": self.args["stop_after"]}
        zs = stack_zs(chain.render, wanted.montage)
        stack = wanted.montage
        if len(zs) > 1:
            sides = renderapi.stack.get_stack_bounds(wanted.montage, render=chain.render)
            side = max(sides["maxX"] - sides["minX"], sides["maxY"] - sides["minY"])
            if not self.run_all(chain, wanted, across_steps(wanted, zs, side)):
                return {"stopped_after": self.args["stop_after"]}
            fine = "fine" not in self.args["exclude"]
            stack = wanted.output_stack if fine else wanted.named("rough")
        else:
            self.logger.warning("%s has one section: nothing to align across", wanted.montage)
        self.run_all(chain, wanted, last_steps(wanted, stack))
        return {"sections": len(zs)}

    def run_all(self, chain: Chain, wanted: Wanted, steps: Any) -> bool:
        """Run steps; False where the user wants to stop after one of them."""
        for step in self.chosen(steps, wanted):
            chain.run(step)
            if step.name == self.args["stop_after"]:
                return False
        return True

    def chosen(self, steps: Any, wanted: Wanted) -> list[Step]:
        """Steps that are not left out, with the parameters that the user gave for them."""
        listed = [step for step in steps if step.name not in self.args["exclude"]]
        own = {s.name: wanted.overrides[s.name] for s in listed if s.name in wanted.overrides}
        return with_overrides(listed, own)

    def tell(self, text: str) -> None:
        """Progress."""
        self.logger.info(text)

    def sources(self) -> Any:
        """State of what is read: of the raw stack, or of the files that are imported."""
        if self.args["input_stack"]:
            stack_zs(self.render, self.args["input_stack"])  # refuses one that is not there
            stack = renderapi.stack.get_full_stack_metadata(
                self.args["input_stack"], render=self.render
            )
            return [stack.get("lastModifiedTimestamp"), stack.get("stats")]
        given = self.args["import_parameters"]
        files = [Path(v) for v in given.values() if isinstance(v, str) and Path(v).is_file()]
        return sorted(
            [str(f), f.stat().st_size, f.stat().st_mtime_ns]
            for f in [*files, *image_files(given.get("image_directory"))]
        )

    def show_plan(self, wanted: Wanted) -> None:
        """Print and report what would be run."""
        size = self.size()
        side = max(1.0, (size.pixels / max(size.sections, 1)) ** 0.5)
        zs = list(range(size.sections))
        steps = list(montage_steps(wanted))
        if size.sections > 1:
            steps += across_steps(wanted, zs, side)
        steps += last_steps(wanted, wanted.output_stack)
        steps = self.chosen(steps, wanted)
        processes = self.args.get("pool_size") or 1
        entries = plan(steps, size, processes, side)
        for line in told(entries):
            print(line, flush=True)
        self.output({"output_stack": wanted.output_stack, "plan": entries, "written": []})

    def size(self) -> Size:
        """How much there is to align."""
        if self.args["input_stack"]:
            tiles = renderapi.tilespec.get_tile_specs_from_stack(
                self.args["input_stack"], render=self.render
            )
            pixels = sum(float(t.width or 0) * float(t.height or 0) for t in tiles)
            return Size(len(tiles), len({t.z for t in tiles}), pixels)
        files = image_files(self.args["import_parameters"].get("image_directory"))
        if not files:
            raise RenderModuleException(
                "a plan needs import_parameters.image_directory with image files below it"
            )
        stored = sum(f.stat().st_size for f in files)  # uncompressed files have a byte for each
        sections = {f.parent for f in files} if len(files) > 1 else {files[0]}
        return Size(len(files), len(sections), float(stored))


def image_files(folder: str | None) -> list[Path]:
    """Image files below a folder."""
    if not folder or not Path(folder).is_dir():
        return []
    return sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in IMAGES)


def _told(done: Sequence[Done]) -> list[dict[str, Any]]:
    return [
        {
            "step": d.step.name,
            "module": d.step.module,
            "seconds": d.seconds,
            "kept": d.kept,
            "input_json": str(d.input_json),
            "warnings": d.output.get("warnings", []),
        }
        for d in done
    ]


if __name__ == "__main__":
    AlignStack.main()
