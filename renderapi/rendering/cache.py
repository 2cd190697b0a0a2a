"""Source images in memory, shared by every picture that needs them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any

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

    def view(self) -> SourceView:
        """Access for one picture: see `SourceView`."""
        return SourceView(self)

    def held(self, key: Hashable) -> Any:
        """Value of `key` if it is kept, else None."""
        with self._lock:
            return self._entries.get(key)


class SourceView:
    """The cache as one picture sees it: every file is looked at once, permission asked once.

    A local file that changes between two pictures is another image; within one picture it is not.
    """

    def __init__(self, cache: SourceCache) -> None:
        self._cache = cache
        self._checked: dict[str, tuple[int, int] | None] = {}

    @property
    def allow(self) -> Callable[[str], None] | None:
        """The permission check of the cache."""
        return self._cache.allow

    def get(self, key: Hashable, load: Callable[[], Any]) -> Any:
        """As `SourceCache.get`."""
        return self._cache.get(key, load)

    def check(self, url: str, loader: str | None) -> None:
        """Refuse a source that is not allowed, or a local file that is missing or empty."""
        if url not in self._checked:
            self._checked[url] = readers.check_source(url, loader, self.allow)

    def key(self, url: str, loader: str | None, number: int | None) -> tuple[Hashable, ...]:
        """What identifies the pixels of an image."""
        if url not in self._checked:
            if self.allow is not None and not url.startswith("mask:"):
                self.allow(url)
            self._checked[url] = readers.local_stamp(url)
        return (url, loader, number, self._checked[url])

    def image(self, url: str, loader: str | None = None, number: int | None = None) -> NDArray:
        """Pixels of an image, as `readers.read_image`; shared, not to be written to."""
        return self.get(
            self.key(url, loader, number),
            lambda: readers.read_image(url, loader, number, self.allow),
        )

    def info(self, url: str, loader: str | None = None, number: int | None = None) -> ImageInfo:
        """Size and pixel type of an image, from its header where it is a local file."""
        key = self.key(url, loader, number)
        pixels = self._cache.held(key)
        if pixels is not None:
            height, width = pixels.shape[:2]
            return ImageInfo(width, height, pixels.dtype, 3 if pixels.ndim == 3 else 1)
        return self.get(("info", key), lambda: readers.read_info(url, loader, number, self.allow))


def _size(value: Any) -> int:
    return int(getattr(value, "nbytes", _SMALL_ENTRY))
