"""Version of the published client whose interface this package offers."""

from __future__ import annotations

__all__ = ["__commit_id__", "__version__", "__version_tuple__", "version", "version_tuple"]

__version__ = version = "2.4.2"
__version_tuple__ = version_tuple = (2, 4, 2)
__commit_id__: str | None = None
