"""What a store raises on purpose, each with the status of the answer.

Their text names owner, project and stack (or collection, or the file) and says what to do.

StoreError                  500, root: the store could not do it (damage, failed disk)
 +- Invalid                 400, the request makes no sense, whatever the store holds
 +- NotFound                404, no such stack, tile, section, transform or collection
 +- Conflict                409, the state of the stack forbids it
 +- StoreBusy               503, another process has held the store for too long
     +- StillMoving         rows of what is to be changed are still being moved
 +- StoreFull               507, no room left on the disk; nothing has changed
 +- StoreGone               503, the file was moved, deleted or replaced while it is open
 +- Damaged                 500, what the file holds makes no sense
 +- CannotOpen              500, the file cannot be opened as a store
     +- NewerStore          it was written by a newer version of this software
     +- NetworkFileSystem   it lies on a file system that cannot lock reliably
"""

from __future__ import annotations

from collections.abc import Callable


class StoreError(Exception):
    """Root of the errors a store raises on purpose."""

    status = 500


class Invalid(StoreError):
    """The request makes no sense, whatever the store holds."""

    status = 400


class NotFound(StoreError):
    """No such stack, tile, section, transform or collection."""

    status = 404


class Conflict(StoreError):
    """The state of the stack forbids the operation."""

    status = 409


class StoreBusy(StoreError):
    """Another process has held the store for longer than a request may wait."""

    status = 503


class StillMoving(StoreBusy):
    """Rows of what is to be changed are still being moved, and that was left to others
    (`settling.moved_by_others`); nothing has changed.

    Attributes
    ----------
    piece : callable
        Moves some of them, in a transaction of its own; returns how many, 0: none is left.
    """

    def __init__(self, text: str, piece: Callable[[], int]) -> None:
        super().__init__(text)
        self.piece = piece


class StoreFull(StoreError):
    """The disk has no room left; nothing has changed."""

    status = 507


class StoreGone(StoreError):
    """The path of the store does not lead to the file that is open."""

    status = 503


class Damaged(StoreError):
    """The file is damaged."""


class CannotOpen(StoreError):
    """The file cannot be opened as a store."""


class NewerStore(CannotOpen):
    """The file was written by a newer version of this software."""


class NetworkFileSystem(CannotOpen):
    """The file lies on a file system shared between machines, where locks and shared memory do
    not hold.
    """
