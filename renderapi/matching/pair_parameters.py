"""How a pair of tiles is matched, and what it must reach."""

from __future__ import annotations

from dataclasses import dataclass, field

from renderapi.matching.blocks import BlockParameters
from renderapi.matching.candidates import TranslationLimits
from renderapi.matching.features import FeatureParameters
from renderapi.matching.models import Model
from renderapi.matching.ransac import RansacParameters

LAYER_BLOCKS = BlockParameters(size=48, spacing=32, correlation=0.2, second=0.9, sigma=6.0, level=1)
"""Blocks of different sections agree in the coarse only."""


@dataclass(frozen=True, slots=True)
class PairParameters:
    """How a pair is matched and what it must reach.

    Attributes
    ----------
    model : Model
        That the matches of a pair must agree with.
    search_radius : float
        Pixels within which the tiles may be off their expected place.
    translation : TranslationLimits
        For the correlation of the whole overlap.
    blocks, layer_blocks : BlockParameters
        For tiles of one layer and of different ones.
    block_consensus, feature_consensus : RansacParameters
    features : FeatureParameters
    feature_scales : tuple of float
        Scales at which features are looked for, one after the other until the matches of one are
        accepted; that of `features` alone where there is none.
    feature_ratio : float
        Nearest to second nearest descriptor (rod).
    coverage_radius : float, optional
        A match covers the overlap this far around; a tenth of the longer side of p by default.
    min_coverage : float
        Least percentage of the overlap that must be covered.
    max_distortion : float
        Most that the model may stretch or turn one tile against the prior (entries of the linear
        part).
    use_correlation, use_features : bool
        Which ways are open.
    coarse : bool
        Tiles of one layer are matched by their coarse content alone (see `coarse_pairs.py`).
    """

    model: Model = field(default_factory=lambda: Model("translation"))
    search_radius: float = 50.0
    translation: TranslationLimits = field(default_factory=TranslationLimits)
    blocks: BlockParameters = field(default_factory=BlockParameters)
    layer_blocks: BlockParameters = LAYER_BLOCKS
    block_consensus: RansacParameters = field(
        default_factory=lambda: RansacParameters(
            max_epsilon=3.0, min_inliers=6, max_trust=4.0, trust_floor=0.5
        )
    )
    features: FeatureParameters = field(default_factory=FeatureParameters)
    feature_scales: tuple[float, ...] = ()
    feature_consensus: RansacParameters = field(
        default_factory=lambda: RansacParameters(
            max_epsilon=5.0, min_inliers=12, min_inlier_ratio=0.1
        )
    )
    feature_ratio: float = 0.85
    coverage_radius: float | None = None
    min_coverage: float = 20.0
    max_distortion: float = 0.2
    use_correlation: bool = True
    use_features: bool = True
    coarse: bool = False
