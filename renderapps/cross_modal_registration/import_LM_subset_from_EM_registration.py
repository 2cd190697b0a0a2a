"""Make a stack of the LM tiles that take part in registration projects."""

from __future__ import annotations

from renderapps.cross_modal_registration.registration_projects import (
    LMSubsetModule,
    OneProjectPerSection,
)
from renderapps.module import StackEditParameters
from renderapps.TrakEM2.parameters import EMLMRegistrationParameters as ProjectParameters

__all__ = ["EMLMRegistrationParameters", "ImportEMRegistrationProjects"]


class EMLMRegistrationParameters(OneProjectPerSection, ProjectParameters, StackEditParameters):
    """Parameters of import_LM_subset_from_EM_registration."""


class ImportEMRegistrationProjects(LMSubsetModule):
    """The projects are those of make_EM_LM_registration_projects."""

    default_schema = EMLMRegistrationParameters


if __name__ == "__main__":
    ImportEMRegistrationProjects.main()
