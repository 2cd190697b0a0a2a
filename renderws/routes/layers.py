"""Layers and sections: operations 37 to 46, 51 to 58 of the contract (section 1.5)."""

from __future__ import annotations

from typing import Any

import orjson

from renderws import cleaning
from renderws.routes.answers import (
    Answer,
    HttpError,
    created,
    dumps,
    json_answer,
    json_bytes,
    spliced,
    text_answer,
)
from renderws.routes.call import Call
from renderws.routes.flattening import flattened
from renderws.routes.router import Route
from renderws.routes.stacks import string_list
from renderws.routes.values import MAX_Z, MIN_Z
from renderws.store.protocol import Invalid, NotFound, SectionData, StackId, TileBounds, TileQuery
from renderws.store.states import stack_text

Z_RANGE = (MIN_Z, MAX_Z)
_FLAT_BOX = ("x", "y", "width", "height")


def require_tiles(call: Call, stack: StackId) -> None:
    """404 when nothing was ever stored in the stack."""
    if not call.store.has_tiles(stack):
        raise NotFound(f"there are no tiles in {stack_text(stack)}")


def get_z_values(call: Call) -> Answer:
    """Distinct z of the tiles, ascending."""
    return json_answer(_z_values(call))


def _z_values(call: Call) -> list[float]:
    stack = call.stack
    values = call.store.z_values(stack, call.query["minZ"], call.query["maxZ"])
    if not values:
        call.store.stack(stack)
    return values


def get_section_data(call: Call) -> Answer:
    """Sections as derived when the stack became COMPLETE, by sectionId."""
    return json_answer([section_json(section) for section in _sections(call)])


def _sections(call: Call) -> list[SectionData]:
    stack = call.stack
    require_tiles(call, stack)
    return call.store.section_data(stack, call.query["minZ"], call.query["maxZ"])


def section_json(section: SectionData) -> dict[str, Any]:
    """SectionData of the contract."""
    return {
        "sectionId": section.section_id,
        "z": section.z,
        "tileCount": section.tile_count,
        "minX": section.min_x,
        "maxX": section.max_x,
        "minY": section.min_y,
        "maxY": section.max_y,
    }


def get_reordered_section_data(call: Call) -> Answer:
    """Sections whose name, read as a number, has another whole part than their z."""
    sections = _sections(call)
    return json_answer([section_json(s) for s in sections if _named_z(s) != int(s.z)])


def _named_z(section: SectionData) -> int:
    try:
        return int(float(section.section_id))
    except (ValueError, OverflowError) as error:
        raise Invalid(f"sectionId '{section.section_id}' is not a number") from error


def get_merged_z_values(call: Call) -> Answer:
    """z values that hold more than one section, ascending."""
    names: dict[float, set[str]] = {}
    for section in _sections(call):
        names.setdefault(section.z, set()).add(section.section_id)
    return json_answer(sorted(z for z, sections in names.items() if len(sections) > 1))


def get_mergeable_data(call: Call) -> Answer:
    """One line per fractional z that directly follows its whole part."""
    lines = [f"{i} < {j} : {low} < {high}\n" for (i, low), (j, high) in _mergeable(call)]
    return text_answer("".join(lines))


def get_mergeable_z_values(call: Call) -> Answer:
    """Whole and fractional z values that belong together, in order."""
    return json_answer(sorted({z for pair in _mergeable(call) for _, z in pair}))


def _mergeable(call: Call) -> list[tuple[tuple[int, float], tuple[int, float]]]:
    """Positions and values of whole z and of the fractional z that directly follow them."""
    found = []
    whole: tuple[int, float] | None = None
    for position, z in enumerate(_z_values(call)):
        if z == int(z):
            whole = (position, z)
        elif whole is not None and int(z) == whole[1]:
            found.append((whole, (position, z)))
    return found


def get_layer_bounds(call: Call) -> Answer:
    """Bounds of the tiles at a z, whatever the state of the stack."""
    min_x, min_y, max_x, max_y = layer_box(call)
    z = call.path["z"]
    return json_answer(
        {"minX": min_x, "minY": min_y, "minZ": z, "maxX": max_x, "maxY": max_y, "maxZ": z}
    )


def layer_box(call: Call) -> tuple[float, float, float, float]:
    """Bounds of the layer of the path; 404 without tiles in the stack, 400 without tiles at z."""
    stack, z = call.stack, call.path["z"]
    box = call.store.layer_bounds(stack, z)
    if box is None:
        require_tiles(call, stack)
        raise Invalid(f"{stack_text(stack)} has no tiles at z {z}")
    return box


def get_layer_section_data(call: Call) -> Answer:
    """Sections at a z, derived from the tiles as they are now."""
    stack = call.stack
    require_tiles(call, stack)
    sections = call.store.section_data_now(stack, call.path["z"])
    return json_answer([section_json(section) for section in sections])


def get_layer_tile_bounds(call: Call) -> Answer:
    """Boxes of the tiles at a z."""
    return _tile_bounds(call, TileQuery(z=call.path["z"]))


def get_section_tile_bounds(call: Call) -> Answer:
    """Boxes of the tiles of a section."""
    return _tile_bounds(call, TileQuery(section_id=call.path["sectionId"]))


