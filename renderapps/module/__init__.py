"""What modules are made of: parameters, base classes, a parallel map, the life of an output.

Each name is loaded when it is first used, so that listing the modules loads none of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from renderapps.module.errors import ParameterError, RenderModuleException
    from renderapps.module.examples import example_path
    from renderapps.module.fields import parameter
    from renderapps.module.output_parameters import OutputStackParameters
    from renderapps.module.output_stack import OutputStack, written
    from renderapps.module.parallel import map_tasks
    from renderapps.module.render_module import (
        ParallelParameters,
        RenderClientParameters,
        RenderModule,
        RenderParameters,
        ZParameters,
    )
    from renderapps.module.section_module import SectionModule, SectionParameters
    from renderapps.module.stack_edit import (
        InPlaceEditParameters,
        ManyStacksModule,
        StackEditModule,
        StackEditParameters,
        TileEditParameters,
    )
    from renderapps.module.tasks import TaskFailure
    from renderapps.module.tile_documents import Section

__all__ = [
    "InPlaceEditParameters",
    "ManyStacksModule",
    "OutputStack",
    "OutputStackParameters",
    "ParallelParameters",
    "ParameterError",
    "RenderClientParameters",
    "RenderModule",
    "RenderModuleException",
    "RenderParameters",
    "Section",
    "SectionModule",
    "SectionParameters",
    "StackEditModule",
    "StackEditParameters",
    "TaskFailure",
    "TileEditParameters",
    "ZParameters",
    "example_path",
    "map_tasks",
    "parameter",
    "written",
]

_WHERE = {
    "InPlaceEditParameters": "stack_edit",
    "ManyStacksModule": "stack_edit",
    "OutputStack": "output_stack",
    "OutputStackParameters": "output_parameters",
    "ParallelParameters": "render_module",
    "ParameterError": "errors",
    "RenderClientParameters": "render_module",
    "RenderModule": "render_module",
    "RenderModuleException": "errors",
    "RenderParameters": "render_module",
    "Section": "tile_documents",
    "SectionModule": "section_module",
    "SectionParameters": "section_module",
    "StackEditModule": "stack_edit",
    "StackEditParameters": "stack_edit",
    "TaskFailure": "tasks",
    "TileEditParameters": "stack_edit",
    "ZParameters": "render_module",
    "example_path": "examples",
    "map_tasks": "parallel",
    "parameter": "fields",
    "written": "output_stack",
}


def __getattr__(name: str) -> Any:
    """A name of this package, from the file it is in."""
    if name in _WHERE:
        return getattr(importlib.import_module(f"renderapps.module.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
