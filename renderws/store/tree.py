"""The R*Tree that preselects tiles by place, and the keys that make it small.

Putting every tile into an R*Tree by itself costs more than storing the tile. So an entry stands for
a *block*: the up to 8 tiles whose keys share all but the last three bits. Tiles that are saved
together get keys in such an order that the tiles of a block are neighbours at one z
(sort-tile-recursive packing: Leutenegger, Lopez and Edgington, ICDE 1997). A query finds blocks,
walks the consecutive rows of each, and tests every tile exactly.

Whoever changes the place of tiles, adds or removes some, calls `refresh` with their keys. Blocks
never hold tiles of two stacks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import numpy as np

BLOCK_BITS = 3
BLOCK = 1 << BLOCK_BITS
STACK_THICKNESS = 0.25
Z_THICKNESS = 0.01

# a tile without z lies at 0: only queries that do not ask for z let it through
ENTRIES = f"""
INSERT INTO tile_box
SELECT key >> {BLOCK_BITS},
  min(stack) - {STACK_THICKNESS}, min(stack) + {STACK_THICKNESS},
  min(coalesce(z, 0)) - {Z_THICKNESS}, max(coalesce(z, 0)) + {Z_THICKNESS},
  min(min(min_x, max_x)), max(max(min_x, max_x)), min(min(min_y, max_y)), max(max(min_y, max_y))
FROM tile WHERE key BETWEEN ? AND ? GROUP BY key >> {BLOCK_BITS}
"""
# NOT INDEXED leaves only the walk along the keys; the planner would prefer an index on the stack
JOIN = f"""tile_box CROSS JOIN tile NOT INDEXED ON tile.key BETWEEN
  tile_box.key << {BLOCK_BITS} AND (tile_box.key << {BLOCK_BITS}) + {BLOCK - 1}"""


def refresh(connection: sqlite3.Connection, keys: Iterable[int]) -> None:
    """Make the entries of the blocks that hold these keys agree with the tiles that are there."""
    blocks = sorted({key >> BLOCK_BITS for key in keys})
    connection.executemany("DELETE FROM tile_box WHERE key = ?", [(block,) for block in blocks])
    connection.executemany(
        ENTRIES, [(block << BLOCK_BITS, (block << BLOCK_BITS) + BLOCK - 1) for block in blocks]
    )


def add_entries(connection: sqlite3.Connection, first: int, last: int) -> None:
    """Make the entries of whole new blocks, given by their first and last key."""
    connection.execute(ENTRIES, (first, last))


def add_new_entries(
    connection: sqlite3.Connection, stack_key: int, keys: np.ndarray, places: np.ndarray
) -> None:
    """Make the entries of whole new blocks from what is known of their tiles.

    Parameters
    ----------
    keys : (N,) int64 array
        Keys of all tiles of the blocks, which belong to one stack; ascending.
    places : (N, 5) float64 array
        z and box of each: NaN for no z, then min_x, min_y, max_x, max_y.
    """
    blocks, starts = np.unique(keys >> BLOCK_BITS, return_index=True)
    z, x1, y1, x2, y2 = np.nan_to_num(places).T
    low = [np.minimum.reduceat(v, starts) for v in (z, np.minimum(x1, x2), np.minimum(y1, y2))]
    high = [np.maximum.reduceat(v, starts) for v in (z, np.maximum(x1, x2), np.maximum(y1, y2))]
    stack = np.full(len(blocks), float(stack_key))
    sides = [stack - STACK_THICKNESS, stack + STACK_THICKNESS]
    sides += [low[0] - Z_THICKNESS, high[0] + Z_THICKNESS, low[1], high[1], low[2], high[2]]
    rows = zip(blocks.tolist(), *(side.tolist() for side in sides), strict=True)
    connection.executemany("INSERT INTO tile_box VALUES (?,?,?,?,?,?,?,?,?)", rows)


def next_free_key(connection: sqlite3.Connection) -> int:
    """First key of the first block that no tile has ever shared."""
    (last,) = connection.execute("SELECT coalesce(max(key), 0) FROM tile").fetchone()
    return int((last >> BLOCK_BITS) + 1) << BLOCK_BITS


def packed_keys(zs: np.ndarray, boxes: np.ndarray, first: int) -> np.ndarray:
    """Keys for new tiles, so that the tiles of a block are neighbours at one z.

    Parameters
    ----------
    zs : (N,) float64 array
        z of each tile; NaN for none.
    boxes : (N, 4) float64 array
        min_x, min_y, max_x, max_y of each tile, in world pixels.
    first : int
        First key that may be used, a multiple of 8.

    Returns
    -------
    (N,) int64 array
        A key of its own for each tile; gaps are left at the end of each z.
    """
    keys = np.empty(len(zs), np.int64)
    by_z = np.argsort(zs, kind="stable")
    changes = np.flatnonzero(np.diff(zs[by_z])) + 1  # NaN, at the end, makes blocks of one tile
    for members in np.split(by_z, changes):
        ordered = members[packing_order(boxes[members])]
        keys[ordered] = first + np.arange(len(members))
        first += -(-len(members) // BLOCK) * BLOCK
    return keys


def packing_order(boxes: np.ndarray) -> np.ndarray:
    """Order of boxes, (N, 4) in world pixels, in which each 8 in a row are neighbours.

    Sort-tile-recursive: slices of equal number by the x of the centres, each sorted by y.
    """
    count = len(boxes)
    if count <= BLOCK:
        return np.arange(count)
    x, y = (boxes[:, :2] + boxes[:, 2:]).T
    slices = int(np.ceil(np.sqrt(count / BLOCK)))
    slice_of = np.empty(count, np.int64)
    slice_of[np.argsort(x, kind="stable")] = np.arange(count) // (
        -(-count // (slices * BLOCK)) * BLOCK
    )
    return np.lexsort((y, slice_of))
