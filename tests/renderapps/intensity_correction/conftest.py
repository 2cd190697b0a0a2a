"""Stacks of small images for the modules that correct images, and how these are run."""

import numpy as np
import pytest
import tifffile
from layered_stacks import run
from stored_stacks import store

import renderapi
from renderapi.channel import Channel
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url, url_to_path


class Images:
    """A folder of images, and the stacks that show them."""

    def __init__(self, render, folder):
        self.render, self.folder = render, folder
        self.out = folder / "out"

    def write(self, name, pixels):
        path = self.folder / name
        tifffile.imwrite(path, pixels)
        return path

    def tile(self, name, pixels, z=0.0, x=0.0, mask=None, channels=None, first=0):
        """A tile of an image; `channels`: name -> pixels; `first`: its lowest level."""
        url = path_to_url(self.write(f"{name}.tif", pixels))
        levels = {str(first): MipMap(url, mask), str(first + 1): MipMap("file:///stale.tif")}
        found = [
            Channel(c, 0, 9000, ImagePyramid({"0": self.channel(name, c, p, url)}))
            for c, p in (channels or {}).items()
        ]
        return TileSpec(
            tileId=name,
            z=z,
            width=pixels.shape[1] << first,
            height=pixels.shape[0] << first,
            minint=0,
            maxint=9000,
            tforms=[AffineModel(B0=x, labels=["place"])],
            imagePyramid=ImagePyramid(levels),
            channels=found or None,
        )

    def channel(self, name, channel, pixels, own):
        if pixels is None:  # it is the image of the tile
            return MipMap(own)
        return MipMap(path_to_url(self.write(f"{name}_{channel}.tif", pixels)))

    def stack(self, name, tiles):
        store(self.render, name, tiles)

    def run(self, cls, **parameters):
        """Run a module by its command line: (status, report)."""
        return run(cls, self.render, **{"output_directory": str(self.out)} | parameters)

    def tile_of(self, stack, name):
        return renderapi.tilespec.get_tile_spec_raw(stack, name, render=self.render)

    def shown(self, stack, name, channel=None):
        """(file name, pixels) of what a tile or its channel shows."""
        tile = self.tile_of(stack, name)
        pyramid = tile.ip
        if channel is not None:
            (pyramid,) = [c.ip for c in tile.channels if c.name == channel]
        (level,) = pyramid.levels
        path = url_to_path(pyramid[level].imageUrl)
        return path.name, tifffile.imread(path)

    def shown_raw(self, stack, name):
        """Pixels of level 0 of a tile."""
        return tifffile.imread(url_to_path(self.tile_of(stack, name).imageUrl))


@pytest.fixture
def images(render, tmp_path):
    return Images(render, tmp_path)


@pytest.fixture
def textured():
    """Function (seed, shape) -> smooth structure, 16 bit."""
    from scipy.ndimage import gaussian_filter

    def make(seed, shape=(60, 80)):
        rng = np.random.default_rng(seed)
        field = gaussian_filter(rng.normal(size=shape), 3)
        return np.rint(2000 + 300 * field / field.std()).astype(np.uint16)

    return make
