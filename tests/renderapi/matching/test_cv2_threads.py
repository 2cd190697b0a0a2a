"""The number of OpenCV's threads comes back."""

import cv2
import pytest

from renderapi.matching.cv2_threads import cv2_threads


def test_the_number_is_as_before_even_after_a_failure():
    before = cv2.getNumThreads()
    with pytest.raises(ValueError, match="stop"), cv2_threads(1):
        assert cv2.getNumThreads() == 1
        raise ValueError("stop")
    assert cv2.getNumThreads() == before
