"""Modules of the theme cross_modal_registration in the laboratory: `acquired` over `again`."""

from __future__ import annotations

from renderapps.cross_modal_registration.make_EM_LM_registration_projects import (
    makeEMLMRegistrationProjects,
)

THEME = "cross_modal_registration"


def files(lab):
    """Projects of both sections in `em_lm`; those of one LM stack and of a list are alike."""
    given = {"render": lab.connection} | _single(lab)
    makeEMLMRegistrationProjects(input_data=given, args=["--log_level", "ERROR"]).run()


def _single(lab):
    return {
        "inputStack": "acquired",
        "LMstack": "again",
        "outputStack": "made",
        "outputXMLdir": lab.path("em_lm"),
    }


def parameters(lab, at):
    one = _single(lab)
    several = {key: value for key, value in one.items() if key != "LMstack"}
    several |= {"LMstacks": ["again"]}
    new = {"outputXMLdir": at("em_lm")}
    found = {
        "make_EM_LM_registration_projects": one | new,
        "make_EM_LM_registration_projects_multi": several | new,
        "import_EM_registration_projects": one,
        "import_EM_registration_projects_multi": several,
        "import_LM_subset_from_EM_registration": one,
        "import_LM_subset_from_EM_registration_multi": several,
    }
    return {f"{THEME}.{name}": given for name, given in found.items()}
