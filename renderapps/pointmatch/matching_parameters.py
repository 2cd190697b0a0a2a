"""How pairs of tiles are matched: parameters that modules share, and what engines make of them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from argschema.fields import Float, Int, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf, Range

from renderapps.module import parameter
from renderapps.module.fields import OneOrMore

if TYPE_CHECKING:
    from renderapi.matching.candidates import TranslationLimits
    from renderapi.matching.pair_parameters import PairParameters

MODELS = ("translation", "rigid", "similarity", "affine")
FIXED_SIGNIFICANCE = 6.0  # where nothing tells what unrelated pairs reach


class MatchingParameters(DefaultSchema):
    """How pairs are matched. Add to a schema."""

    model = parameter(
        Str,
        "model that the matches of a pair must agree with",
        default="translation",
        aliases=["matchModelType"],
        validate=OneOf(MODELS),
    )
    search_radius = parameter(
        Float,
        "how far tiles may be off their place in the stack, full-scale pixels",
        default=None,
        default_text="a tenth of the shorter side of the tiles",
        validate=Range(min=0, min_inclusive=False),
    )
    local_transforms = parameter(
        Int,
        "number of leading transforms (lens correction) of a tile that its points are stored "
        "after; 0: points are pixels of the stored image",
        default=0,
        validate=Range(min=0),
    )
    method = parameter(
        Str,
        "auto tries the other where the first way fails",
        default="auto",
        validate=OneOf(("auto", "correlation", "features")),
    )
    scale = parameter(
        Float,
        "scale at which tiles are drawn; stored points are at full scale",
        default=1.0,
        aliases=["renderScale"],
        validate=Range(min=0, max=1, min_inclusive=False),
    )
    feature_scales = parameter(
        OneOrMore,
        "scales of the drawn tiles at which features are looked for, rising; a pair stops at the "
        "first whose matches are accepted. One alone may be given as a number",
        Float(validate=Range(min=0, max=1, min_inclusive=False)),
        default=[0.5, 1.0],
        validate=Length(min=1),
        aliases=["feature_scale"],
    )
    max_distortion = parameter(
        Float,
        "most that the model of a pair may turn, scale or shear a tile against its place in the "
        "stack, as the largest change of an entry of the 2 x 2 matrix: 0.2 allows 11 degrees, 0.71 "
        "allows 45; points still lie within twice the search radius of their place",
        default=0.2,
        validate=Range(min=0, min_inclusive=False),
    )
    channel = parameter(Str, "channel to match", default=None, default_text="the first")
    min_significance = parameter(
        Float,
        "how far the correlation of an overlap must stand out from that of other shifts, in their "
        "standard deviations",
        default=None,
        default_text="what unrelated pairs, made out of the tiles by turning one round, reach once "
        "in 10,000; there also a high correlation will do",
        validate=Range(min=0, min_inclusive=False),
    )
    min_correlation = parameter(
        Float, "least correlation of an overlap", default=0.15, validate=Range(min=0, max=1)
    )
    min_inliers = parameter(
        Int,
        "least number of features that agree with the model",
        default=12,
        aliases=["matchMinNumInliers"],
        validate=Range(min=1),
    )
    max_epsilon = parameter(
        Float,
        "distance from the model up to which a match agrees with it, full-scale pixels",
        default=5.0,
        aliases=["matchMaxEpsilonFullScale"],
        validate=Range(min=0, min_inclusive=False),
    )
    max_trust = parameter(
        Float,
        "matches beyond this multiple of the median residual are dropped",
        default=4.0,
        aliases=["matchMaxTrust"],
        validate=Range(min=1),
    )
    min_coverage = parameter(
        Float,
        "least percentage of the overlap that matches must cover",
        default=20.0,
        aliases=["matchMinCoveragePercentage"],
        validate=Range(min=0, max=100),
    )
    coverage_radius = parameter(
        Float,
        "a match covers the overlap this far around, full-scale pixels",
        default=None,
        default_text="a tenth of the longer side of a tile",
        aliases=["matchFullScaleCoverageRadius"],
        validate=Range(min=0, min_inclusive=False),
    )
    seed = parameter(Int, "seed of the random numbers of RANSAC", default=0)

    @validates_schema
    def model_has_points(self, data: dict[str, Any], **_: Any) -> None:
        """Fewer inliers than the model needs would prove nothing."""
        least = 1 + {"translation": 1, "affine": 3}.get(data["model"], 2)
        if data["min_inliers"] < least:
            raise ValidationError(f"at least {least} for model {data['model']}", "min_inliers")

    @validates_schema
    def scales_rise(self, data: dict[str, Any], **_: Any) -> None:
        """Cheap first; a scale tried again would give the same."""
        scales = data.get("feature_scales") or []
        if any(after <= before for before, after in pairwise(scales)):
            raise ValidationError("must rise", "feature_scales")


def pair_parameters(args: dict[str, Any], limits: TranslationLimits) -> PairParameters:
    """The engine's parameters, in pixels of the drawn tiles."""
    from renderapi.matching.features import FeatureParameters
    from renderapi.matching.models import Model
    from renderapi.matching.pair_parameters import PairParameters
    from renderapi.matching.ransac import RansacParameters

    scale, radius = args["scale"], args["coverage_radius"]
    return PairParameters(
        model=Model(args["model"]),
        translation=limits,
        block_consensus=RansacParameters(
            max_epsilon=args["max_epsilon"] * scale,
            min_inliers=6,
            max_trust=args["max_trust"],
            trust_floor=0.5,
            seed=args["seed"],
        ),
        features=FeatureParameters(scale=args["feature_scales"][0]),
        feature_scales=tuple(args["feature_scales"]),
        max_distortion=args["max_distortion"],
        feature_consensus=RansacParameters(
            max_epsilon=args["max_epsilon"] * scale,
            min_inliers=args["min_inliers"],
            min_inlier_ratio=0.1,
            max_trust=args["max_trust"],
            seed=args["seed"],
        ),
        coverage_radius=None if radius is None else radius * scale,
        min_coverage=args["min_coverage"],
        use_correlation=args["method"] != "features",
        use_features=args["method"] != "correlation",
    )


def translation_limits(args: dict[str, Any], chance: dict[Any, Any]) -> TranslationLimits:
    """What a shift must reach to be believed; `chance` says what unrelated pairs reach."""
    from renderapi.matching.candidates import TranslationLimits

    given = args["min_significance"]
    significance = FIXED_SIGNIFICANCE if given is None else given
    return TranslationLimits(significance, args["min_correlation"], chance=chance)


def clear_limits(args: dict[str, Any]) -> TranslationLimits:
    """What a shift must reach to be believed at first sight, whatever unrelated pairs reach."""
    from renderapi.matching.candidates import TranslationLimits
    from renderapi.matching.chance import CERTAIN

    significance = max(CERTAIN, args["min_significance"] or 0.0)
    return TranslationLimits(significance, args["min_correlation"], bands=1)
