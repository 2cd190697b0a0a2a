"""Parameters with which the modules of `alignment` succeed in the laboratory."""

from __future__ import annotations


def parameters(lab, at):
    return {
        "alignment.solve": {
            "input_stack": "acquired",
            "output_stack": "made",
            "matchCollections": ["matches"],
            "html_report": at("solve.html"),
        },
        "alignment.report": {
            "stack": "shifted",
            "before_stack": "acquired",
            "matchCollections": ["matches"],
            "html_report": at("report.html"),
        },
        "alignment.align_stack": {
            "input_stack": "acquired",
            "output_stack": "made",
            "working_directory": at("chain"),
            "stop_after": "pairs",
        },
        "alignment.estimate_lens": {
            "input_stack": "acquired",
            "output_stack": "made",
            "matchCollection": "matches",
            "order": 2,
            "residual_map": at("lens.png"),
        },
    }
