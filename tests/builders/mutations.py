"""Change the modules in one place at a time, and see whether the tests notice.

    python tests/builders/mutations.py              all; exit 1 where one survives
    python tests/builders/mutations.py levels flip  those with one of these words in them

A mutation is a file below renderapps, a text that is in it once, another text, and the tests that
have to notice. It is applied to a copy in a temporary folder, never to the source tree. The
tests have to pass on an unchanged copy first, and to fail where the file cannot be imported: else
nothing would be shown.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("renderapps", "tests", "example_json")
LINKED = ("renderapi", "renderws", "docs", "pyproject.toml", "integration_tests", "Makefile")
SECONDS = 900


@dataclass(frozen=True)
class Mutation:
    """One change: `old`, which occurs once in `file`, becomes `new`; `tests` have to fail."""

    file: str
    old: str
    new: str
    tests: str

    @property
    def path(self) -> Path:
        """The file, from the root of the repository."""
        return Path("renderapps") / self.file

    def __str__(self) -> str:
        return f"{self.file}: {self.old!r} -> {self.new!r}"

    def applied(self, root: Path = ROOT) -> str:
        """Text of the changed file; ValueError where the list no longer fits the source."""
        text = (root / self.path).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} holds {self.old!r} {text.count(self.old)} times")
        return text.replace(self.old, self.new)


def _mutations() -> Iterator[Mutation]:
    for file, tests, changes in LIST:
        for old, new in changes:
            yield Mutation(file, old, new, f"tests/renderapps/{tests}.py")


LIST: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "registration/cross_matches.py",
        "registration/test_fit_transforms_by_point_match",
        [
            ("forward(stored, self.local_transforms)", "forward(stored)"),
            ("yield pair.q_tile, pair.p_tile, pair.q, pair.p", "pass"),
            ("yield pair.p_tile, pair.q_tile, pair.p, pair.q", "pass"),
            ("good = (weights > 0) &", "good ="),
            ("counts == counts.max()", "counts == counts.min()"),
        ],
    ),
    (
        "registration/fit_transforms_by_point_match.py",
        "registration/test_fit_transforms_by_point_match",
        [
            ("[row.weights for row in rows]", "None"),
            (
                """        for tile in section.tiles:
            placement.put(""",
                """        placement = Placement(0)
        for tile in section.tiles:
            placement.put(""",
            ),
        ],
    ),
    (
        "registration/register_sections.py",
        "registration/test_register_sections",
        [
            ("forward(row.points, self.local)", "forward(row.points, self.local + 1)"),
            ("Placement(None).put", "Placement(0).put"),
            ("[points], [world]", "[world], [points]"),
        ],
    ),
    (
        "registration/make_synthetic_cross_stack_point_matches.py",
        "registration/test_synthetic_matches",
        [
            ("((pixel > 0) & (pixel < size))", "((there > 0) & (there < size))"),
            ("p_tile.forward(raw, 0, local_transforms)", "raw"),
            ("p_tile.forward(raw), local_transforms)", "p_tile.forward(raw))"),
        ],
    ),
    (
        "registration/applied_transforms.py",
        "registration/test_apply_transforms",
        [
            ('entries_of(aligned)[self.args["keep_local_transforms"] :]', "entries_of(aligned)"),
            ('partners[name]["z"] if self.args["copy_z"] else section.z', "section.z"),
        ],
    ),
    (
        "stitching/create_montage_pointmatches_in_place.py",
        "stitching/test_create_montage_pointmatches_in_place",
        [
            ("tile.backward(world, local)", "tile.backward(world)"),
            ("names[one], names[other], p, q", "names[one], names[other], q, p"),
        ],
    ),
    (
        "wrinkle_detection/pieces.py",
        "wrinkle_detection/test_pieces",
        [
            ("<= 2 * rules.max_epsilon", "<= 0"),
            ("alike.mean() >= rules.coherence", "True"),
            ("owner[np.isin(owner, owner[seen])] = owner[counts.argmax()]", "pass"),
        ],
    ),
    (
        "wrinkle_detection/residuals.py",
        "wrinkle_detection/test_residuals",
        [
            ("(w * off**2).sum() / w.sum()", "(off**2).mean()"),
            ("model.fit(p, q, w)", "model.fit(q, p, w)"),
            ("at = zs == z", "at = zs >= z"),
        ],
    ),
    (
        "wrinkle_detection/find_suspect_tiles.py",
        "wrinkle_detection/test_find_suspect_tiles",
        [
            ("other = targets.zs != z", "other = targets.zs == z"),
            ('entry["sections"] < 2', "False"),
            ("max(residuals, key=lambda residual: residual.rms)", "residuals[0]"),
            ("self.rules.max_epsilon / 2 if", "self.rules.max_epsilon * 2 if"),
        ],
    ),
    (
        "stack/consolidate_render_transforms.py",
        "stack/test_consolidate_render_transforms",
        [
            (
                "            return None\n        total = matrix @ total",
                "            return None\n        total = total @ matrix",
            ),
            (
                "matrix if total is None else matrix @ total",
                "matrix if total is None else total @ matrix",
            ),
            ("matrix[:2, [2, 0, 1]]", "matrix[:2, [2, 1, 0]]"),
            ("            waiting |= references(section.transforms[key])", "            pass"),
        ],
    ),
    (
        "dataimport/statetable_tiles.py",
        "dataimport/test_statetable_tiles",
        [
            ("M01=a01, M10=a10", "M01=a10, M10=a01"),
            ("B0=a02, B1=a12", "B0=a12, B1=a02"),
            ("row.ribbon * 1000 + row.section", "row.ribbon * 100 + row.section"),
        ],
    ),
    (
        "alignment/section_tiles.py",
        "alignment/test_section_tiles",
        [
            (
                "linear if rest is None else linear @ rest",
                "linear if rest is None else rest @ linear",
            ),
            ("matrix = leaf.M @ matrix", "matrix = matrix @ leaf.M"),
            ("kept = entries if rest is None else entries[:keep]", "kept = entries[:keep]"),
        ],
    ),
    (
        "stack/create_subvolume_stack.py",
        "stack/test_create_subvolume_stack",
        [
            ("if takes(tile)]", "if True or takes(tile)]"),
            ("self.box.holds if", "self.box.touches if"),
        ],
    ),
    (
        "module/box.py",
        "stack/test_create_subvolume_stack",
        [('and tile["maxY"] >= self.min_y', "")],
    ),
    (
        "module/stack_edit.py",
        "module/test_stack_edit",
        [
            ("[tile for tile in ids if tile not in after]", "[]"),
            ("edited.z = self.output_z(z)", "pass"),
        ],
    ),
    (
        "module/correspondence.py",
        "stack/test_merge_session_stacks",
        [("int(found[-1]) if", "int(found[0]) if")],
    ),
    (
        "registration/carrying.py",
        "registration/test_carrying",
        [
            (
                "transforms.forward(local[here])",
                "local[here]",
            ),
            ("if name in tiles}", "if name}"),
        ],
    ),
    (
        "module/box.py",
        "module/test_box",
        [
            ('and tile["maxY"] >= self.min_y', 'and tile["maxY"] >= -1e30'),
            ('tile["minX"] <= self.max_x', 'tile["minX"] < self.max_x'),
            ('and self.min_y <= tile["minY"]', ""),
            (
                "if low is not None and high is not None and low > high",
                "if low and high and low < high",
            ),
        ],
    ),
    (
        "dataimport/reduced_images.py",
        "dataimport/test_reduced_images",
        [
            ('if spec.method == "PIL"', 'if spec.method == "pil"'),
            ("full[step // 2 :: step, step // 2 :: step]", "full[::step, ::step]"),
            ("spec.level - at)", "spec.level)"),
            ("(pixels >> 8)", "(pixels >> 7)"),
            ('"window": window', '"window": None'),
        ],
    ),
    (
        "stack/merge_session_stacks.py",
        "stack/test_merge_session_stacks",
        [
            ('tile["channels"] = [*channels, *kept]', 'tile["channels"] = [*channels]'),
            ("settings.get(key, tile.get(key))", "tile.get(key, settings.get(key))"),
        ],
    ),
    (
        "module/derived_images.py",
        "module/test_derived_images",
        [
            ("path = path or self.place() or self.own_path", "path = self.own_path"),
            ('| {"changed_and_bytes": stamp}', '| {"changed_and_bytes": None}'),
            ("path is not None and is_whole(path)", "path is not None"),
            ('{**self.recipe, "coding": packed}', '{"coding": packed}'),
            ("source.read()[::-1]", "source.read()[:, ::-1]"),
        ],
    ),
    (
        "module/display_range.py",
        "module/test_display_range",
        [
            (
                "high is not None and low >= high:\n        raise RenderModuleException",
                "high is not None and low > high:\n        raise RenderModuleException",
            ),
            ('low = holder.get("minIntensity") if', 'low = holder.get("maxIntensity") if'),
            ("named if channel is not None else there[:1]", "named"),
        ],
    ),
    (
        "module/fitting.py",
        "module/test_fitting",
        [
            ("& np.isfinite(q).all(-1)", ""),
            ("entries_of(tile)[: self.space(tile)]", "entries_of(tile)[self.space(tile) :]"),
            ("rms > rules.max_residual", "largest > rules.max_residual"),
            ("(residuals**2).sum() / used", "(residuals**2).mean()"),
            ("TileTransforms(tile, shared).forward(points, 0, space)", "points"),
            ("agreement <= DEGENERATE * np.sqrt(spread * target)", "agreement < 0"),
        ],
    ),
    (
        "pointmatch/pair_matches.py",
        "pointmatch/test_match_edit",
        [
            ("one, other, p, q = other, one, q, p", "one, other = other, one"),
            ("if one > other", "if one[1] > other[1]"),
            ("return self.q, self.p", "return self.p, self.q"),
        ],
    ),
    (
        "pointmatch/match_edit.py",
        "pointmatch/test_match_edit",
        [
            ("not in known]", "in known]"),
            ('report["pairs_written"] > 0', 'report["pairs_written"] >= 0'),
            ("keys.size - np.unique(keys).size", "0"),
            ("there != written", "there == written"),
        ],
    ),
    (
        "pointmatch/match_target.py",
        "pointmatch/test_match_edit",
        [
            ("if left and self.name not in collection_names(self.render, self.owner)", "if False"),
            ('self.at_once or self.existing != "append"', 'self.existing != "append"'),
            ('"keep": self.existing == "append"', '"keep": False'),
        ],
    ),
    (
        "pointmatch/map_pointmatch_forward.py",
        "pointmatch/test_map_pointmatch_forward",
        [
            ("(-step if self.args", "(step if self.args"),
            ("np.column_stack([p, q])", "np.column_stack([p, p])"),
        ],
    ),
    (
        "pointmatch/match_points.py",
        "pointmatch/test_map_pointmatch_forward",
        [("p_tiles | groups.of(group)", "groups.of(group)")],
    ),
    (
        "pointmatch/match_points.py",
        "pointmatch/test_pair_matches",
        [("(index, 1))", "(index, 0))"), ("start += len(part)", "start += len(part) - 1")],
    ),
    (
        "pointmatch/tilepairs.py",
        "pointmatch/test_tilepairs",
        [
            ("z < other <= first + dz", "z <= other <= first + dz"),
            ("z < other <= first + dz", "z < other <= z + dz"),
            ("if z - dz <= first <= z", "if z - dz <= first < z"),
            ("value is not None and (value or name", "value is not None and (True or name"),
        ],
    ),
    (
        "pointmatch/rekeying.py",
        "pointmatch/test_copy_pointmatch_by_frame",
        [
            ("elif min(tiles)[0] == group", "elif tiles[0][0] == group or True"),
            ("if group == self._home(index, pair)", "if True"),
            (
                "PairMatches.of(tiles[0], tiles[1], pair.p, pair.q",
                "PairMatches.of(tiles[0], tiles[1], pair.q, pair.p",
            ),
        ],
    ),
    (
        "pointmatch/consolidate_pointmatches_across_channels.py",
        "pointmatch/test_consolidate_pointmatches_across_channels",
        [
            (
                "        if collection == 0:\n            return tile",
                "        if False:\n            return tile",
            ),
            ("self.names[collection - 1].rename", "self.names[collection - 2].rename"),
        ],
    ),
    (
        "pointmatch/match_plot.py",
        "pointmatch/test_make_point_match_plots",
        [
            ("(q - p) * settings", "(p - q) * settings"),
            ("set_ylim(bottom, top)", "set_ylim(top, bottom)"),
        ],
    ),
    (
        "pointmatch/match_residuals.py",
        "pointmatch/test_filter_point_matches",
        [
            ("(off**2).sum(1) / w.sum(1)", "(off**2).sum(1) / w.shape[1]"),
            ("range(LINEAR.index(model), -1, -1)", "range(LINEAR.index(model), 0, -1)"),
            ("pair.q, counted(pair)", "pair.q, 1.0"),
        ],
    ),
    (
        "pointmatch/filter_point_matches.py",
        "pointmatch/test_filter_point_matches",
        [
            ("apart = places[0] - places[1]", "apart = pair.p - pair.q"),
            ("weight == 1.0 and (pair.w > 0).any()", "weight == 1.0"),
        ],
    ),
    (
        "pointmatch/match_connections.py",
        "pointmatch/test_qc_point_match_results",
        [("count >= least", "count > least"), ("zs[0] < z < zs[-1]", "zs[0] <= z")],
    ),
    (
        "pointmatch/collection_exchange.py",
        "pointmatch/test_swap_point_match_collections",
        [
            ("for name in reversed(self.names)", "for name in self.names[:1]"),
            ("            self._undo()", "            pass"),
        ],
    ),
    (
        "module/correspondence.py",
        "module/test_correspondence",
        [("number + offset", "number - offset"), ("if len(some) > 1", "if len(some) > 9")],
    ),
    (
        "stack/flipping.py",
        "stack/test_flip_stack_by_raw_image_flip",
        [
            ('tile["height"] - 1.0', 'tile["height"]'),
            (
                "affine_spec(turn), *specs, affine_spec(mirror)",
                "affine_spec(mirror), *specs, affine_spec(turn)",
            ),
            ("total = matrix @ total", "total = total @ matrix"),
        ],
    ),
    (
        "stitching/displacements.py",
        "stitching/test_displacements",
        [
            ("<= distance_threshold", ">= distance_threshold"),
            ("len(group) >= minimum_size", "len(group) > minimum_size"),
            ("np.maximum(sides[first], sides[second])", "np.minimum(sides[first], sides[second])"),
        ],
    ),
    (
        "dataimport/placement.py",
        "dataimport/test_placement",
        [
            ("-x if rules.flip_x else x", "-x if rules.flip_y else x"),
            ("image.y / size[1]", "image.y / size[0]"),
            ("rules.z_start + k * rules.z_step", "rules.z_start + k"),
        ],
    ),
    (
        "stack/joining.py",
        "stack/test_merging",
        [
            ('found[-1 if policy == "last" else 0]', "found[0]"),
            ("_new_transform_ids(sources[:index], source", "_new_transform_ids(sources, source"),
            ("if new in holders or new in made", "if new in made"),
        ],
    ),
    (
        "stack/levels.py",
        "stack/test_levels",
        [
            ("(centres > mode)", "(centres >= mode)"),
            ("float(mode) - law.margin", "float(mode) + law.margin"),
        ],
    ),
    (
        "tile/em_contrast.py",
        "tile/test_em_contrast",
        [
            ("255 - gray if", "256 - gray if"),
            ("np.where(inside, image, 0)", "image"),
            (
                'searchsorted(fraction, part, side="right")',
                'searchsorted(fraction, part, side="left")',
            ),
        ],
    ),
    (
        "transfer/url_rewriting.py",
        "transfer/test_url_rewriting",
        [
            ("if path.startswith(folder) else None", ""),
            ("prefix is None or prefix[0] != place", "prefix is None"),
        ],
    ),
    (
        "module/pixel_statistics.py",
        "module/test_pixel_statistics",
        [
            ("self.count * other.count / total\n", "other.count / total\n"),
            (
                "statistic(np.array(held[:, start : start + rows]))",
                "statistic(np.array(held[:, start : start + 1]))",
            ),
        ],
    ),
]
MUTATIONS = tuple(_mutations())


@contextmanager
def copied_tree() -> Iterator[Path]:
    """A folder with copies of what is changed, and links to the rest."""
    with tempfile.TemporaryDirectory(prefix="mutations") as name:
        folder = Path(name)
        for part in COPIED:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignore)
        for part in LINKED:
            if (ROOT / part).exists():
                (folder / part).symlink_to(ROOT / part)
        yield folder


def passes(folder: Path, tests: Sequence[str]) -> bool:
    """Whether tests pass in a copied tree."""
    plugins = ("-n0", "-p", "no:cacheprovider", "-p", "no:schemathesis")  # slow to load
    command = [sys.executable, "-m", "pytest", "-q", "-x", *plugins, *tests]
    given = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=given, capture_output=True, timeout=SECONDS, check=False
    )
    if done.returncode not in (0, 1, 2):  # 2: a file that cannot be imported
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout.decode()[-2000:]}")
    return done.returncode == 0


def is_noticed(folder: Path, mutation: Mutation) -> bool:
    """Whether the tests of a mutation fail with it; the copied tree is then as it was."""
    path = folder / mutation.path
    text = path.read_text(encoding="utf-8")
    path.write_text(mutation.applied(folder), encoding="utf-8")
    try:
        return not passes(folder, [mutation.tests])
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(text, encoding="utf-8")


def check_controls(folder: Path, mutation: Mutation) -> None:
    """The tests of a mutation pass as things are, and notice a file that is broken altogether."""
    if not passes(folder, [mutation.tests]):
        raise RuntimeError(f"{mutation.tests} fails without any mutation")
    broken = Mutation(mutation.file, mutation.old, "raise RuntimeError(", mutation.tests)
    if not is_noticed(folder, broken):
        raise RuntimeError(f"{mutation.tests} does not use the copy of {mutation.file}")


def outcomes(chosen: Sequence[Mutation]) -> Iterator[tuple[Mutation, bool]]:
    """Each mutation and whether its tests notice it; those of the same tests follow each other."""
    checked: set[str] = set()
    with copied_tree() as folder:
        for mutation in sorted(chosen, key=lambda one: one.tests):
            if mutation.tests not in checked:
                check_controls(folder, mutation)
                checked.add(mutation.tests)
            yield mutation, is_noticed(folder, mutation)


def main(words: Sequence[str]) -> int:
    """Run the mutations that have one of the words in them, or all."""
    chosen = [m for m in MUTATIONS if not words or any(word in str(m) for word in words)]
    noticed = 0
    for mutation, found in outcomes(chosen):
        noticed += found
        sys.stdout.write(f"{'noticed' if found else 'survived'} {mutation}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{noticed} of {len(chosen)} mutations noticed\n")
    return 0 if noticed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
