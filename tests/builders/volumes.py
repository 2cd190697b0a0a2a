"""Volumes written without a stack, and what their levels must be, computed with numpy."""

from __future__ import annotations

import numpy as np

from renderapps.materialize.place import Place
from renderapps.materialize.volume_job import box_end, boxes


def level_of(pixels, level, factors=(1, 2, 2)):
    """A level of (..., z, y, x) pixels: means of full scale, of what is there, halves up."""
    sums, counts = pixels.astype(np.int64), np.ones(pixels.shape[-3:], np.int64)
    for axis, factor in zip((-3, -2, -1), factors, strict=True):
        starts = np.arange(0, pixels.shape[axis], factor**level)
        sums = np.add.reduceat(sums, starts, axis)
        counts = np.add.reduceat(counts, starts, axis)
    return ((2 * sums + counts) // (2 * counts)).astype(pixels.dtype)


def write_volume(form, layout, pixels, folder):
    """Write (c, z, y, x) pixels as a format does it: cell by cell, then the documents."""
    layout = form.prepared(layout)
    for level in range(layout.level_count):
        reduced = level_of(pixels, level, layout.factors)
        shape, cell = layout.level_shape(level), form.cell(layout, level)
        for channel in range(layout.channel_count):
            for start in boxes(shape, cell):
                stop = box_end(start, cell, shape)
                cut = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
                block = np.ascontiguousarray(reduced[channel][cut])
                form.write(folder, layout, level, channel, start, block)
    for key, data in form.documents(layout):
        Place.of(str(folder)).write(key, data)
    return layout
