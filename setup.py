"""The distribution is described in pyproject.toml; this file puts the examples into it."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

EXAMPLES = Path(__file__).parent / "example_json"


class BuildWithExamples(build_py):
    """Examples lie beside the packages in the source tree, and in `renderapps` when installed."""

    def run(self) -> None:
        """Build the packages, then add the examples, unless they are used where they lie."""
        super().run()
        if not self.editable_mode:
            self.copy_examples()

    def copy_examples(self) -> None:
        """Put the examples among the files of the package."""
        target = Path(self.build_lib) / "renderapps" / EXAMPLES.name
        shutil.rmtree(target, ignore_errors=True)  # of a build before
        shutil.copytree(EXAMPLES, target)


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithExamples})
