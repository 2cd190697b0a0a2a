"""The states of a stack and the ways between them (section 2.1 of the contract)."""

from __future__ import annotations

from enum import Enum, auto

from renderws.store.protocol import Conflict, Invalid, StackId

LOADING = "LOADING"
COMPLETE = "COMPLETE"
READ_ONLY = "READ_ONLY"
OFFLINE = "OFFLINE"
STATES = (LOADING, COMPLETE, READ_ONLY, OFFLINE)


class Effect(Enum):
    """What a change of state does beyond naming the new one."""

    NOTHING = auto()
    RENAME = auto()  # the state only; time stamp and stats stay
    REOPEN = auto()  # stats go, the version number grows
    DERIVE = auto()  # section data and stats are derived
    DERIVE_AGAIN = auto()  # the same, and the time stamp stays
    DROP = auto()  # tiles, transforms and section data go


TRANSITIONS: dict[tuple[str, str], Effect] = {
    (LOADING, LOADING): Effect.NOTHING,
    (LOADING, COMPLETE): Effect.DERIVE,
    (COMPLETE, LOADING): Effect.REOPEN,
    (COMPLETE, COMPLETE): Effect.DERIVE_AGAIN,
    (COMPLETE, READ_ONLY): Effect.RENAME,
    (COMPLETE, OFFLINE): Effect.DROP,
    (READ_ONLY, COMPLETE): Effect.RENAME,
    (READ_ONLY, READ_ONLY): Effect.NOTHING,
    (READ_ONLY, OFFLINE): Effect.DROP,
    (OFFLINE, OFFLINE): Effect.NOTHING,
}


def effect(stack: StackId, old: str, new: str) -> Effect:
    """Effect of taking `stack` from `old` to `new`; Conflict when that way is not open."""
    if new not in STATES:
        raise Invalid(f"{new!r} is no stack state; use one of {', '.join(STATES)}")
    if (old, new) in TRANSITIONS:
        return TRANSITIONS[old, new]
    if old == OFFLINE:
        raise Conflict(
            f"{stack_text(stack)} is OFFLINE, its tiles are gone; create it again and import them"
        )
    raise Conflict(
        f"{stack_text(stack)} cannot go from {old} to {new}; set its state to COMPLETE first"
    )


_WAYS_TO_LOADING = {
    COMPLETE: "set its state to LOADING first",
    READ_ONLY: "set its state to COMPLETE and then to LOADING first",
    OFFLINE: "create it again to import tiles",
}


def not_loading(stack: StackId, state: str) -> Conflict:
    """Why the tiles of a stack in this state cannot be changed, and what to do."""
    return Conflict(
        f"{stack_text(stack)} is {state}, its tiles can be changed only in state LOADING; "
        f"{_WAYS_TO_LOADING[state]}"
    )


def stack_text(stack: StackId) -> str:
    """How error messages name a stack."""
    return f"stack {stack.stack} of owner {stack.owner}, project {stack.project}"
