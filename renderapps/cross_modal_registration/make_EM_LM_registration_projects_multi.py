"""Make a TrakEM2 project per section, with EM tiles to be moved over the tiles of LM stacks."""

from __future__ import annotations

from renderapps.cross_modal_registration.registration_projects import (
    DisplayRangesParameters,
    OneProjectPerSection,
    ProjectsModule,
)
from renderapps.TrakEM2.parameters import EMLMRegistrationMultiParameters as ProjectParameters

__all__ = ["EMLMRegistrationMultiParameters", "makeEMLMRegistrationMultiProjects"]


class EMLMRegistrationMultiParameters(
    DisplayRangesParameters, OneProjectPerSection, ProjectParameters
):
    """Parameters of make_EM_LM_registration_projects_multi."""


class makeEMLMRegistrationMultiProjects(ProjectsModule):
    """EM tiles are in the layer z=0, LM tiles in the layers z=1, 2, ...: move the EM tiles."""

    default_schema = EMLMRegistrationMultiParameters


if __name__ == "__main__":
    makeEMLMRegistrationMultiProjects.main()
