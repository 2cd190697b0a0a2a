"""A stack with tiles in a service."""

import renderapi


def store(render, stack, tiles, shared=(), state="COMPLETE", resolution=(4, 4, 35)):
    """Make a stack of tile specs of any sections."""
    x, y, z = resolution
    renderapi.stack.create_stack(
        stack, stackResolutionX=x, stackResolutionY=y, stackResolutionZ=z, render=render
    )
    renderapi.resolvedtiles.put_tilespecs(
        stack, tilespecs=tiles, shared_transforms=list(shared), render=render
    )
    renderapi.stack.set_stack_state(stack, state, render=render)
