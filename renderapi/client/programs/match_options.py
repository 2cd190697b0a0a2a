"""Options that the point match clients share."""

from __future__ import annotations

from renderapi.client.programs.options import Option, Options, optional
from renderapi.matching.canvas_matches import (
    FILTERS,
    DerivationParameters,
    SiftParameters,
    model_named,
)

OPTIONS = (
    Option("renderScale", "number", 1.0),
    Option("fillWithNoise", "boolean", True),
    Option("SIFTfdSize", "whole", 8),
    Option("SIFTminScale", "number", 0.5),
    Option("SIFTmaxScale", "number", 0.85),
    Option("SIFTsteps", "whole", 3),
    Option("matchRod", "number", 0.92),
    Option("matchModelType", default="AFFINE"),
    Option("matchRegularizerModelType"),
    Option("matchInterpolatedModelLambda", "number"),
    Option("matchIterations", "whole", 1000),
    Option("matchMaxEpsilon", "number", 20.0),
    Option("matchMaxEpsilonFullScale", "number"),
    Option("matchMinInlierRatio", "number", 0.0),
    Option("matchMinNumInliers", "whole", 4),
    Option("matchMaxNumInliers", "whole"),
    Option("matchMaxTrust", "number", 3.0),
    Option("matchFilter", default="SINGLE_SET", choices=FILTERS),
    Option("matchFullScaleCoverageRadius", "number", 300.0),
    Option("matchMinCoveragePercentage", "number"),
    Option("matchSeed", "whole", 0),
    *optional("whole", "clipWidth", "clipHeight"),
)


def sift_parameters(options: Options) -> SiftParameters:
    """Which features are looked for."""
    return SiftParameters(
        options.SIFTminScale, options.SIFTmaxScale, options.SIFTsteps, options.SIFTfdSize
    )


def derivation_parameters(options: Options) -> DerivationParameters:
    """How matches are derived from features. --matchSeed is an addition to the Java options."""
    return DerivationParameters(
        rod=options.matchRod,
        model=model_named(
            options.matchModelType,
            options.matchRegularizerModelType,
            options.matchInterpolatedModelLambda,
        ),
        iterations=options.matchIterations,
        max_epsilon=options.matchMaxEpsilon,
        max_epsilon_full_scale=options.matchMaxEpsilonFullScale,
        min_inlier_ratio=options.matchMinInlierRatio,
        min_inliers=options.matchMinNumInliers,
        max_inliers=_unless_none(options.matchMaxNumInliers),
        max_trust=options.matchMaxTrust,
        filter=options.matchFilter,
        coverage_radius=options.matchFullScaleCoverageRadius,
        min_coverage=options.matchMinCoveragePercentage,
        seed=options.matchSeed,
    )


def _unless_none(number: int | None) -> int | None:
    """A largest number of matches; below 1 there is none, as in Java."""
    return number if number is not None and number > 0 else None
