"""Modules that cut a stack into columns, which are aligned each by itself."""
