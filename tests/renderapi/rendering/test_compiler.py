"""What a process loads for its first picture."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import numpy as np
import renderapi.rendering
assert "numba" not in sys.modules, "the package loads numba before it draws"
tile = {"tileId": "a", "mipmapLevels": {"0": {"imageUrl": sys.argv[1]}}}
window = {"x": 0, "y": 0, "width": 70, "height": 60}
picture = renderapi.rendering.render({**window, "tileSpecs": [tile]})
assert picture[:, :, 0].any()
assert "numba" in sys.modules
assert "scipy.linalg" not in sys.modules, "numba's start loads linear algebra"

from numba import njit
product = njit(lambda a, b: np.dot(a, b))
assert product(np.ones((2, 3)), np.ones((3, 2))).tolist() == [[3.0, 3.0], [3.0, 3.0]]
import scipy.linalg
"""


def test_a_first_picture_loads_no_linear_algebra_and_others_still_can(tmp_path):
    import numpy as np
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", np.full((60, 70), 7, np.uint8))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "a.tif")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
