"""Outlines of tissue against shapes that were drawn, and on real sections."""

import cv2
import numpy as np
import pytest
import shapely

from renderapps.module import RenderModuleException
from renderapps.section_polygons.outlines import tissue_outline


def drawn(dark=False, noise=12):
    """A large disc with a hole and a crack, a small one beside it; the large one as a polygon."""
    picture = np.full((500, 800), 200 if dark else 0, np.float32)
    value = 90.0 if dark else 140.0
    cv2.circle(picture, (300, 250), 180, value, -1)
    cv2.circle(picture, (330, 260), 30, 200.0 if dark else 0.0, -1)
    cv2.line(picture, (300, 60), (300, 250), 200.0 if dark else 0.0, 3)
    cv2.circle(picture, (650, 250), 60, value, -1)
    noisy = picture + np.random.default_rng(1).normal(0, noise, picture.shape)
    if dark:
        noisy[:, 700:] = 0  # no data, which is darker than anything
        noisy = np.maximum(noisy, 0)
    return noisy.clip(0, 255).astype(np.uint8), shapely.Point(300, 250).buffer(180)


@pytest.mark.parametrize("dark", [False, True])
def test_the_largest_piece_is_outlined_without_its_holes_and_cracks(dark):
    picture, truth = drawn(dark)
    found = tissue_outline(picture, dark=dark)
    polygon = shapely.Polygon(found.ring)
    assert polygon.is_valid
    assert polygon.symmetric_difference(truth).area < 0.02 * truth.area
    assert polygon.exterior.hausdorff_distance(truth.exterior) < 9
    assert found.components == 2
    assert found.confidence > 0.8
    assert found.share == pytest.approx(truth.area / picture.size, rel=0.02)
    assert len(found.ring) < 100


def test_settings_do_what_they_say():
    picture, truth = drawn(noise=0)
    coarse = tissue_outline(picture, tolerance=10.0)
    assert len(coarse.ring) < len(tissue_outline(picture).ring)
    every = tissue_outline(picture, tolerance=0.0, smoothing=0.0)
    assert shapely.Polygon(every.ring).area < truth.area - 400  # the crack stays open
    with pytest.raises(RenderModuleException, match="no tissue"):
        tissue_outline(picture, threshold=200.0)
    with pytest.raises(RenderModuleException, match="one grey value"):
        tissue_outline(np.zeros((50, 50), np.uint8))


def test_real_sections_are_outlined_along_their_data(real_data):
    """The data end where tissue ends: outlines have nearly all of it, and little else."""
    for path in sorted(real_data("tem_sections_512nm").glob("*.png"))[:3]:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        found = tissue_outline(picture)
        within = np.zeros(picture.shape, np.uint8)
        cv2.fillPoly(within, [np.round(found.ring).astype(np.int32)], 1)
        data = picture > 0
        assert (data & (within == 1)).sum() > 0.95 * data.sum()
        assert (within == 1).sum() < 1.1 * data.sum()
