"""Image filters by their class names, and the lists that a service knows by name."""

from __future__ import annotations

from typing import Any

PREFIX = "org.janelia.alignment.filter."


def _spec(name: str, **parameters: str) -> dict[str, Any]:
    return {"className": PREFIX + name, "parameters": parameters}


DEFAULT_FILTERS: tuple[dict[str, Any], ...] = (
    _spec("ValueToNoise", value="0", min="64", max="191"),
    _spec("ValueToNoise", value="255", min="64", max="191"),
    _spec(
        "NormalizeLocalContrast",
        blockRadiusX="500",
        blockRadiusY="500",
        meanFactor="3",
        center="true",
        stretch="true",
    ),
)
NAMED_FILTERS: dict[str, tuple[dict[str, Any], ...]] = {
    "default": DEFAULT_FILTERS,
    "simpleTest": (_spec("CLAHE", fast="true", blockRadius="500", bins="256", slope="2.5"),),
}
