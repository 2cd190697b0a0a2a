"""Give tiles the transforms, and z, of the tiles of an aligned stack that have the same tileId."""

from __future__ import annotations

from renderapps.registration.applied_transforms import (
    ApplyTransformsModule,
    ApplyTransformsParameters,
    copy_z_field,
    match_by_field,
)


class ApplyTransformParameters(ApplyTransformsParameters):
    """Parameters of apply_transforms_by_tileId."""

    match_by = match_by_field("tileId")
    copy_z = copy_z_field(True)


class ApplyTransforms(ApplyTransformsModule):
    """Tiles belong together that have the same id, wherever they are in the two stacks."""

    default_schema = ApplyTransformParameters


if __name__ == "__main__":
    ApplyTransforms.main()
