"""Pools of workers that can be used as `with Pool(n) as pool: pool.map(...)`.

`pool_pathos` is imported only where it is asked for, since pathos may be missing.
"""

from __future__ import annotations

from renderapi.external.processpools import stdlib_pool

__all__ = ["stdlib_pool"]
