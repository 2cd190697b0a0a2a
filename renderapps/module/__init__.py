"""What modules are made of: parameters, base classes, a parallel map."""

from renderapps.module.errors import ParameterError, RenderModuleException
from renderapps.module.examples import example_path
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
    OutputStackParameters,
    StackEditModule,
    StackEditParameters,
)
from renderapps.module.stack_target import StackTarget

__all__ = [
    "OutputStackParameters",
    "ParallelParameters",
    "ParameterError",
    "RenderClientParameters",
    "RenderModule",
    "RenderModuleException",
    "RenderParameters",
    "SectionModule",
    "SectionParameters",
    "StackEditModule",
    "StackEditParameters",
    "StackTarget",
    "TaskFailure",
    "ZParameters",
    "example_path",
    "map_tasks",
]
