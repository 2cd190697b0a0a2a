"""Groups of command line options as objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from renderapi.errors import ClientScriptError


class ArgumentParameters:
    """Options of a client: every attribute that is not None, in the order they were set."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    @staticmethod
    def sanitize_cmd(cmd: Iterable[Any]) -> Iterator[str]:
        """Arguments as texts, booleans as true and false."""
        return map(_text, cmd)

    @staticmethod
    def get_cmd_opt(v: Any, flag: str | None = None) -> list[Any]:
        """The option and its value; nothing where the value is None."""
        return [] if v is None else [v] if flag is None else [flag, v]

    @staticmethod
    def get_flag_cmd(v: Any, flag: str | None = None) -> list[Any]:
        """The option by itself where the value is true."""
        return [flag] if v and flag is not None else []

    def to_java_args(self) -> list[str]:
        """The arguments of a command line: `--name value` of what is set."""
        words: list[Any] = []
        for name, value in vars(self).items():
            words += self.get_cmd_opt(value, f"--{name}")
        return list(self.sanitize_cmd(words))


def _text(value: Any) -> str:
    if value is None:
        raise ClientScriptError("None cannot be an argument of a client")
    return str(value).lower() if isinstance(value, bool) else str(value)


class FeatureExtractionParameters(ArgumentParameters):
    """Which SIFT features are looked for."""

    def __init__(
        self,
        SIFTfdSize: int | None = None,
        SIFTmaxScale: float | None = None,
        SIFTminScale: float | None = None,
        SIFTsteps: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.SIFTfdSize = SIFTfdSize
        self.SIFTmaxScale = SIFTmaxScale
        self.SIFTminScale = SIFTminScale
        self.SIFTsteps = SIFTsteps


class MatchDerivationParameters(ArgumentParameters):
    """How features are matched and which matches are kept."""

    def __init__(
        self,
        matchIterations: int | None = None,
        matchMaxEpsilon: float | None = None,
        matchMaxNumInliers: int | None = None,
        matchMaxTrust: float | None = None,
        matchMinInlierRatio: float | None = None,
        matchMinNumInliers: int | None = None,
        matchModelType: str | None = None,
        matchRod: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.matchIterations = matchIterations
        self.matchMaxEpsilon = matchMaxEpsilon
        self.matchMaxNumInliers = matchMaxNumInliers
        self.matchMaxTrust = matchMaxTrust
        self.matchMinInlierRatio = matchMinInlierRatio
        self.matchMinNumInliers = matchMinNumInliers
        self.matchModelType = matchModelType
        self.matchRod = matchRod


class SiftPointMatchOptions(MatchDerivationParameters, FeatureExtractionParameters):
    """All options of the point match client."""

    def __init__(
        self, renderScale: float | None = None, fillWithNoise: bool | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.renderScale = renderScale
        self.fillWithNoise = fillWithNoise
