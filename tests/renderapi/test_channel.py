"""Channels of a tile."""

from __future__ import annotations

import pytest

from renderapi.channel import Channel
from renderapi.errors import RenderError
from renderapi.image_pyramid import ImagePyramid, MipMap

JSON = {
    "name": "DAPI",
    "minIntensity": 1,
    "maxIntensity": 2.5,
    "mipmapLevels": {"0": {"imageUrl": "i", "maskUrl": "m"}},
}


def test_json_comes_back():
    assert Channel(json=JSON).to_dict() == JSON


def test_order_of_arguments():
    channel = Channel("DAPI", 2.5, 1, ImagePyramid({0: MipMap("i", "m")}))
    assert channel.to_dict() == JSON


def test_only_the_display_range_may_be_missing():
    assert Channel(ip=ImagePyramid()).to_dict() == {"name": None, "mipmapLevels": {}}
    with pytest.raises(RenderError, match="no image pyramid"):
        Channel("c").to_dict()
    for key in JSON:
        with pytest.raises(KeyError):
            Channel(json={k: v for k, v in JSON.items() if k != key})
