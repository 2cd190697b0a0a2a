"""Bring EM tiles that were moved over an LM stack in TrakEM2 back into a stack."""

from __future__ import annotations

from renderapps.cross_modal_registration.registration_projects import (
    EMImportModule,
    OneProjectPerSection,
)
from renderapps.module import StackEditParameters
from renderapps.TrakEM2.parameters import EMLMRegistrationParameters as ProjectParameters

__all__ = ["EMLMRegistrationParameters", "ImportEMRegistrationProjects"]


class EMLMRegistrationParameters(OneProjectPerSection, ProjectParameters, StackEditParameters):
    """Parameters of import_EM_registration_projects."""


class ImportEMRegistrationProjects(EMImportModule):
    """The projects are those of make_EM_LM_registration_projects with the same parameters."""

    default_schema = EMLMRegistrationParameters


if __name__ == "__main__":
    ImportEMRegistrationProjects.main()
