"""What modules are made of: parameters, base classes, a parallel map, the life of an output."""

from renderapps.module.errors import ParameterError, RenderModuleException
from renderapps.module.examples import example_path
from renderapps.module.fields import parameter
from renderapps.module.output_parameters import OutputStackParameters
from renderapps.module.output_stack import OutputStack, written
from renderapps.module.parallel import TaskFailure, map_tasks
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
