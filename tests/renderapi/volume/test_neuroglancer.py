"""What neuroglancer is told to show."""

import pytest

from renderapi.volume.layout import VolumeLayout
from renderapi.volume.neuroglancer import shader, viewer_state
from renderapi.volume.ome_metadata import omero
from renderapi.volume.precomputed import info_document


def state_of(**options):
    layout = VolumeLayout(
        (3, 700, 2000), chunk=(1, 512, 512), shard=(1, 512, 512), sharded=False, encoding="raw",
        voxel_nm=(40.0, 4.0, 4.0), origin_nm=(200.0, 4.0 * -8, 4.0 * 16), **options,
    )  # fmt: skip
    return viewer_state("s", "http://h/v", info_document(layout), omero(layout)["channels"])


def test_the_middle_of_the_volume_is_shown_whole():
    state = state_of(dtype="uint8", levels=3)
    assert state["position"] == [16 + 1000, -8 + 350, 6.5]  # pixel i is shown at [i, i + 1)
    assert state["crossSectionScale"] == 2.0
    assert state["dimensions"]["x"] == [pytest.approx(4e-9), "m"]
    assert state["layers"][0]["source"] == "precomputed://http://h/v"
    assert "normalized(range=[0, 255])" in state["layers"][0]["shader"]


def test_channels_are_added_up_in_their_colours():
    state = state_of(dtype="uint16", channels=("a", "b"), windows=((10.0, 900.0), (0.0, 4000.0)))
    text = state["layers"][0]["shader"]
    assert "channel0(range=[10, 900], channel=0)" in text
    assert "channel1(range=[0, 4000], channel=1)" in text
    assert 'color1 color(default="#FF00FF")' in text
    assert "emitRGB(color0 * channel0() + color1 * channel1())" in text


def test_one_channel_is_grey():
    window = {"start": 0.0, "end": 65535.0}
    assert "range=[0, 65535]" in shader([{"window": window, "color": "FFFFFF"}])
