"""Make a TrakEM2 project per section, with EM tiles to be moved over the tiles of an LM stack."""

from __future__ import annotations

from renderapps.cross_modal_registration.registration_projects import (
    OneProjectPerSection,
    ProjectsModule,
)
from renderapps.TrakEM2.parameters import EMLMRegistrationParameters as ProjectParameters

__all__ = ["EMLMRegistrationParameters", "makeEMLMRegistrationProjects"]


class EMLMRegistrationParameters(OneProjectPerSection, ProjectParameters):
    """Parameters of make_EM_LM_registration_projects."""


class makeEMLMRegistrationProjects(ProjectsModule):
    """EM tiles are in the layer z=0, LM tiles in the layer z=1: move the EM tiles."""

    default_schema = EMLMRegistrationParameters


if __name__ == "__main__":
    makeEMLMRegistrationProjects.main()
