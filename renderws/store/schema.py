"""Tables and indices of the SQLite store, and how older files are brought up to date.

A file carries `APPLICATION_ID` and, as `user_version`, the number of migrations that made it.

Keys. A stack has an integer key that is never used twice; renaming or deleting it touches one row.
Dropped stacks (deleted, or the data of one taken OFFLINE) keep their rows under their key until
they are reclaimed.

Indices. Every query of a stack starts with its key. `tile_layer` covers what bounds, section data
and statistics need, so that they never read a document. `tile_box` is an R*Tree over
(stack, z, x, y) of blocks of tiles of all stacks, see `tree`; it holds 32-bit floats rounded
outwards and so only preselects. Its stack and z intervals are given a little thickness: with flat
ones every volume is zero, the tree cannot tell good splits from bad, and queries take seven times
as long.

References. Tiles that use the same shared transforms share one row of `reference_set`, which makes
"tiles that use this transform" an indexed question at the price of one integer a tile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from renderws.store.protocol import CannotOpen, NewerStore

APPLICATION_ID = 0x52445253

FIRST = """
CREATE TABLE stack (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL,
  state TEXT NOT NULL,
  modified INTEGER NOT NULL,              -- milliseconds since 1970
  version_number INTEGER NOT NULL,
  version BLOB NOT NULL,                  -- StackVersion, JSON
  stats BLOB,                             -- StackStats, JSON
  hierarchical BLOB,                      -- HierarchicalStack, JSON
  data_version INTEGER NOT NULL DEFAULT 0,
  tile_count INTEGER NOT NULL DEFAULT 0,
  sections_derived INTEGER NOT NULL DEFAULT 0,
  dropped INTEGER,                        -- milliseconds since 1970
  reclaiming INTEGER NOT NULL DEFAULT 0   -- 1: still being made, 2: some rows are already gone
);
CREATE UNIQUE INDEX stack_identity ON stack (owner, project, name) WHERE dropped IS NULL;
CREATE INDEX stack_dropped ON stack (dropped) WHERE dropped IS NOT NULL;

CREATE TABLE tile (
  key INTEGER PRIMARY KEY,
  stack INTEGER NOT NULL,
  tile_id TEXT NOT NULL,
  z REAL,
  min_x REAL NOT NULL, min_y REAL NOT NULL, max_x REAL NOT NULL, max_y REAL NOT NULL,
  section_id TEXT,
  group_id TEXT,
  flat INTEGER NOT NULL,
  reference_set INTEGER,
  channels TEXT,                          -- distinct channel names, JSON
  document BLOB NOT NULL
);
CREATE UNIQUE INDEX tile_identity ON tile (stack, tile_id);
CREATE INDEX tile_layer ON tile
  (stack, z, tile_id, section_id, min_x, min_y, max_x, max_y);
CREATE INDEX tile_section ON tile (stack, section_id, tile_id) WHERE section_id IS NOT NULL;
CREATE INDEX tile_group ON tile (stack, group_id, tile_id) WHERE group_id IS NOT NULL;
CREATE INDEX tile_references ON tile (reference_set, stack) WHERE reference_set IS NOT NULL;
CREATE INDEX tile_channels ON tile (stack, channels) WHERE channels IS NOT NULL;
CREATE VIRTUAL TABLE tile_box USING rtree (
  key, min_stack, max_stack, min_z, max_z, min_x, max_x, min_y, max_y
);

CREATE TABLE transform (
  key INTEGER PRIMARY KEY,
  stack INTEGER NOT NULL,
  id TEXT NOT NULL,
  document BLOB NOT NULL
);
CREATE UNIQUE INDEX transform_identity ON transform (stack, id);
CREATE TABLE transform_reference (
  stack INTEGER NOT NULL, target TEXT NOT NULL, id TEXT NOT NULL,  -- transform id refers to target
  PRIMARY KEY (stack, target, id)
) WITHOUT ROWID;
CREATE TABLE reference_set (
  key INTEGER PRIMARY KEY,
  ids TEXT NOT NULL UNIQUE                -- transform ids in order, JSON
);
CREATE TABLE reference_member (
  id TEXT NOT NULL, reference_set INTEGER NOT NULL,
  PRIMARY KEY (id, reference_set)
) WITHOUT ROWID;

CREATE TABLE section (
  stack INTEGER NOT NULL, section_id TEXT NOT NULL, z REAL NOT NULL,
  tile_count INTEGER NOT NULL,
  min_x REAL NOT NULL, min_y REAL NOT NULL, max_x REAL NOT NULL, max_y REAL NOT NULL,
  PRIMARY KEY (stack, section_id, z)
) WITHOUT ROWID;

