"""What to do about what a report found: which module, with which parameter, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from renderapps.module.wording import counted, listed

Json = dict[str, Any]
MANY = 0.2
"""Share of displaced tiles above which a section was not solved by its matches."""
BETTER = 0.02
"""A correlation that has fallen by less than this has not fallen."""
GOOD_MEDIAN = 1.0
"""Median residual of a section above which tiles do not meet well, pixels."""


def next_steps(sections: Sequence[Json], whole: Json, settings: Mapping[str, Any]) -> list[Json]:
    """Advice in the order in which it is best followed; empty: nothing was found.

    Parameters
    ----------
    sections : sequence of dict
        Entries of the sections (see `section_findings`).
    whole : dict
        `between_sections` and `correlations` of the report.
    settings : mapping
        Parameters of the report.

    Returns
    -------
    list of dict
        finding, module, parameter (None: any), advice and zs.
    """
    found = [*_pictures(sections), *_tiles(sections)]
    if settings["matchCollections"]:
        found += [*_matches(sections), *_displaced(sections), *_across(whole)]
    else:
        found.append(
            _step(
                "no match collection was given: seams and residuals were not looked for",
                "alignment.report",
                "matchCollections",
                "run the report again with the collections that the stack was solved by",
            )
        )
    return [*found, *_shape(sections, settings), *_likeness(whole)]


def _step(
    finding: str, module: str, parameter: str | None, advice: str, zs: Sequence[float] = ()
) -> Json:
    return {
        "finding": finding,
        "module": module,
        "parameter": parameter,
        "advice": advice,
        "zs": list(zs),
    }


def _at(entries: Sequence[Json]) -> str:
    return "z=" + listed([f"{entry['z']:g}" for entry in entries])


def _having(sections: Sequence[Json], key: str) -> tuple[list[Json], list[float], int]:
    """Sections that have entries of a kind, their z, and how many entries these are."""
    some = [entry for entry in sections if entry.get(key)]
    return some, [entry["z"] for entry in some], sum(len(entry[key]) for entry in some)


def _pictures(sections: Sequence[Json]) -> Iterator[Json]:
    some = [entry for entry in sections if entry.get("picture_problem")]
    if some:
        yield _step(
            f"{counted(len(some), 'section')} not drawn ({_at(some)}): "
            f"{some[0]['picture_problem']}",
            "dataimport.generate_mipmaps",
            "input_stack",
            "see that the images of these sections are where the stack says",
            [entry["z"] for entry in some],
        )


def _tiles(sections: Sequence[Json]) -> Iterator[Json]:
    some, zs, count = _having(sections, "holes")
    if some:
        yield _step(
            f"{counted(count, 'tile')} of before_stack missing ({_at(some)}): "
            f"{listed(some[0]['holes'])}",
            "stitching.detect_and_drop_stitching_mistakes",
            "distance_threshold",
            "the output JSON of the step that dropped them says why; a larger threshold keeps more",
            zs,
        )
    some, zs, count = _having(sections, "unplaced_tiles")
    if some:
        first = some[0]["unplaced_tiles"][0]
        yield _step(
            f"{counted(count, 'tile')} without an outline ({_at(some)}): {first['tileId']}: "
            f"{first['reason']}",
            "stack.clone_stack",
            "zs",
            "mend or leave out these tiles before going on",
            zs,
        )


def _matches(sections: Sequence[Json]) -> Iterator[Json]:
    none = [entry for entry in sections if entry["tiles"] > 1 and not entry["pairs"]]
    if none:
        yield _step(
            f"no matches between the tiles of {counted(len(none), 'section')} ({_at(none)})",
            "pointmatch.generate_point_matches",
            "search_radius",
            "match these sections; if that was done, search further, or try "
            "pointmatch.tune_matching for the parameters",
            [entry["z"] for entry in none],
        )
    others = [entry for entry in sections if entry["pairs"]]
    some, zs, count = _having(others, "unmatched_tiles")
    if some:
        yield _step(
            f"{counted(count, 'tile')} without matches ({_at(some)}): "
            f"{listed(some[0]['unmatched_tiles'])}; "
            "their places are those of the stage, or of the model fitted to the others",
            "pointmatch.generate_point_matches",
            "search_radius",
            "match them with a larger radius; empty tiles may stay as they are",
            zs,
        )
    some, zs, count = _having(others, "disconnected_groups")
    if some:
        yield _step(
            f"{counted(count, 'group')} of tiles together, but not connected with the largest "
            f"({_at(some)}): "
            f"{listed(some[0]['disconnected_groups'][0])}",
            "pointmatch.generate_point_matches",
            "min_inliers",
            "match the pairs between the groups again, with fewer points required or a larger "
            "search_radius",
            zs,
        )
    some, zs, count = _having(sections, "unusable_pairs")
    if some:
        yield _step(
            f"{counted(count, 'pair')} with matches that cannot be placed ({_at(some)}): "
            f"{some[0]['unusable_pairs'][0]['reason']}",
            "alignment.report",
            "local_transforms",
            "see that the points were stored after so many transforms",
            zs,
        )


def _displaced(sections: Sequence[Json]) -> Iterator[Json]:
    many = [e for e in sections if len(e["displaced_tiles"]) > max(1, MANY * e["tiles"])]
    if many:
        count = sum(len(entry["displaced_tiles"]) for entry in many)
        yield _step(
            f"{counted(count, 'tile')} of {sum(e['tiles'] for e in many):,} off their matches "
            f"({_at(many)}): these sections do not lie as their matches say",
            "alignment.solve",
            "matchCollections",
            "solve them by these collections",
            [entry["z"] for entry in many],
        )
    solved = [entry for entry in sections if entry not in many]
    yield from _single(solved)
    off = [e for e in solved if (e["median_residual"] or 0) > GOOD_MEDIAN and e["pairs"] > 3]
    if off:
        worst = max(off, key=lambda e: e["median_residual"])
        yield _step(
            f"half of the pairs of {counted(len(off), 'section')} miss by more than "
            f"{GOOD_MEDIAN:g} px ({_at(off)}); most at z={worst['z']:g}, median "
            f"{worst['median_residual']:.4g} px",
            "alignment.estimate_lens",
            "order",
            "estimate the distortion of the lens from the overlaps and solve again",
            [entry["z"] for entry in off],
        )


def _single(sections: Sequence[Json]) -> Iterator[Json]:
    """Tiles and seams of sections that lie as most of their matches say."""
    some, zs, count = _having(sections, "displaced_tiles")
    if some:
        worst = max((t for e in some for t in e["displaced_tiles"]), key=lambda t: t["residual"])
        yield _step(
            f"{counted(count, 'tile')} off their matches ({_at(some)}); the worst, "
            f"{worst['tileId']}, by {worst['residual']:.4g} px "
            f"in {worst['bad_pairs']} of {worst['pairs']} pairs",
            "alignment.solve",
            "maximum_tolerance",
            "look at the pictures of the pairs: where the matches are wrong, solve with a "
            f"tolerance below {worst['residual']:.4g}; where they are right, the tiles were moved "
            "afterwards or kept where they were: solve the stack again",
            zs,
        )
    some, zs, count = _having([e for e in sections if not e.get("displaced_tiles")], "seams")
    if some:
        seam = some[0]["seams"][0]
        first = " and ".join(seam["pairs"][0])
        yield _step(
            f"{counted(count, 'seam')} that no single tile accounts for ({_at(some)}); the "
            f"first between {first}, {seam['residual']:.4g} px",
            "alignment.solve",
            "maximum_tolerance",
            f"solve with a tolerance below {seam['residual']:.4g}, or look whether the tiles are "
            "bent there (model affine)",
            zs,
        )


def _across(whole: Json) -> Iterator[Json]:
    between = whole["between_sections"]
    if not any(gap["pairs_across"] for gap in between):
        return  # a collection of montages: sections are judged by their likeness
    broken = [gap for gap in between if not gap["pairs_across"]]
    if broken:
        names = listed([f"z={gap['z'][0]:g} to {gap['z'][1]:g}" for gap in broken])
        yield _step(
            f"no match crosses {len(broken)} of {len(between)} steps between sections: {names}",
            "alignment.match_sections_rough",
            "neighbours",
            "match with more neighbours, so that sections are linked past bad ones",
            [gap["z"][0] for gap in broken],
        )


def _shape(sections: Sequence[Json], settings: Mapping[str, Any]) -> Iterator[Json]:
    some, zs, count = _having(sections, "gaps")
    if some:
        yield _step(
            f"{counted(count, 'pair')} of neighbours apart that touched before ({_at(some)}): "
            f"{' and '.join(some[0]['gaps'][0])}",
            "pointmatch.generate_point_matches",
            "search_radius",
            "match these pairs: links between them keep them together",
            zs,
        )
    some, zs, count = _having(sections, "uncovered")
    if some:
        box = ", ".join(f"{v:g}" for v in some[0]["uncovered"][0]["box"])
        yield _step(
            f"{counted(count, 'place')} amid the tiles not covered ({_at(some)}); the largest "
            f"of the "
            f"first lies in the box {box}",
            "dataimport.import_tiles",
            None,
            "see whether tiles are missing in the acquisition or moved away",
            zs,
        )
    some, zs, count = _having(sections, "distorted_tiles")
    if some:
        worst = max((t for e in some for t in e["distorted_tiles"]), key=lambda t: t["departure"])
        yield _step(
            f"{counted(count, 'tile')} stretched or sheared by more than "
            f"{settings['distortion_threshold']:.2g} against their section ({_at(some)}); most "
            f"{worst['tileId']}, by {worst['departure']:.3g}",
            "alignment.solve",
            "regularization",
            "solve with a stronger regularization, or with model translation or rigid",
            zs,
        )


def _likeness(whole: Json) -> Iterator[Json]:
    known = [c for c in whole["correlations"] if c["correlation"] is not None]
    fallen = [
        c for c in known if c["before"] is not None and c["correlation"] < c["before"] - BETTER
    ]
    if fallen:
        worst = min(fallen, key=lambda c: c["correlation"] - c["before"])
        yield _step(
            f"{counted(len(fallen), 'pair')} of neighbouring sections less alike than before; "
            f"most z="
            f"{worst['z'][0]:g} and {worst['z'][1]:g}: {worst['before']:.3g} to "
            f"{worst['correlation']:.3g}",
            "alignment.align_sections_fine",
            "bending",
            "look at the cuts along z there; a larger value keeps sections stiffer",
            [c["z"][0] for c in fallen],
        )
    if len(known) < 3:
        return
    values = sorted(c["correlation"] for c in known)
    median = values[len(values) // 2]
    unlike = [c for c in known if c["correlation"] < 0.5 * median]
    if unlike and median > 0:
        names = listed([f"z={c['z'][0]:g} and {c['z'][1]:g}" for c in unlike])
        yield _step(
            f"{counted(len(unlike), 'pair')} of neighbouring sections less than half as alike "
            f"as is usual "
            f"({median:.3g}): {names}",
            "alignment.order_sections",
            "matchCollection",
            "see whether sections are exchanged, missing or badly aligned there",
            [c["z"][0] for c in unlike],
        )
