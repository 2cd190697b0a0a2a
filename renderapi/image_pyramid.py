"""Images of a tile at successive halvings of its size, with their masks."""

from __future__ import annotations

import logging
import warnings
from collections import OrderedDict
from collections.abc import (
    Callable,
    ItemsView,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
)
from typing import Any

from renderapi.errors import RenderError

logger = logging.getLogger(__name__)

_URLS = ("imageUrl", "maskUrl")
_LOADER_KEYS = ("imageLoaderType", "imageSliceNumber", "maskLoaderType", "maskSliceNumber")
_NO_LOADERS: Mapping[str, Any] = {}


class MipMap:
    """URL of an image and of its mask.

    `m["imageUrl"]` and `m["maskUrl"]` read and set; iteration gives the pairs that are not None, so
    `dict(m)` is the JSON object. Loader types and slice numbers of the JSON object are kept in
    `loaders` and written back.
    """

    __slots__ = ("imageUrl", "loaders", "maskUrl")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, imageUrl: str | None = None, maskUrl: str | None = None, **loaders: Any
    ) -> None:
        if loaders and (unknown := set(loaders).difference(_LOADER_KEYS)):
            raise TypeError(f"a mipmap has no {', '.join(sorted(unknown))}")
        self.imageUrl = imageUrl
        self.maskUrl = maskUrl
        self.loaders: Mapping[str, Any] = loaders or _NO_LOADERS

    def __setstate__(self, state: Any) -> None:
        """Take the state of a pickle; one of release 2.4.2 has a dict of attributes."""
        self.loaders = _NO_LOADERS
        attributes = state[1] if isinstance(state, tuple) else state
        for name, value in attributes.items():
            setattr(self, name, value)

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> MipMap:
        """Mipmap of a JSON object; unknown keys are left out."""
        mipmap = cls(d.get("imageUrl"), d.get("maskUrl"))
        if len(d) > 1 or "imageUrl" not in d:
            loaders = {key: d[key] for key in _LOADER_KEYS if d.get(key) is not None}
            mipmap.loaders = loaders or _NO_LOADERS
        return mipmap

    def to_dict(self) -> dict[str, Any]:
        """JSON object, without what is None."""
        d: dict[str, Any] = {}
        if self.imageUrl is not None:
            d["imageUrl"] = self.imageUrl
        if self.maskUrl is not None:
            d["maskUrl"] = self.maskUrl
        if self.loaders:
            d.update(self.loaders)
        return d

    def __getitem__(self, key: str) -> Any:
        if key not in _URLS:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: str | None) -> None:
        if key not in _URLS:
            raise KeyError(key)
        setattr(self, key, value)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.to_dict().items())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MipMap):
            return self.to_dict() == other.to_dict()
        if isinstance(other, Mapping):
            return self.to_dict() == {k: v for k, v in other.items() if v is not None}
        return NotImplemented

    def __repr__(self) -> str:
        return f"MipMap({', '.join(f'{key}={value!r}' for key, value in self)})"


class MipMapLevel:
    """A mipmap with its level. Deprecated: use `ImagePyramid` and `MipMap`."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, level: int | str, imageUrl: str | None = None, maskUrl: str | None = None
    ) -> None:
        warnings.warn(
            "MipMapLevel is deprecated: use ImagePyramid and MipMap",
            DeprecationWarning,
            stacklevel=2,
        )
        self.level = level
        self.mipmap = MipMap(imageUrl, maskUrl)

    @property
    def imageUrl(self) -> str | None:
        """URL of the image."""
        return self.mipmap.imageUrl

    @property
    def maskUrl(self) -> str | None:
        """URL of the mask."""
        return self.mipmap.maskUrl

    def to_dict(self) -> dict[str, Any]:
        """JSON object of the mipmap, without the level."""
        return self.mipmap.to_dict()

    def __getitem__(self, key: str) -> Any:
        return self.mipmap[key]

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.mipmap)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MipMapLevel):
            return self.mipmap == other.mipmap
        return NotImplemented


class TransformedDict(MutableMapping[Any, Any]):
    """Dictionary whose keys pass through `__keytransform__` (here: unchanged)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.store: dict[Any, Any] = {}
        self.update(dict(*args, **kwargs))

    def __keytransform__(self, key: Any) -> Any:
        return key

    def __getitem__(self, key: Any) -> Any:
        return self.store[self.__keytransform__(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.store[self.__keytransform__(key)] = value

    def __delitem__(self, key: Any) -> None:
        del self.store[self.__keytransform__(key)]

    def __contains__(self, key: object) -> bool:
        return self.__keytransform__(key) in self.store

    def __iter__(self) -> Iterator[Any]:
        return iter(self.store)

    def __len__(self) -> int:
        return len(self.store)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store!r})"


class ImagePyramid(TransformedDict):
    """Mipmaps by level. Levels may be given as numbers or texts; they are kept as texts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not args and not kwargs:
            self.store = {}
            return
        levels = kwargs.pop("mipMapLevels", None)
        if levels is None and args and _is_level_list(args[0]):
            levels, args = args[0], args[1:]
        super().__init__(*args, **kwargs)
        for level in levels or ():
            self.append(level)

    def __keytransform__(self, key: Any) -> str:
        return _level(key)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.store))

    @property
    def levels(self) -> KeysView[str]:
        """Levels as texts, in the order they were added."""
        return self.store.keys()

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """JSON object of the pyramid, by level."""
        store = self.store
        return {level: store[level].to_dict() for level in sorted(store)}

    @classmethod
    def from_dict(cls, d: Mapping[Any, Mapping[str, Any]]) -> ImagePyramid:
        """Pyramid of a JSON object."""
        pyramid = cls.__new__(cls)
        pyramid.store = {_level(key): MipMap.from_dict(mipmap) for key, mipmap in d.items()}
        return pyramid

    def append(self, mmL: MipMapLevel) -> None:
        """Add a `MipMapLevel`; one of the same level is replaced."""
        self[mmL.level] = mmL.mipmap

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As for any mapping; a single `MipMapLevel` is accepted too."""
        if len(args) == 1 and isinstance(args[0], MipMapLevel):
            self.append(args[0])
        else:
            super().update(*args, **kwargs)

    def to_ordered_dict(
        self, key: Callable[[tuple[str, Any]], Any] | None = None
    ) -> OrderedDict[str, dict[str, Any]]:
        """JSON object of the pyramid, ordered by level number or by `key` of each item."""
        items: ItemsView[str, dict[str, Any]] = self.to_dict().items()
        return OrderedDict(sorted(items, key=key or (lambda item: int(item[0]))))


def _level(key: Any) -> str:
    """Text of a level; RenderError unless it is 0, 1, 2, ..."""
    try:
        level = int(key)
    except ValueError as error:
        raise RenderError(f"{key!r} is not a mipmap level (0, 1, 2, ...)") from error
    if level < 0:
        raise RenderError(f"{key!r} is not a mipmap level (0, 1, 2, ...)")
    return str(level)


def _is_level_list(value: Any) -> bool:
    """Whether an argument is the list of MipMapLevel that release 1.0.1 took."""
    return isinstance(value, (list, tuple)) and all(isinstance(v, MipMapLevel) for v in value)
