"""An example to copy when writing a module: it writes its parameters to its output."""

from __future__ import annotations

from argschema.fields import Str

from renderapps.module import RenderModule, RenderParameters
from renderapps.module.fields import parameter


class TemplateParameters(RenderParameters):
    """Parameters of the template."""

    example = parameter(Str, "a value to write to the output")
    default_val = parameter(Str, "a value that has a default", default="a default value")


class Template(RenderModule):
    """Write the parameters, as they are after defaults have been filled in, to the output JSON."""

    default_schema = TemplateParameters

    def run(self) -> None:
        """Log the parameters and write them."""
        self.logger.info("parameters: %s", self.args)
        self.output({"args": self.args})


if __name__ == "__main__":
    Template.main()
