"""Modules that edit whole stacks: their tiles, sections, metadata and state."""
