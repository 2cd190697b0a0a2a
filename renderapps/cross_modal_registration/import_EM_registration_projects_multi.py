"""Bring EM tiles that were moved over LM stacks in TrakEM2 back into a stack."""

from __future__ import annotations

from renderapps.cross_modal_registration.registration_projects import (
    EMImportModule,
    OneProjectPerSection,
)
from renderapps.module import StackEditParameters
from renderapps.TrakEM2.parameters import EMLMRegistrationMultiParameters as ProjectParameters

__all__ = ["EMLMRegistrationMultiParameters", "ImportEMRegistrationMultiProjects"]


class EMLMRegistrationMultiParameters(OneProjectPerSection, ProjectParameters, StackEditParameters):
    """Parameters of import_EM_registration_projects_multi."""


class ImportEMRegistrationMultiProjects(EMImportModule):
    """The projects are those of make_EM_LM_registration_projects_multi, same parameters."""

    default_schema = EMLMRegistrationMultiParameters


if __name__ == "__main__":
    ImportEMRegistrationMultiProjects.main()
