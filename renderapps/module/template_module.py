"""An example to copy when writing a module: it writes its parameters to its output."""

from __future__ import annotations

from argschema.fields import Str

from renderapps.module import RenderModule, RenderParameters


class TemplateParameters(RenderParameters):
    """Parameters of the template."""

    example = Str(required=True, metadata={"description": "a value to write to the output"})
    default_val = Str(
        load_default="a default value",
        metadata={"description": "a value that has a default"},
    )


class Template(RenderModule):
    """Write the parameters, as they are after defaults have been filled in, to the output JSON."""

    default_schema = TemplateParameters

    def run(self) -> None:
        """Log the parameters and write them."""
        self.logger.info("parameters: %s", self.args)
        self.output({"args": self.args})


if __name__ == "__main__":
    Template.main()
