"""Source images in memory, shared by every picture that needs them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering import readers
from renderapi.rendering.formats import ImageInfo

DEFAULT_BYTES = 512 * 1024 * 1024
_SMALL_ENTRY = 1024


class SourceCache:
    """Least recently used images, bounded by bytes, read once however many ask at a time.

    Parameters
    ----------
    max_bytes : int
        Upper bound of what is kept; 0 keeps nothing. An image that is larger is not kept.
    allow : callable, optional
        Called with a URL before anything is opened; raises `SourceNotAllowed` to refuse it. It is
        asked for cached images too.
    """

    def __init__(
        self, max_bytes: int = DEFAULT_BYTES, allow: Callable[[str], None] | None = None
    ) -> None:
        self.max_bytes = max_bytes
        self.allow = allow
        self.loads = 0
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()
        self._bytes = 0
        self._loading: dict[Hashable, Future[Any]] = {}
        self._lock = Lock()

    @property
    def bytes_held(self) -> int:
        """Bytes of the images that are kept now."""
        return self._bytes

    def get(self, key: Hashable, load: Callable[[], Any]) -> Any:
        """Value of `key`; `load` is called when it is absent, by one thread while others wait."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
            future = self._loading.get(key)
            mine = future is None
            if future is None:
                future = self._loading[key] = Future()
        if not mine:
            return future.result()
        return self._load(key, load, future)

    def _load(self, key: Hashable, load: Callable[[], Any], future: Future[Any]) -> Any:
        try:
            value = load()
        except BaseException as error:
            with self._lock:
                del self._loading[key]
            future.set_exception(error)
            raise
        with self._lock:
            self.loads += 1
            del self._loading[key]
            self._keep(key, value)
        future.set_result(value)
        return value

    def _keep(self, key: Hashable, value: Any) -> None:
        size = _size(value)
        if size > self.max_bytes:
            return
        self._entries[key] = value
        self._bytes += size
        while self._bytes > self.max_bytes:
            _, dropped = self._entries.popitem(last=False)
            self._bytes -= _size(dropped)

    def image(self, url: str, loader: str | None = None, number: int | None = None) -> NDArray:
        """Pixels of an image, as `readers.read_image`; not to be written to."""
        if self.allow is not None and not url.startswith("mask:"):
            self.allow(url)
        return self.get(
            image_key(url, loader, number),
            lambda: readers.read_image(url, loader, number, self.allow),
        )

    def info(self, url: str, loader: str | None = None, number: int | None = None) -> ImageInfo:
        """Size and pixel type of an image, from its header where it is a local file."""
        if self.allow is not None and not url.startswith("mask:"):
            self.allow(url)
        key = image_key(url, loader, number)
        with self._lock:
            pixels = self._entries.get(key)
        if pixels is not None:
            height, width = pixels.shape[:2]
            return ImageInfo(width, height, pixels.dtype, 3 if pixels.ndim == 3 else 1)
        return self.get(("info", key), lambda: readers.read_info(url, loader, number, self.allow))


def image_key(url: str, loader: str | None, number: int | None) -> tuple[Hashable, ...]:
    """What identifies the pixels of an image; a local file that changes is another image."""
    return (url, loader, number, readers.local_stamp(url))


def _size(value: Any) -> int:
    return int(value.nbytes) if isinstance(value, np.ndarray) else _SMALL_ENTRY
