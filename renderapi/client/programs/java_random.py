"""The random numbers of Java, where files depend on them.

Documented with java.util.Random and java.util.Collections.shuffle: a linear congruential generator
of 48 bits.
"""

from __future__ import annotations

from typing import Any

_MULTIPLIER, _INCREMENT, _MASK = 0x5DEECE66D, 0xB, (1 << 48) - 1


class JavaRandom:
    """Random numbers as java.util.Random gives them for a seed."""

    def __init__(self, seed: int) -> None:
        self._state = (seed ^ _MULTIPLIER) & _MASK

    def _bits(self, count: int) -> int:
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return self._state >> (48 - count)

    def next_int(self, bound: int) -> int:
        """A number from 0 to bound - 1."""
        if bound & (bound - 1) == 0:
            return bound * self._bits(31) >> 31
        while True:
            bits = self._bits(31)
            value = bits % bound
            if bits - value + bound - 1 < 1 << 31:
                return value


def shuffle(items: list[Any], seed: int) -> None:
    """Shuffle a list in place as Collections.shuffle does."""
    random = JavaRandom(seed)
    for last in range(len(items) - 1, 0, -1):
        other = random.next_int(last + 1)
        items[last], items[other] = items[other], items[last]
