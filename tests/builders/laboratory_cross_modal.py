"""Modules of the theme cross_modal_registration in the laboratory: `acquired` over `again`."""

from __future__ import annotations

from pathlib import Path

from atlas_project import light_stack, write_project

from renderapps.cross_modal_registration.make_EM_LM_registration_projects import (
    makeEMLMRegistrationProjects,
)

THEME = "cross_modal_registration"


def files(lab):
    """Projects of both sections in `em_lm` (those of one LM stack and of a list are alike), and an
    ATLAS project in `atlas`, with the stack `LM`.
    """
    given = {"render": lab.connection} | _single(lab)
    write_project(Path(lab.path("atlas")))
    light_stack(lab.render)
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
    found["import_atlas_project"] = {
        "project_path": lab.path("atlas", "Ribbon0004", "brain.a5proj"),
        "site_name": "area",
        "LM_stack": "LM",
        "output_stack": "made",
    }
    return {f"{THEME}.{name}": given for name, given in found.items()}
