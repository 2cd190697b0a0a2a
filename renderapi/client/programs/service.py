"""Stacks and match collections of a service as the programs deal with them: JSON documents.

Documents are passed on as they are read: what a program does not change stays verbatim.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from renderapi.client.programs.options import Options
from renderapi.errors import ClientScriptError, NotFoundError
from renderapi.layers import layer_resolved_tiles
from renderapi.utils import get_json, json_of, put_json, rest_delete, send_json
from renderapi.web import given, join, request

Json = dict[str, Any]
TILES_AT_A_TIME = 2000


class StackService:
    """A stack of a service.

    Attributes
    ----------
    base : str
        URL of the interface, such as http://host:8080/render-ws/v1.
    url : str
        URL of the stack.
    """

    def __init__(self, base: str, owner: str, project: str, stack: str, session: Any) -> None:
        self.base = base.rstrip("/")
        self.owner, self.project, self.stack = owner, project, stack
        self.session = session
        self.url = join(self.base, "owner", owner, "project", project, "stack", stack)

    def __str__(self) -> str:
        return f"stack {self.stack} of {self.owner}/{self.project}"

    def sibling(
        self, stack: str | None, project: str | None = None, owner: str | None = None
    ) -> StackService:
        """Another stack of the same service; what is None is as here."""
        return StackService(
            self.base,
            owner or self.owner,
            project or self.project,
            stack or self.stack,
            self.session,
        )

    def same_as(self, other: StackService) -> bool:
        """Whether both are one stack."""
        return self.url == other.url

    def metadata(self) -> Json:
        """Metadata of the stack; NotFoundError if there is none."""
        found: Json = get_json(self.session, self.url)
        return found

    def set_state(self, state: str) -> None:
        """Change the state of the stack."""
        url = join(self.url, "state", state)
        send_json(self.session, "PUT", url, None, accept=(200, 201))

    def ensure_loading(self) -> None:
        """Make the stack LOADING unless it is; it must exist."""
        if self.metadata().get("state") != "LOADING":
            self.set_state("LOADING")

    def z_values(self, low: float | None = None, high: float | None = None) -> list[float]:
        """z values with tiles, ascending, within the bounds given (inclusive)."""
        found = get_json(self.session, join(self.url, "zValues"), given(minZ=low, maxZ=high))
        return [
            float(z) for z in found if (low is None or z >= low) and (high is None or z <= high)
        ]

    def bounds(self) -> Json:
        """Bounds of the stack: its statistics where they are in force, else of all layers."""
        metadata = self.metadata()
        stats = metadata.get("stats") or {}
        if stats.get("stackBounds") and metadata.get("state") != "LOADING":
            found: Json = stats["stackBounds"]
            return found
        layers = [self.layer_bounds(z) for z in self.z_values()]
        if not layers:
            raise ClientScriptError(f"{self} has no tiles")
        low = {key: min(layer[key] for layer in layers) for key in ("minX", "minY", "minZ")}
        high = {key: max(layer[key] for layer in layers) for key in ("maxX", "maxY", "maxZ")}
        return {**low, **high}

    def layer_bounds(self, z: float) -> Json:
        """Bounds of the tiles at z."""
        found: Json = get_json(self.session, join(self.url, "z", z, "bounds"))
        return found

    def tile_bounds(self, z: float) -> list[Json]:
        """Bounds, tileId and sectionId of each tile at z."""
        found: list[Json] = get_json(self.session, join(self.url, "z", z, "tileBounds"))
        return found

    def resolved_tiles(self, z: float) -> Json:
        """Tiles at z by id, and the transforms they share by id."""
        return layer_resolved_tiles(self.session, self.url, z)

    def tile(self, tile_id: str) -> Json:
        """Tile spec as it is stored."""
        found: Json = get_json(self.session, join(self.url, "tile", tile_id))
        return found

    def tile_specs(self, tile_ids: Sequence[str]) -> Iterator[list[Json]]:
        """Tile specs with flattened transforms, some at a time; unknown ids are left out."""
        url = join(self.url, "tile-specs-with-ids")
        for first in range(0, len(tile_ids), TILES_AT_A_TIME):
            part = list(tile_ids[first : first + TILES_AT_A_TIME])
            yield json_of(put_json(self.session, url, part))

    def render_parameters(
        self, z: float, box: tuple[float, float, int, int], scale: float, **query: Any
    ) -> Json:
        """Render parameters of a box (x, y, width, height) at z."""
        x, y, width, height = box
        place = f"{_whole(x)},{_whole(y)},{width},{height},{scale}"
        url = join(self.url, "z", z, "box", place, "render-parameters")
        found: Json = get_json(self.session, url, query_of(query))
        return found

    def save_tiles(self, tiles: Iterable[Json], shared: Iterable[Json], z: float | None) -> None:
        """Store tiles, which carry their boxes, with the transforms they share."""
        url = self.url if z is None else join(self.url, "z", z)
        body = {
            "transformIdToSpecMap": {spec["id"]: spec for spec in shared},
            "tileIdToSpecMap": {tile["tileId"]: tile for tile in tiles},
        }
        put_json(self.session, join(url, "resolvedTiles"), body)

    def delete_layer(self, z: float) -> None:
        """Delete the tiles at z."""
        rest_delete(self.session, join(self.url, "z", z))


def query_of(values: dict[str, Any]) -> dict[str, str]:
    """Query parameters that are not None, booleans as Java writes them."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in values.items()
        if value is not None
    }


def _whole(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def stack_of(options: Options) -> StackService:
    """The stack that --baseDataUrl, --owner, --project and --stack name."""
    return StackService(
        options.baseDataUrl, options.owner, options.project, options.stack, options.session
    )


class CollectionService:
    """A match collection of a service."""

    def __init__(self, base: str, owner: str, collection: str, session: Any) -> None:
        self.base, self.session = base.rstrip("/"), session
        self.owner, self.collection = owner, collection
        self.url = join(self.base, "owner", owner, "matchCollection", collection)

    def save(self, matches: list[Json]) -> None:
        """Store matches; nothing is sent where there are none."""
        if matches:
            put_json(self.session, join(self.url, "matches"), matches)

    def p_groups(self) -> list[str]:
        """Group ids that occur as p."""
        found: list[str] = get_json(self.session, join(self.url, "pGroupIds"))
        return found

    def matches_of(self, p_group: str, details: bool = True) -> list[Json]:
        """Matches whose p is in a group; without points unless `details`."""
        url = join(self.url, "pGroup", p_group, "matches")
        query = {} if details else {"excludeMatchDetails": "true"}
        found: list[Json] = get_json(self.session, url, query)
        return found

    def delete_p_group(self, p_group: str) -> None:
        """Delete the matches whose p is in a group."""
        rest_delete(self.session, join(self.url, "pGroup", p_group, "matches"))

    def update_counts(self, p_group: str) -> None:
        """Count the matches of each pair whose p is in a group anew."""
        url = join(self.url, "pGroup", p_group, "matchCounts")
        request(self.session, "PUT", url, accept=(200, 201))

    def exists(self) -> bool:
        """Whether there is such a collection."""
        try:
            get_json(self.session, join(self.url, "pGroupIds"))
        except NotFoundError:
            return False
        return True


def collection_of(options: Options) -> CollectionService:
    """The collection that --baseDataUrl, --owner and --collection name."""
    return CollectionService(
        options.baseDataUrl, options.owner, options.collection, options.session
    )
