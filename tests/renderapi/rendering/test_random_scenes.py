"""The renderer against a second one, written from the compatibility notes pixel by pixel.

Random tiles of every transform class and pixel type, with masks, levels, channels, display ranges,
odd sizes and scales. A pixel may be another one where a sum lies within 1e-12 of a half.
"""

import numpy as np
import pytest
from random_scenes import Scene
from slow_renderer import Slow

from renderapi import rendering
from renderapi.rendering import output

pytestmark = pytest.mark.filterwarnings("ignore:mask")


@pytest.mark.parametrize("seed", range(30))
def test_a_random_scene_is_drawn_as_the_notes_say(seed, tmp_path):
    scene = Scene(seed, tmp_path)
    canvas = rendering.render_canvas(scene.document)
    slow = Slow(scene.document, scene.images)
    assert_alike(output.to_rgba(canvas), slow.rgba())
    wide, expected = output.to_values_16(canvas), slow.wide()
    if scene.kind == "f32":  # float32 values, scaled to 16 bit
        assert np.abs(wide.astype(int) - expected).max() <= 1
    else:
        assert_alike(wide[..., None], expected[..., None])


def assert_alike(picture, expected):
    assert picture.shape == expected.shape
    different = (picture != expected).any(axis=2)
    assert np.count_nonzero(different) <= 2


def test_bands_and_threads_give_the_picture_of_the_notes(tmp_path):
    scene = Scene(8, tmp_path, masks=True)
    whole = Slow(scene.document, scene.images).rgba()
    threaded = output.to_rgba(rendering.render_canvas(scene.document, threads=2))
    bands = [output.to_rgba(band) for _, band in rendering.render_bands(scene.document, rows=7)]
    assert_alike(threaded, whole)
    assert np.array_equal(np.concatenate(bands), threaded)
