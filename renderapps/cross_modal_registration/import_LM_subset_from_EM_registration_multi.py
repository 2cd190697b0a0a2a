"""Make a stack of the tiles of one LM stack that take part in registration projects."""

from __future__ import annotations

from renderapps.cross_modal_registration.registration_projects import (
    LMSubsetModule,
    OneProjectPerSection,
)
from renderapps.module import StackEditParameters
from renderapps.TrakEM2.parameters import EMLMRegistrationMultiParameters as ProjectParameters

__all__ = [
    "ImportLMSubsetFromEMRegistrationMultiProjects",
    "ImportLMSubsetFromEMRegistrationMultiProjectsParameters",
]


class ImportLMSubsetFromEMRegistrationMultiProjectsParameters(
    OneProjectPerSection, ProjectParameters, StackEditParameters
):
    """Parameters of import_LM_subset_from_EM_registration_multi."""


class ImportLMSubsetFromEMRegistrationMultiProjects(LMSubsetModule):
    """LMstack_index says which of LMstacks is meant."""

    default_schema = ImportLMSubsetFromEMRegistrationMultiProjectsParameters


if __name__ == "__main__":
    ImportLMSubsetFromEMRegistrationMultiProjects.main()
