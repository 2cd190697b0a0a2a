"""Masks that drawing ignores: see `renderapps.module.mask_check`."""

from renderapps.module.mask_check import ignored_masks, masks_text

__all__ = ["ignored_masks", "masks_text"]