def _tile_bounds(call: Call, query: TileQuery) -> Answer:
    stack = call.stack
    bounds = call.store.tile_bounds(stack, query)
    if not bounds:
        require_tiles(call, stack)
    return json_answer([tile_bounds_json(b) for b in bounds])


def tile_bounds_json(bounds: TileBounds) -> dict[str, Any]:
    """TileBounds of the contract."""
    value: dict[str, Any] = {
        "minX": bounds.min_x,
        "minY": bounds.min_y,
        "maxX": bounds.max_x,
        "maxY": bounds.max_y,
        "tileId": bounds.tile_id,
    }
    if bounds.section_id is not None:
        value["sectionId"] = bounds.section_id
    if bounds.z is not None:
        value["z"] = bounds.z
    return value


def put_tiles_z(call: Call) -> Answer:
    """Move tiles to the z of the path."""
    ids = string_list(call, "tile ids")
    call.store.set_tiles_z(call.stack, ids, call.path["z"])
    return created(call.url)


def get_section_z(call: Call) -> Answer:
    """The z of a section."""
    stack = call.stack
    require_tiles(call, stack)
    return json_answer(call.store.section_z(stack, call.path["sectionId"]))


def put_section_z(call: Call) -> Answer:
    """Move all tiles of a section to another z."""
    value = cleaning.convert(call.json(), float, "the request body, the new z,")
    if value is None:
        raise HttpError(400, "the request body must be a number, the new z")
    call.store.set_section_z(call.stack, call.path["sectionId"], value)
    return created(call.url)


def get_transform(call: Call) -> Answer:
    """A shared transform as it is stored."""
    return json_bytes(call.store.transform(call.stack, call.path["transformId"]))


def path_box(call: Call) -> tuple[float, float, float, float]:
    """Box (min_x, min_y, max_x, max_y) of x, y, width and height in the path."""
    x, y, width, height = (call.path[name] for name in _FLAT_BOX)
    if width < 0 or height < 0:
        raise HttpError(400, f"a box of {width} x {height} is empty")
    return x, y, x + width, y + height


def box_query(call: Call) -> TileQuery:
    """Tiles of the box, z and (where given) group of the path."""
    return TileQuery(z=call.path["z"], box=path_box(call), group_id=call.path.get("groupId"))


def get_tile_count(call: Call) -> Answer:
    """How many tiles a box touches."""
    stack = call.stack
    count = call.store.count_tiles(stack, box_query(call))
    if count == 0:
        require_tiles(call, stack)
    return json_answer(count)


def get_tile_specs(call: Call) -> Answer:
    """Flattened tile specifications of a layer, ascending tileId."""
    return json_bytes(spliced(_layer_documents(call)))


def _layer_documents(call: Call) -> list[bytes]:
    stack, z = call.stack, call.path["z"]
    documents = flattened(call, stack, TileQuery(z=z))
    if not documents:
        require_tiles(call, stack)
        raise Invalid(f"{stack_text(stack)} has no tiles at z {z}")
    return documents


def get_last_transforms(call: Call) -> Answer:
    """The last transform of every tile of a layer."""
    found = []
    for document in _layer_documents(call):
        tile = orjson.loads(document)
        leaves = tile["transforms"]["specList"]
        entry = {"tileId": tile["tileId"]}
        if leaves:
            entry["lastTransform"] = leaves[-1]
        found.append(dumps(entry))
    return json_bytes(spliced(found))


def routes() -> tuple[Route, ...]:
    """Operations 37 to 46, 51 to 58."""
    box = "S/z/{z}/box/{x},{y},{width},{height}/tile-count"
    dvid = "S/dvid/imagetile/raw/xy/{width}_{height}/{x}_{y}_{z}/tile-count"
    section = "S/section/{sectionId}"
    return (
        Route(37, "GET", "S/zValues", get_z_values, Z_RANGE),
        Route(38, "GET", "S/sectionData", get_section_data, Z_RANGE),
        Route(39, "GET", "S/reorderedSectionData", get_reordered_section_data, Z_RANGE),
        Route(40, "GET", "S/mergedZValues", get_merged_z_values, Z_RANGE),
        Route(41, "GET", "S/mergeableData", get_mergeable_data, Z_RANGE),
        Route(42, "GET", "S/mergeableZValues", get_mergeable_z_values, Z_RANGE),
        Route(43, "GET", "S/z/{z}/bounds", get_layer_bounds),
        Route(44, "GET", "S/z/{z}/sectionData", get_layer_section_data),
        Route(45, "GET", "S/z/{z}/tileBounds", get_layer_tile_bounds),
        Route(46, "PUT", "S/z/{z}/tileIds", put_tiles_z, body="[tileId]"),
        Route(51, "GET", section + "/z", get_section_z, quick=True),
        Route(52, "PUT", section + "/z", put_section_z, lengthy=True, body="number"),
        Route(53, "GET", section + "/tileBounds", get_section_tile_bounds),
        Route(54, "GET", "S/transform/{transformId}", get_transform, quick=True),
        Route(55, "GET", box, get_tile_count),
        Route(56, "GET", dvid, get_tile_count),
        Route(57, "GET", "S/z/{z}/tile-specs", get_tile_specs),
        Route(58, "GET", "S/z/{z}/last-tile-transforms", get_last_transforms),
    )
