"""Modules of the theme alignment that work across z: a stack `whole`, one tile a section."""

from pathlib import Path

import numpy as np
from section_series import put_sections, tissue

SHIFTS = (0, 3)


def files(lab):
    """Stack `whole`: two sections of one piece of tissue, shifted by a few pixels."""
    series = tissue(2, (110, 120), seed=5, z_sigma=2.0)
    pictures = [np.roll(picture, k, axis=1) for picture, k in zip(series, SHIFTS, strict=True)]
    put_sections(lab.render, "whole", pictures, Path(lab.path("whole_sections")))


def parameters(lab, at):
    return {
        "alignment.match_sections_rough": {
            "input_stack": "whole",
            "matchCollection": "made",
            "ways": ["features"],
        },
        "alignment.align_sections_fine": {
            "input_stack": "whole",
            "output_stack": "made",
            "block_size": 32,
            "spacing": 16,
        },
    }
