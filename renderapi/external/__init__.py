"""What plugs in from outside: pools of workers."""

from __future__ import annotations

from renderapi.external import processpools

__all__ = ["processpools"]
