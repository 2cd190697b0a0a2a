"""Real sections through the whole chain: what was done to them is undone, and neighbours agree."""

import cv2
import numpy as np
import pytest
from layered_stacks import run
from section_series import put_sections, warp_field, warped_by

from renderapps.alignment.align_sections_fine import AlignSectionsFine
from renderapps.alignment.drawn_sections import neighbour_correlations


def test_a_crop_that_was_warped_agrees_as_well_as_it_was_published(render, tmp_path, real_data):
    folder = real_data("sstem_30_sections")
    crops = [cv2.imread(str(folder / f"z{z:02d}.png"), 0)[100:420, 100:420] for z in range(3)]
    warped = [
        warped_by(crop, warp_field(crop.shape, 8.0, seed=z, smooth=60))
        for z, crop in enumerate(crops)
    ]
    put_sections(render, "published", crops, tmp_path / "i")
    put_sections(render, "warped", warped, tmp_path / "i")
    given = {"input_stack": "warped", "output_stack": "fine", "neighbours": 1}
    status, report = run(AlignSectionsFine, render, **given)
    assert status == 0, report
    before, published, after = (
        list(neighbour_correlations(render, stack, [0.0, 1.0, 2.0], 0.25).values())
        for stack in ("warped", "published", "fine")
    )
    assert np.median(after) >= np.median(published)
    assert np.median(after) > np.median(before) + 0.05


@pytest.mark.soak
def test_whole_sections_agree_better_after_rough_and_fine(tmp_path, real_data):
    from benchmarks.section_alignment import unaligned

    figures = unaligned(tmp_path, real_data("tem_sections_512nm"))
    before, rough, fine = (
        figures[f"{s}: correlation of neighbours"] for s in ("montage", "rough", "fine")
    )
    assert rough > before
    assert fine > rough + 0.05
    tissue = "correlation of neighbours without the grid of tiles"
    assert figures[f"montage: {tissue}"] < figures[f"rough: {tissue}"]
    assert figures[f"rough: {tissue}"] < figures[f"fine: {tissue}"] - 0.05


@pytest.mark.soak
def test_turned_and_warped_sections_are_recovered(tmp_path, real_data):
    from benchmarks.section_alignment import known_warps

    figures = known_warps(tmp_path, real_data("sstem_30_sections"), count=8)
    against = "median error of neighbours, against published, aligned"
    assert figures[f"fine: {against}"] < 1.5
    published, fine = (figures[f"{s}: correlation of neighbours"] for s in ("published", "fine"))
    assert fine >= published
