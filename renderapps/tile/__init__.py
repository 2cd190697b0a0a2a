"""Modules that make new images of single tiles."""
