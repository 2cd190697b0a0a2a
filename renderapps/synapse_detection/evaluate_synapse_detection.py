"""Score synapse detections in light microscopy against objects annotated in electron microscopy."""

from __future__ import annotations

from argschema.fields import Boolean, List, Str
from marshmallow.fields import Raw
from marshmallow.validate import Length

from renderapps.module import parameter
from renderapps.synapse_detection.evaluation import (
    Condition,
    EvaluationModule,
    EvaluationParameters,
)


class EvaluateSynapseDetectionParameters(EvaluationParameters):
    """Parameters of evaluate_synapse_detection."""

    EM_inclass_column = parameter(Str, "column that tells the class of an object")
    EM_inclass_conditions = parameter(
        List,
        "values of that column that count as in the class",
        Raw(),
        default=lambda: [1],
        validate=Length(min=1),
    )
    EM_inclass_invert = parameter(
        Boolean, "take the objects that are not in the class", default=False
    )


class EvaluateSynapseDetection(EvaluationModule):
    """A detection and an object correspond where areas of the two in one section meet.

    Objects that may reach out of the annotated region are edge cases: they count as partners, and
    are not scored themselves. LM_per_EM and EM_per_LM are the shares of objects with no, one, and
    two or more partners.
    """

    default_schema = EvaluateSynapseDetectionParameters

    def conditions(self) -> list[Condition]:
        """The one condition."""
        args = self.args
        return [
            (args["EM_inclass_column"], args["EM_inclass_conditions"], args["EM_inclass_invert"])
        ]


if __name__ == "__main__":
    EvaluateSynapseDetection.main()
