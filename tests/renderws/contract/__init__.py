"""The contract of the web service, operation by operation: what is asked, and what must come back.

A case is `case(number, request, status, expected, send=..., then=..., ...)`:

request
    Method and path. The path begins with O, P, S or C as in the contract; `S:open` is the stack of
    that name (default: acq), `C:n` that match collection (default: m).
expected
    Compared with the JSON of the answer. Text compares with a text answer; a text that begins with
    "~" must occur in it; None: the body must be empty; `...`: not looked at. A function is called
    with the response and must give true.
send
    JSON body, or bytes as they are.
then
    A second request that must be answered 200 with the value given.

The stacks (owner test, project p): acq is COMPLETE and holds the tiles a, b (z 1, section 1.0) and
c (z 2, section 2.0); locked is the same, READ_ONLY; open the same, LOADING; empty is LOADING and
new; off is OFFLINE. The collections: m holds the pairs of MATCHES, n one pair that m has too.
"""

from __future__ import annotations

from .coordinates import COORDINATES
from .images import IMAGES
from .layers import LAYERS
from .matches import MATCH_CASES
from .stacks import STACKS
from .the_rest import THE_REST
from .tile_data import TILE_DATA

CASES = [*STACKS, *LAYERS, *TILE_DATA, *IMAGES, *COORDINATES, *MATCH_CASES, *THE_REST]
