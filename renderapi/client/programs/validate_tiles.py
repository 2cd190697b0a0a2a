"""ValidateTilesClient: check the tiles of sections, and remove invalid ones where asked to."""

from __future__ import annotations

import logging

from renderapi.client.programs.layers import LayerTiles
from renderapi.client.programs.options import STACK, VALIDATOR, Options, flag, z_values
from renderapi.client.programs.service import stack_of
from renderapi.client.programs.validators import TemTileSpecValidator, validator_of

OPTIONS = (*STACK, *VALIDATOR, *flag("removeInvalidTiles", "completeStackAfterRemoval"))
POSITIONAL = "some"

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Report invalid tiles; they do not make the program fail."""
    stack = stack_of(options)
    validator = validator_of(options) or TemTileSpecValidator()
    removed = 0
    for z in z_values(options.words):
        layer = LayerTiles.of_document(stack.resolved_tiles(z))
        number = len(layer.tiles)
        invalid = layer.drop_invalid(validator)
        log.info("z %s: %d of %d tiles are invalid", z, len(invalid), number)
        if invalid and options.removeInvalidTiles:
            stack.ensure_loading()
            stack.delete_layer(z)
            if layer.tiles:
                stack.save_tiles(layer.tiles, layer.shared.values(), z)
            removed += len(invalid)
    if removed and options.completeStackAfterRemoval:
        stack.set_state("COMPLETE")
