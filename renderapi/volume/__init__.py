"""Volumes as viewers read them: sizes, levels and places, and the documents that say so."""
