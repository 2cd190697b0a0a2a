"""Modules that compare stacks and remove parts of them."""
