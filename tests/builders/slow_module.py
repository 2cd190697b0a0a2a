"""A module for the tests of runs that are watched: it counts sections, as slowly as it is told."""

from __future__ import annotations

import time
from pathlib import Path

from argschema.fields import Float, Str

from renderapps.module import RenderModuleException, SectionModule, SectionParameters, parameter


class SlowCountParameters(SectionParameters):
    """Parameters of the module."""

    input_stack = parameter(Str, "stack whose sections are counted")
    seconds = parameter(Float, "how long a section takes", default=0.0)
    until = parameter(Str, "file that ends these seconds when it is there", default=None)
    bad_z = parameter(Float, "section that fails", default=None)
    token = parameter(Str, "a secret that the module logs", default=None)


class SlowCount(SectionModule):
    """Counts sections, one by one, in this process."""

    default_schema = SlowCountParameters

    def process_section(self, z):
        """Wait, and log the secret."""
        self.logger.info("section %g with %s", z, self.args["token"])
        end = time.monotonic() + self.args["seconds"]
        while time.monotonic() < end and not self._may_go_on():
            time.sleep(0.05)
        if z == self.args["bad_z"]:
            raise RenderModuleException(f"section {z:g} is bad, said {self.args['token']}")
        return {}

    def _may_go_on(self):
        return self.args["until"] is not None and Path(self.args["until"]).exists()


if __name__ == "__main__":
    SlowCount.main()
