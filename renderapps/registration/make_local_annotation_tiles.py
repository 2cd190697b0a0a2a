"""World coordinates for annotations: another name of transform_local_annotation_json_to_global."""

from __future__ import annotations

from renderapps.TrakEM2 import transform_local_annotation_json_to_global as twin
from renderapps.TrakEM2.transform_local_annotation_json_to_global import transform_annotations

__all__ = [
    "TransformLocalAnnotation",
    "TransformLocalAnnotationParameters",
    "transform_annotations",
]


class TransformLocalAnnotationParameters(twin.TransformLocalAnnotationParameters):
    """Parameters of make_local_annotation_tiles."""


class TransformLocalAnnotation(twin.TransformLocalAnnotation):
    """The same module; older scripts know it under this name. It writes annotations, no tiles."""

    default_schema = TransformLocalAnnotationParameters


if __name__ == "__main__":
    TransformLocalAnnotation.main()
