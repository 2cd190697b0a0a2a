"""numba, started without what no kernel here uses.

When numba starts it tries scipy's linear algebra, for `np.dot` in compiled code: a third of its
start-up time, which every first picture of a process would wait for. The attempt is refused here
while numba starts, in the starting thread only. `np.dot` in compiled code of others still works,
since numba looks again when it is compiled. Nothing is refused when numba was started before.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident

_UNUSED = "scipy.linalg"


class _Refusal:
    """Import finder that makes one module look absent to one thread."""

    def __init__(self) -> None:
        self._thread = get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse the module; leave every other to the finders that follow."""
        if name == _UNUSED and get_ident() == self._thread:
            raise ImportError(f"{name} is not loaded while numba starts")


@contextmanager
def _without_linear_algebra() -> Iterator[None]:
    if "numba" in sys.modules or _UNUSED in sys.modules:
        yield
        return
    refusal = _Refusal()
    sys.meta_path.insert(0, refusal)
    try:
        yield
    finally:
        sys.meta_path.remove(refusal)


with _without_linear_algebra():
    from numba import njit, types
    from numba.core.registry import cpu_target
    from numba.extending import intrinsic, overload

    # numba reads its library of functions at the first compilation: have it do so here
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()

__all__ = ["intrinsic", "njit", "overload", "types"]
