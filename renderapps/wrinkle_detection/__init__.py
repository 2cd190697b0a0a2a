"""Modules for tiles that are crossed by wrinkles."""
