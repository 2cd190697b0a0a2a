"""BigFeta's and em_stitch's own tests pass what they pass with the published client.

They take minutes and fetch packages, so they are run where RENDER_OTHER_PACKAGES is set.
"""

from __future__ import annotations

import os
import subprocess

import pytest
from black_box_suites import CannotRun, Suite, environment, fetched, outcome

_COMMON = ("marshmallow<3.0", "argschema<2.0", "numpy", "scipy", "shapely", "matplotlib")
BIGFETA = Suite(
    "BigFeta==1.1.4",
    (*_COMMON, "pymongo==3.11.1", "h5py", "mpl_scatter_density", "descartes", "pathos"),
)
EM_STITCH = Suite(
    "em_stitch==0.3.4",
    (*BIGFETA.needs, "opencv-python-headless", "scikit-image"),
    also=("BigFeta==1.1.4",),
)

pytestmark = [
    pytest.mark.skipif(
        not os.environ.get("RENDER_OTHER_PACKAGES"),
        reason="takes minutes and fetches packages: set RENDER_OTHER_PACKAGES=1",
    ),
    pytest.mark.timeout(3600),
]


@pytest.mark.parametrize("suite", [BIGFETA, EM_STITCH], ids=lambda suite: suite.requirement)
def test_what_passes_with_the_published_client_passes_with_this_one(suite, served, tmp_path):
    try:
        sources = [fetched(name, tmp_path / name) for name in (suite.requirement, *suite.also)]
        pythons = {
            published: environment(suite, sources, tmp_path / f"environment_{published}", published)
            for published in (True, False)
        }
    except CannotRun as why:
        pytest.skip(str(why))
    assert client_of(pythons[True]) != client_of(pythons[False])
    before, report = outcome(pythons[True], sources[0], served, tmp_path / "before")
    if not before:
        pytest.skip(f"nothing of it passes with the published client either: {report[-300:]}")
    now, report = outcome(pythons[False], sources[0], served, tmp_path / "now")
    assert before <= now, f"lost: {sorted(before - now)}\n{report}"


def client_of(python):
    """Where an environment's `renderapi` is."""
    command = [python, "-c", "import renderapi; print(renderapi.__file__)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
