"""Electron and light microscopy of the same sections, registered to each other."""
