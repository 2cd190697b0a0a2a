"""Scripts of earlier years, under their old names: entries to the modules that do their work."""
