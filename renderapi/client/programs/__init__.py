"""The Java command line clients in Python, one file each.

A program is a module with `OPTIONS`, `POSITIONAL` ("none", "any" or "some") and `run(options)`.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from renderapi.errors import ClientScriptError

_CLIENT = "org.janelia.render.client."

PROGRAMS = {
    f"{_CLIENT}BoxClient": "boxes",
    f"{_CLIENT}CoordinateClient": "coordinates",
    f"{_CLIENT}CopyMatchClient": "copy_matches",
    f"{_CLIENT}CopyStackClient": "copy_stack",
    f"{_CLIENT}ImportJsonClient": "import_json",
    f"{_CLIENT}ImportMatchClient": "import_matches",
    f"{_CLIENT}ImportTransformChangesClient": "import_transform_changes",
    f"{_CLIENT}MipmapClient": "mipmaps",
    f"{_CLIENT}PointMatchClient": "point_matches",
    f"{_CLIENT}RenderSectionClient": "render_sections",
    f"{_CLIENT}RenderTilesClient": "render_tiles",
    f"{_CLIENT}StackClient": "stacks",
    f"{_CLIENT}TilePairClient": "tile_pairs",
    f"{_CLIENT}TransformSectionClient": "transform_sections",
    f"{_CLIENT}UpdateMatchCountsClient": "update_match_counts",
    f"{_CLIENT}ValidateTilesClient": "validate_tiles",
    f"{_CLIENT}spark.SIFTPointMatchClient": "sift_point_matches",
    f"{_CLIENT}spark.ScapeClient": "scapes",
    f"{_CLIENT}spark.betterbox.BoxClient": "boxes",
    "org.janelia.alignment.ArgbRenderer": "render_image",
    "org.janelia.alignment.Render": "render_image",
}


def program(class_name: str) -> ModuleType:
    """Module of the program that stands for a Java class; ClientScriptError if there is none."""
    known = {**{name.rpartition(".")[2]: file for name, file in PROGRAMS.items()}, **PROGRAMS}
    if class_name not in known:
        raise ClientScriptError(
            f"no program for {class_name}; there are {', '.join(sorted(PROGRAMS))}"
        )
    return importlib.import_module(f"renderapi.client.programs.{known[class_name]}")


def run_program(class_name: str, arguments: Sequence[str], session: Any = None) -> None:
    """Run the program that stands for a Java class.

    Parameters
    ----------
    class_name : str
        Full name of the class, or the part after its last dot.
    arguments : sequence of str
        As on the command line.
    session : requests.Session, optional
        To reach the service with; a new one by default.

    Raises
    ------
    RenderError, OSError
        The operation failed.
    """
    from renderapi.client.programs.options import read_options
    from renderapi.session import new_session

    module = program(class_name)
    options = read_options(module.OPTIONS, arguments, module.POSITIONAL)
    if session is not None:
        options.session = session
        module.run(options)
        return
    with new_session() as own:
        options.session = own
        module.run(options)
