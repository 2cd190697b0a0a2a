"""SWC files (traced neurons) of one stack mapped to another.

A line is `id type x y z radius parent`, coordinates in nm; lines that begin with # are comments.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from renderapi.client.programs.derived_stacks import resolutions
from renderapi.client.programs.point_mapping import mapped_points
from renderapi.client.programs.service import StackService
from renderapi.errors import ClientScriptError
from renderapi.files import atomic_write

FAILED = "-999 -999 -999"

log = logging.getLogger(__name__)


def map_folder(source: StackService, target: StackService, folder: Path, output: Path) -> None:
    """Map every .swc file of a folder into a file of the same name in another."""
    if not folder.is_dir():
        raise ClientScriptError(f"{folder} is not a folder")
    from_nm, to_nm = _nm_per_pixel(source), _nm_per_pixel(target)
    zs = np.array(source.z_values())
    if not len(zs):
        raise ClientScriptError(f"{source} has no tiles")
    for path in sorted(folder.glob("*.swc")):
        lines = path.read_text(encoding="utf-8").splitlines()
        mapped = _map_lines(lines, source, target, from_nm, to_nm, str(path))
        atomic_write(output / path.name, "\n".join(mapped) + "\n")
        log.info("%s: %d lines", path.name, len(mapped))


def _nm_per_pixel(stack: StackService) -> np.ndarray:
    values = resolutions(stack.metadata().get("currentVersion") or {})
    if values is None or min(values) <= 0:
        raise ClientScriptError(f"{stack} needs resolutions to map SWC files")
    return np.array(values)


def _map_lines(
    lines: list[str],
    source: StackService,
    target: StackService,
    from_nm: np.ndarray,
    to_nm: np.ndarray,
    where: str,
) -> list[str]:
    """Lines with x, y and z replaced; the source z is rounded to a whole layer."""
    nodes = {row: line.split() for row, line in enumerate(lines) if _is_node(line)}
    try:
        places = np.array([words[2:5] for words in nodes.values()], float).reshape(-1, 3) / from_nm
    except ValueError as error:
        raise ClientScriptError(f"{where} is not an SWC file: {error}") from error
    places[:, 2] = np.rint(places[:, 2])
    mapped = list(lines)
    found = mapped_points(source, target, places.tolist())
    for (row, words), world in zip(nodes.items(), found, strict=True):
        text = FAILED
        if world is not None:
            text = " ".join(f"{value:.10g}" for value in (np.array(world) * to_nm).tolist())
        mapped[row] = " ".join([*words[:2], text, *words[5:]])
    return mapped


def _is_node(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
