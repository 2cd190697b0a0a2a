"""Modules of the theme intensity_correction in the laboratory: a flat-field stack and a PSF."""

from __future__ import annotations

import numpy as np
import tifffile

from renderapps.intensity_correction.make_median import MakeMedian


def files(lab):
    """`psf.tif`, and the stack `flat` with its images below `flat`."""
    x = np.arange(-3, 4)
    line = np.exp(-(x**2) / 2.0)
    tifffile.imwrite(lab.root / "psf.tif", np.outer(line, line).astype(np.float32))
    given = {"render": lab.connection} | _median(lab.path("flat")) | {"output_stack": "flat"}
    MakeMedian(input_data=given, args=["--log_level", "ERROR"]).run()


def _median(folder):
    return {
        "input_stack": "acquired",
        "output_stack": "made",
        "output_directory": folder,
        "minZ": 0,
        "maxZ": 1,
    }


def parameters(lab, at):
    section = {"input_stack": "acquired", "output_stack": "made", "zs": [1]}
    section |= {"output_directory": at("corrected")}
    sharp = {"psf_file": lab.path("psf.tif"), "num_iter": 2, "bgrd_size": 5}
    return {
        "intensity_correction.apply_deconv_zoned": section | sharp | {"zone_size": 64},
        "intensity_correction.apply_deconvolution": section | sharp,
        "intensity_correction.apply_deconvolution_multi": section | {"deconv_settings": [sharp]},
        "intensity_correction.balance_intensities": {
            "input_stack": "acquired",
            "output_stack": "made",
            "output_directory": at("balanced"),
        },
        "intensity_correction.estimate_shading": _median(at("shading")),
        "intensity_correction.make_median": _median(at("medians")),
        "intensity_correction.multIntensityCorr": section | {"correction_stack": "flat"},
    }
