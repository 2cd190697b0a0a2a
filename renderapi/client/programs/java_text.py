"""Numbers as Java prints them, for the names of files."""

from __future__ import annotations

from decimal import Decimal


def java_double(value: float) -> str:
    """Text of a Java double.

    >>> [java_double(v) for v in (3407, 0.02, 1.0, 0.0005, 12345678.0)]
    ['3407.0', '0.02', '1.0', '5.0E-4', '1.2345678E7']
    """
    value = float(value)
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    exponent = Decimal(repr(value)).adjusted()
    text = "".join(map(str, digits))
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{exponent}"
