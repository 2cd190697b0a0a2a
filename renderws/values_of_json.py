"""How many values a JSON text holds, at most: told before it is parsed.

A value takes up to a hundred bytes once it is parsed, and two bytes of text (`[]` and a comma).
"""

from __future__ import annotations

import numpy as np

from renderws.routes.answers import HttpError

_AT_ONCE = 1 << 18
_COMMA, _OPENING = ord(","), ord("{")
_CASE = 0x20  # the difference of "[" and "{"


def weight(body: bytes) -> int:
    """Values of a JSON text, lists and objects twice; what texts hold may count too."""
    characters = np.frombuffer(body, np.uint8)
    found = 1
    for start in range(0, len(characters), _AT_ONCE):
        part = characters[start : start + _AT_ONCE]
        found += int(np.count_nonzero(part == _COMMA))
        found += 2 * int(np.count_nonzero(part | _CASE == _OPENING))
    return found


def check_values(body: bytes, most: int) -> int:
    """The weight of a JSON text where it may be more than a quarter of `most`, else 0.

    413 where it is more than `most`.
    """
    if 4 * len(body) < most:  # brackets are closed again: no text weighs more than its bytes and 1
        return 0
    found = weight(body)
    if found > most:
        raise HttpError(
            413, f"the request body holds more than {most} JSON values; send it in parts"
        )
    return found
