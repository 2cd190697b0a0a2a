"""Pairs of sections as if they had been compared: blocks that moved by a shift."""

import numpy as np

from renderapi.matching.block_flow import Flow
from renderapps.alignment.fine_pairs import PairFlow

SIDE, STEP = 6, 10.0


def flow(shift=(0.0, 0.0), found=SIDE * SIDE, correlation=0.5):
    """A pair whose blocks moved by a shift; only the first so many were found."""
    axis = np.arange(SIDE) * STEP
    known = (np.arange(SIDE * SIDE) < found).reshape(SIDE, SIDE)
    shifts = np.where(known[..., None], np.asarray(shift, float), np.nan)
    level, tried = np.zeros((SIDE, SIDE), int), np.ones((SIDE, SIDE), bool)
    correlations = np.where(known, correlation, np.nan)
    return PairFlow(
        Flow(axis, axis, shifts, correlations, level, tried, np.nan_to_num(shifts)), 0.25, False
    )
