"""Modules that carry tiles from one registered space to another."""
