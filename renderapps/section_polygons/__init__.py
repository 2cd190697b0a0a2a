"""Outlines of sections, and matches kept only within them."""
