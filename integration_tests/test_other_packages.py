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
    (*BIGFETA.needs, "opencv-python-headless", "scikit-image", "triangle"),
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
def test_what_passes_with_the_published_client_passes_with_this_one(
    suite, served, tmp_path, capsys
):
    try:
        sources = [fetched(name, tmp_path / name) for name in (suite.requirement, *suite.also)]
        pythons = {
            published: environment(suite, sources, tmp_path / f"environment_{published}", published)
            for published in (True, False)
        }
    except CannotRun as why:
        pytest.skip(str(why))
    assert client_of(pythons[True]) != client_of(pythons[False])
    try:
        before = outcome(pythons[True], sources[0], served, tmp_path / "before")
        now = outcome(pythons[False], sources[0], served, tmp_path / "now")
    except CannotRun as why:
        pytest.skip(str(why))
    if not before.passed:
        pytest.skip(f"nothing passes with the published client either: {before.report[-300:]}")
    with capsys.disabled():
        print(f"\n{suite.requirement}: {summary('the published client', before)}")
        print(f"{suite.requirement}: {summary('this one', now)}")
        for line in now.others:
            print(f"  {line}")
    lost = sorted(before.passed - now.passed)
    assert not lost, f"lost: {lost}\n{now.report}"


def summary(client, found):
    """How many tests pass with a client, and how many do not, are skipped or cannot start."""
    return f"{len(found.passed)} pass with {client}, {len(found.others)} do not or were not run"


def client_of(python):
    """Where an environment's `renderapi` is."""
    command = [python, "-P", "-c", "import renderapi; print(renderapi.__file__)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
