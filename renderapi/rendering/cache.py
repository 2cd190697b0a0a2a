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
from renderapi.rendering.limits import OWN, DrawingLimits, DrawingStopped, Stop, go_on
from renderapi.rendering.opening import address_of, ask

DEFAULT_BYTES = 512 * 1024 * 1024
_SMALL_ENTRY = 1024


class SourceCache:
    """Least recently used images, bounded by bytes, read once however many ask at a time.

    Parameters
    ----------
    max_bytes : int
        Upper bound of what is kept; 0 keeps nothing. An image that is larger is not kept.
    allow : callable, optional
        Called with the URL of what is to be opened, of a file that of its path with links
        resolved; raises `SourceNotAllowed` to refuse it. It is asked for cached images too.
    limits : DrawingLimits
        Bounds of everything that is drawn from here.
    """

    def __init__(
        self,
        max_bytes: int = DEFAULT_BYTES,
        allow: Callable[[str], None] | None = None,
        limits: DrawingLimits = OWN,
    ) -> None:
        self.max_bytes = max_bytes
        self.allow = allow
        self.limits = limits
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
        while True:
            with self._lock:
                if key in self._entries:
                    self._entries.move_to_end(key)
                    return self._entries[key]
                future = self._loading.get(key)
                mine = future is None
                if future is None:
                    future = self._loading[key] = Future()
            if mine:
                return self._load(key, load, future)
            try:
                return future.result()
            except DrawingStopped:  # the other picture was: this one goes on and loads by itself
                continue

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

    def view(self, stop: Stop | None = None) -> SourceView:
        """Access for one picture, which may be told to stop: see `SourceView`."""
        return SourceView(self, stop)

    def held(self, key: Hashable) -> Any:
        """Value of `key` if it is kept, else None."""
        with self._lock:
            return self._entries.get(key)


class SourceView:
    """The cache as one picture sees it: every file is looked at once, permission asked once.

    A local file that changes between two pictures is another image; within one picture it is not.
    """

    def __init__(self, cache: SourceCache, stop: Stop | None = None) -> None:
        self._cache = cache
        self._checked: dict[tuple[str, str | None], tuple[int, int] | None] = {}
        self.check_stop = go_on if stop is None else stop.check

    @property
    def allow(self) -> Callable[[str], None] | None:
        """The permission check of the cache."""
        return self._cache.allow

    @property
    def limits(self) -> DrawingLimits:
        """Bounds of what is drawn."""
        return self._cache.limits

    def get(self, key: Hashable, load: Callable[[], Any]) -> Any:
        """As `SourceCache.get`."""
        self.check_stop()
        return self._cache.get(key, load)

    def check(self, url: str, loader: str | None) -> None:
        """Refuse a source that is not allowed, or a local file that is missing or empty."""
        if (url, loader) not in self._checked:
            self._checked[url, loader] = readers.check_source(url, loader, self.allow)

    def key(self, url: str, loader: str | None, number: int | None) -> tuple[Hashable, ...]:
        """What identifies the pixels of an image."""
        if (url, loader) not in self._checked:
            ask(address_of(url, loader), self.allow)
            self._checked[url, loader] = readers.local_stamp(url, loader)
        return (url, loader, number, self._checked[url, loader])

    def image(self, url: str, loader: str | None = None, number: int | None = None) -> NDArray:
        """Pixels of an image, as `readers.read_image`; shared, not to be written to."""
        return self.get(
            self.key(url, loader, number),
            lambda: readers.read_image(url, loader, number, self.allow, self.limits),
        )

    def info(self, url: str, loader: str | None = None, number: int | None = None) -> ImageInfo:
        """Size and pixel type of an image, from its header where it is a local file."""
        key = self.key(url, loader, number)
        pixels = self._cache.held(key)
        if pixels is not None:
            height, width = pixels.shape[:2]
            return ImageInfo(width, height, pixels.dtype, 3 if pixels.ndim == 3 else 1)
        return self.get(
            ("info", key),
            lambda: readers.read_info(url, loader, number, self.allow, self.limits),
        )


def _size(value: Any) -> int:
    return int(getattr(value, "nbytes", _SMALL_ENTRY))
