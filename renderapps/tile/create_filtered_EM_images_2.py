"""Even out the contrast of electron micrographs: another name of create_filtered_EM_images."""

from __future__ import annotations

from renderapps.tile import create_filtered_EM_images


class FilterEMParameters(create_filtered_EM_images.FilterEMParameters):
    """Parameters of create_filtered_EM_images_2."""


class FilterEMModule(create_filtered_EM_images.FilterEMModule):
    """The same module; pipelines know it under both names."""

    default_schema = FilterEMParameters


if __name__ == "__main__":
    FilterEMModule.main()
