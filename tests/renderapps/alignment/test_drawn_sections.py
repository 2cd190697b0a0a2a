"""Sections drawn for comparison show what their images show, and nothing that is mixed with it."""

import cv2
import numpy as np
import pytest
from section_series import put_sections, tissue

from renderapps.alignment.drawn_sections import DrawnSections, common_window


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0])
def test_no_pixel_is_mixed_with_the_black_beyond_an_edge(render, tmp_path, scale):
    image = tissue(1, (160, 200), seed=2)[0]
    put_sections(render, "whole", [image], tmp_path)
    window = common_window(render, "whole", scale)
    grey, shown = DrawnSections(render, "whole", window).get(0.0)
    size = round(200 * scale), round(160 * scale)
    means = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    rows, columns = (min(a, b) for a, b in zip(grey.shape, means.shape, strict=True))
    inside = shown[:rows, :columns]
    away = np.abs(grey[:rows, :columns] - means[:rows, :columns])[inside]
    assert inside[3:-3, 3:-3].mean() > 0.95  # white cells are taken for empty
    assert not shown[rows:].any() and not shown[:, columns:].any()
    assert away.max() < 25
