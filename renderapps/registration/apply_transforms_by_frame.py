"""Give the tiles of one channel the transforms of the aligned tiles of the same camera frame."""

from __future__ import annotations

from renderapps.registration.applied_transforms import (
    ApplyTransformsModule,
    ApplyTransformsParameters,
    copy_z_field,
    match_by_field,
)


class ApplyTransformParameters(ApplyTransformsParameters):
    """Parameters of apply_transforms_by_frame."""

    match_by = match_by_field("frame")
    copy_z = copy_z_field(False)


class ApplyTransforms(ApplyTransformsModule):
    """Tiles belong together that are of the same frame in the same section; z stays."""

    default_schema = ApplyTransformParameters


if __name__ == "__main__":
    ApplyTransforms.main()
