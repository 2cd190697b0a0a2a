"""What a module raises on purpose.

RenderError                     (renderapi.errors)
 +- RenderModuleException       the module cannot do what it was asked

marshmallow.ValidationError
 +- ParameterError              parameters that are missing, unknown or wrong, one line for each
"""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from renderapi.errors import RenderError


class RenderModuleException(RenderError):
    """The module cannot do what it was asked: which stack, section or file, what to do."""


class ParameterError(ValidationError):
    """Parameters that are missing, unknown or wrong.

    Attributes
    ----------
    problems : list of str
        One line for each problem.
    messages : dict
        The same as marshmallow nests them, by parameter; problems of the command line itself are
        under `_schema`.
    """

    def __init__(self, problems: list[str], messages: dict[str, Any] | None = None) -> None:
        super().__init__(messages or {"_schema": problems})
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)
