"""Score synapse detections as evaluate_synapse_detection does, for two classes at once."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, List, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.fields import Raw
from marshmallow.validate import Length

from renderapps.module import parameter
from renderapps.synapse_detection.evaluation import (
    Condition,
    EvaluationModule,
    EvaluationParameters,
)


def _column(number: int) -> Str:
    return parameter(Str, f"column of class {number} of an object")


def _values(number: int) -> List:
    return parameter(
        List,
        f"values of column {number} that count as in the class",
        Raw(),
        default=lambda: [1],
        validate=Length(min=1),
    )


class EvaluateSynapseDetectionParameters(EvaluationParameters):
    """Parameters of evaluate_synapse_detection2."""

    EM_inclass_column1 = _column(1)
    EM_inclass_column2 = _column(2)
    EM_inclass_conditions1 = _values(1)
    EM_inclass_conditions2 = _values(2)
    EM_inclass_invert = parameter(
        Boolean, "must be false: it never had an effect with two classes", default=False
    )

    @validates_schema
    def nothing_is_inverted(self, data: dict[str, Any], **_: Any) -> None:
        """The complement of two conditions at once has no one meaning."""
        if data["EM_inclass_invert"]:
            raise ValidationError(
                "has no meaning with two classes: list the values that are wanted instead",
                "EM_inclass_invert",
            )


class EvaluateSynapseDetection(EvaluationModule):
    """Objects count that fulfil both conditions."""

    default_schema = EvaluateSynapseDetectionParameters

    def conditions(self) -> list[Condition]:
        """Both conditions."""
        args = self.args
        return [
            (args[f"EM_inclass_column{n}"], args[f"EM_inclass_conditions{n}"], False)
            for n in (1, 2)
        ]


if __name__ == "__main__":
    EvaluateSynapseDetection.main()
