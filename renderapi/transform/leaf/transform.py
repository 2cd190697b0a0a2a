"""What a leaf transform is: class name, data string and, for known classes, a map of points.

``Transform`` is the record alone; it is also what an unknown class becomes, so nothing is lost on a
round trip. ``CoordinateTransform`` adds the map of points and the rule for writing data strings: a
string that was read is written back as it was until the numbers it stands for have changed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import EstimationError, RenderError, SpecError
from renderapi.shown import grid, table
from renderapi.transform.leaf.points import as_points

logger = logging.getLogger(__name__)

_KNOWN_KEYS = frozenset({"type", "className", "dataString", "id", "metaData"})
_MINUS_ZERO = re.compile(r"(?<![0-9.E])-(?=0\.0(?![0-9]))")


class Transform:
    """A transform by class name and data string.

    Parameters
    ----------
    className : str, optional
        Java class name.
    dataString : str, optional
        Parameters in the form that class reads.
    transformId : str, optional
        Id under which other transforms may refer to this one.
    labels : sequence of str, optional
        Labels; an empty sequence is written as an empty list.
    json : dict, optional
        Document to read instead of all other arguments.

    Notes
    -----
    Equality compares class name and data string only, and is also true for the string form itself.
    What a data string stands for is compared, not how its numbers are spelt, where the class is
    known.
    """

    className: Any = None
    dataString: Any = None
    transformId: Any = None
    labels: Any = None
    _extra: Any = None
    _metadata: Any = None

    def __init__(
        self,
        className: str | None = None,
        dataString: str | None = None,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        self.className = className
        if dataString is not None:
            self._process_dataString(dataString)
        self.transformId = transformId
        self.labels = labels

    def to_dict(self) -> dict[str, Any]:
        """Document of this transform: type, className, dataString, and id and metaData if set."""
        document = {"type": "leaf", "className": self.className, "dataString": self.dataString}
        if self._extra is not None:
            document.update(self._extra)
        if self.transformId is not None:
            document["id"] = self.transformId
        if self.labels is not None or self._metadata is not None:
            metadata = {} if self._metadata is None else dict(self._metadata)
            if self.labels is not None:
                metadata["labels"] = list(self.labels)
            document["metaData"] = metadata
        return document

    def document(self) -> dict[str, Any]:
        """`to_dict`, with the data string as it was read while it stands for the same."""
        return self.to_dict()

    def from_dict(self, d: Mapping[str, Any]) -> None:
        """Read a document in place; className and dataString are required (KeyError)."""
        self.className = d["className"]
        self._process_dataString(d["dataString"])
        if len(d) == 3 and "type" in d:  # nothing else, as most are
            self.transformId = self.labels = None
            return
        self.transformId = d.get("id")
        metadata = d.get("metaData") or {}
        self.labels = metadata.get("labels")
        others = {key: value for key, value in metadata.items() if key != "labels"}
        if others:
            self._metadata = others
        if not d.keys() <= _KNOWN_KEYS:
            self._extra = {key: value for key, value in d.items() if key not in _KNOWN_KEYS}

    def _process_dataString(self, datastring: str) -> None:
        self.dataString = datastring

    def __str__(self) -> str:
        return f"className:{self.className}\ndataString:{self.dataString}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows: dict[str, object] = {"id": self.transformId, "labels": self.labels}
        matrix: Any = getattr(self, "M", None)
        if np.shape(matrix) == (3, 3):
            rows["matrix"] = grid(matrix.tolist())
        else:
            rows["data"] = self.document()["dataString"]
        return table(self.className or type(self).__name__, rows)

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class CoordinateTransform(Transform):
    """A transform whose class is known here, so points can be mapped through it.

    A subclass reads its parameters in ``_parse``, writes them in ``_format``, lists the attributes
    that hold them in ``_parameters`` and maps points in ``_map``. The inverse is found numerically
    unless the subclass knows better.
    """

    _parameters: tuple[str, ...] = ()
    _read: Any = None

    @property
    def dataString(self) -> str:
        """Data string: as it was read while the parameters are unchanged, else the written form."""
        return self._as_read() or self._format()

    @dataString.setter
    def dataString(self, datastring: str) -> None:
        self._process_dataString(datastring)

    def _process_dataString(self, datastring: str) -> None:
        try:
            state = self._parse(datastring)
        except (RenderError, ValueError, AttributeError, TypeError, IndexError) as error:
            shown = datastring if len(str(datastring)) <= 80 else f"{datastring[:77]}..."
            raise SpecError(
                f"{self.className}: cannot read the dataString {shown!r}: {error}"
            ) from error
        self._read = (datastring, self._state() if state is None else state)

    def _as_read(self) -> str | None:
        """The data string that was read, while the parameters are those that it stands for."""
        read = self._read
        return read[0] if read is not None and read[1] == self._state() else None

    def document(self) -> dict[str, Any]:
        """`to_dict`, with the data string as it was read while it stands for the same."""
        text = self._as_read()
        document = self.to_dict()
        return document if text is None else {**document, "dataString": text}

    def complete(self) -> None:
        """Read what is read when it is first needed; SpecError where it cannot be read."""

    def _canonical(self) -> str:
        """One data string for all spellings of the same parameters."""
        return _MINUS_ZERO.sub("", self._format())

    def __str__(self) -> str:
        try:
            text = self._canonical()
        except SpecError:  # no parameters yet
            text = "None"
        return f"className:{self.className}\ndataString:{text}"

    def _state(self) -> Any:
        """Comparable picture of the parameters: have they changed since they were read?"""
        values = (self.__dict__.get(name) for name in self._parameters)
        return tuple(
            (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
            for value in values
        )

    def _parse(self, datastring: str) -> Any:
        """Take the parameters of a data string; may return what `_state` gives then."""
        raise NotImplementedError(f"{type(self).__name__} does not read data strings")

    def _format(self) -> str:
        raise NotImplementedError(f"{type(self).__name__} does not write data strings")

    def _map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        raise NotImplementedError(f"{type(self).__name__} does not map points")

    def tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points.

        Parameters
        ----------
        points : array_like, N x 2
            x and y in pixels; any number type.

        Returns
        -------
        ndarray, N x 2, float64
        """
        return self._map(as_points(points))

    def inverse_tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points through the inverse, found by Newton's method.

        Parameters
        ----------
        points : array_like, N x 2

        Returns
        -------
        ndarray, N x 2, float64
            Points that `tform` maps to `points` within 1e-9 pixel (within 1e-12 of the size of
            the coordinates where that is more).

        Raises
        ------
        EstimationError
            When no such point is found.
        """
        from renderapi.transform.leaf.inverse import invert

        return invert(self._map, as_points(points), self._jacobian, name=str(self.className))

    def _jacobian(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivatives N x 2 x 2, [n, i, j] = d out_i / d in_j at point n."""
        from renderapi.transform.leaf.inverse import difference_jacobian

        return difference_jacobian(self._map, points)

    def estimate(self, *args: Any, **kwargs: Any) -> Any:
        """Fit this transform to points; an EstimationError where no fit is defined."""
        raise EstimationError(f"{self.className} cannot be estimated from points")
