"""Cache headers of images of a stack: valid until the stack changes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renderws.routes.call import Call

_MAX_AGE = "no-transform, max-age=3600"
_ASK_FIRST = "no-transform, no-cache"


def cache_headers(call: Call, revalidated: bool = False) -> dict[str, str]:
    """ETag and Cache-Control for the stack of the path.

    The tag is the stack's time stamp in milliseconds and its data version: either alone misses
    some change that shows in pictures (saved tiles, the default channel, where mipmaps are).
    `revalidated`: to be kept, but not used before the tag was compared.
    """
    stack = call.stack
    metadata = call.store.stack(stack)
    tag = (
        f"{epoch_milliseconds(metadata['lastModifiedTimestamp'])}-{call.store.data_version(stack)}"
    )
    return {"ETag": f'"{tag}"', "Cache-Control": _ASK_FIRST if revalidated else _MAX_AGE}


def epoch_milliseconds(timestamp: str) -> int:
    """Milliseconds since 1970 of a time stamp of the contract."""
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)