CREATE TABLE collection (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  owner TEXT NOT NULL, name TEXT NOT NULL,
  visible INTEGER NOT NULL,               -- 0: only metadata have been recorded
  pair_count INTEGER NOT NULL DEFAULT 0,
  metadata BLOB NOT NULL,
  dropped INTEGER
);
CREATE UNIQUE INDEX collection_identity ON collection (owner, name) WHERE dropped IS NULL;
CREATE INDEX collection_dropped ON collection (dropped) WHERE dropped IS NOT NULL;

CREATE TABLE match (
  key INTEGER PRIMARY KEY,
  collection INTEGER NOT NULL,
  p_group TEXT NOT NULL, q_group TEXT NOT NULL, p_id TEXT NOT NULL, q_id TEXT NOT NULL,
  count INTEGER NOT NULL,
  consensus BLOB,                         -- consensusSetData, JSON
  points BLOB NOT NULL
);
CREATE UNIQUE INDEX match_identity ON match (collection, p_group, q_group, p_id, q_id);
CREATE INDEX match_q_group ON match (collection, q_group, p_group, p_id, q_id);
CREATE INDEX match_p ON match (collection, p_group, p_id, q_group, q_id);
CREATE INDEX match_q ON match (collection, q_group, q_id, p_group, p_id);
CREATE INDEX match_consensus_p ON match (collection, p_group) WHERE consensus IS NOT NULL;
CREATE INDEX match_consensus_q ON match (collection, q_group) WHERE consensus IS NOT NULL;

CREATE TABLE trial (id TEXT PRIMARY KEY, document BLOB NOT NULL);
"""

# section data of a few z, without walking through those of all
SECTIONS_BY_Z = "CREATE INDEX section_z ON section (stack, z);"

# who is writing to which stack, or to which z (a JSON list) of it
LOCKS = """
CREATE TABLE stack_lock (
  owner TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL, id TEXT NOT NULL,
  zs TEXT,
  document BLOB NOT NULL,                 -- about the holder, JSON
  since INTEGER NOT NULL, expires INTEGER NOT NULL,  -- milliseconds since 1970
  PRIMARY KEY (owner, project, name, id)
) WITHOUT ROWID;
"""

# z (a JSON list) of layers, and a match query, that are deleted and whose rows are being removed
HIDING = """
ALTER TABLE stack ADD COLUMN hidden TEXT;
CREATE INDEX stack_hidden ON stack (key) WHERE hidden IS NOT NULL;
ALTER TABLE collection ADD COLUMN hidden TEXT;
CREATE INDEX collection_hidden ON collection (key) WHERE hidden IS NOT NULL;
"""

# another collection whose pairs belong to this one, and how often pairs of this one have changed
PAIRS_ARRIVE = """
ALTER TABLE collection ADD COLUMN arriving INTEGER;
CREATE INDEX collection_arriving ON collection (key) WHERE arriving IS NOT NULL;
ALTER TABLE collection ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
"""

# another stack whose tiles belong to this one, and which tiles of this one they replace: JSON of
# `stackparts.Replaced`
TILES_ARRIVE = """
ALTER TABLE stack ADD COLUMN arriving INTEGER;
ALTER TABLE stack ADD COLUMN replaced TEXT;
CREATE INDEX stack_arriving ON stack (key) WHERE arriving IS NOT NULL;
"""

MIGRATIONS: tuple[str, ...] = (
    FIRST, SECTIONS_BY_Z, LOCKS, HIDING, PAIRS_ARRIVE, TILES_ARRIVE,
)  # fmt: skip


def migrate(
    connection: sqlite3.Connection,
    path: object,
    steps: Sequence[str] = MIGRATIONS,
    application: int = APPLICATION_ID,
) -> None:
    """Make the tables of an empty file, or bring those of an older one up to date, in one
    transaction.

    `connection` is in autocommit mode. Raises `NewerStore`, or `CannotOpen` for a database of
    something else.
    """
    if _version(connection, path, len(steps), application) == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = _version(
            connection, path, len(steps), application
        )  # another process may have been first
        for step in steps[done:]:
            for statement in statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {application}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def statements(script: str) -> list[str]:
    """Statements of a script, one by one (`executescript` would commit the transaction it is
    in).
    """
    found, text = [], ""
    for line in script.splitlines(keepends=True):
        text += line
        if sqlite3.complete_statement(text):
            found.append(text)
            text = ""
    return found


def _version(connection: sqlite3.Connection, path: object, newest: int, application: int) -> int:
    found: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if found != application and (tables or version or found):
        raise CannotOpen(
            f"cannot open the store {path}: it is a database of another program; give another path"
        )
    return known_version(version, newest, path)


def known_version(version: int, newest: int, place: object) -> int:
    """The version of a store, unless it is a newer one than this software knows: `NewerStore`."""
    if version > newest:
        raise NewerStore(
            f"cannot open the store {place}: its version is {version}, this software knows up to "
            f"{newest}; install the newer release that wrote it"
        )
    return version
