"""Masks of pieces: they cover the image once and follow the border."""

import numpy as np

from renderapps.wrinkle_detection.piece_masks import labels_at, piece_map, piece_mask
from renderapps.wrinkle_detection.pieces import NONE

WIDTH, HEIGHT = 400, 300


def test_masks_cover_the_image_once_and_follow_the_border():
    points = np.random.default_rng(0).uniform((0, 0), (WIDTH, HEIGHT), (600, 2))
    labels = np.where(points[:, 0] < 250, 0, 1)
    labels[5] = NONE
    pieces = piece_map(points, labels, WIDTH, HEIGHT, 0.01)
    masks = [piece_mask(pieces, k, WIDTH, HEIGHT) for k in (0, 1)]
    assert masks[0].shape == (HEIGHT, WIDTH) and masks[0].dtype == np.uint8
    assert (masks[0].astype(int) + masks[1] == 255).all()
    border = (masks[0] == 255).sum(axis=1)
    assert abs(np.median(border) - 250) < 10 and border.min() > 215 and border.max() < 285
    at = np.array([[10.0, 10], [399.9, 299.9], [230, 150], [400, 300]])
    assert labels_at(pieces, at, WIDTH, HEIGHT).tolist() == [0, 1, 0, 1]
