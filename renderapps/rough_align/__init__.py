"""Modules of the rough alignment of sections, done at low resolution."""
