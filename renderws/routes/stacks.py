"""Stack metadata: operations 1 to 33 of the contract (section 1.4)."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import re2

from renderws import cleaning
from renderws.documents import MipmapPathBuilder
from renderws.routes.answers import (
    Answer,
    HttpError,
    created,
    done,
    json_answer,
    json_bytes,
    json_stream,
    spliced,
    text_answer,
)
from renderws.routes.call import Call
from renderws.routes.flattening import flattened
from renderws.routes.router import Route
from renderws.routes.values import MAX_Z, MIN_Z, Parameter, boolean, double, one_of
from renderws.store.protocol import Invalid, NotFound, StackId, TileQuery
from renderws.store.states import STATES, stack_text

_RESOLUTIONS = ("stackResolutionX", "stackResolutionY", "stackResolutionZ")
_COUNTER = itertools.count(secrets.randbelow(1 << 24))
_RANDOM = secrets.token_bytes(5)


def likely_unique_id(call: Call) -> Answer:
    """24 hex digits: seconds, a random part of this process, a counter."""
    return text_answer(unique_id())


def unique_id() -> str:
    """A new identifier of 24 hex digits."""
    seconds = int(time.time()) & 0xFFFFFFFF
    return f"{seconds:08x}{_RANDOM.hex()}{next(_COUNTER) & 0xFFFFFF:06x}"


def owners(call: Call) -> Answer:
    """Owners of stacks, ascending."""
    return json_answer(call.store.owners())


def projects(call: Call) -> Answer:
    """Projects of an owner, ascending."""
    stacks = call.store.stacks(call.path["owner"])
    return json_answer(sorted({stack["stackId"]["project"] for stack in stacks}))


def stack_ids(call: Call) -> Answer:
    """Identities of the stacks of an owner, or of one project."""
    return json_answer([stack["stackId"] for stack in _stacks(call)])


def stacks(call: Call) -> Answer:
    """Metadata of the stacks of an owner, or of one project."""
    return json_answer(_stacks(call))


def _stacks(call: Call) -> list[dict[str, Any]]:
    return call.store.stacks(call.path["owner"], call.path.get("project"))


def get_stack(call: Call) -> Answer:
    """Metadata of a stack."""
    return json_answer(call.store.stack(call.stack))


def post_stack(call: Call) -> Answer:
    """A new stack, or the next version of an existing one, open for loading."""
    call.store.create_stack(call.stack, cleaning.stack_version(call.body))
    return created(call.url)


def delete_stack(call: Call) -> Answer:
    """Remove a stack with everything in it."""
    call.store.delete_stack(call.stack)
    return done()


def put_stack_id(call: Call) -> Answer:
    """Give a stack another identity."""
    target = cleaning.stack_identity(call.body, call.settings.max_name_length)
    call.store.rename_stack(call.stack, target)
    return done()


def put_clone(call: Call) -> Answer:
    """Copy a stack, or some of its sections, to another one of the same owner."""
    version = cleaning.stack_version(call.body)
    target = call.stack_named(call.path["toStack"], project=call.query["toProject"])
    zs = call.query["z"] or None
    call.store.clone_stack(call.stack, target, version, zs, call.query["skipTransforms"])
    return created(call.url)


def get_resolution(call: Call) -> Answer:
    """Resolution in x, y and z; null where it is not set."""
    version = _version(call)
    return json_answer([version.get(key) for key in _RESOLUTIONS])


def put_resolution(call: Call) -> Answer:
    """Set one to three resolution values; those not given are unset."""
    values = call.json_list("one to three resolution values")
    if not 1 <= len(values) <= 3:
        raise HttpError(400, "give one to three resolution values")
    given = [cleaning.convert(value, float, "resolution value") for value in values]
    return _set(call, dict(itertools.zip_longest(_RESOLUTIONS, given)))


def delete_resolution(call: Call) -> Answer:
    """Unset the resolution."""
    return _set(call, dict.fromkeys(_RESOLUTIONS))


def get_box_root(call: Call) -> Answer:
    """Folder of the materialised boxes."""
    return text_answer(_version(call).get("materializedBoxRootPath"))


def put_box_root(call: Call) -> Answer:
    """Set the folder of the materialised boxes; blank text unsets it."""
    return _set(call, {"materializedBoxRootPath": call.text().strip() or None})


def get_mipmap_builder(call: Call) -> Answer:
    """Where the reduced images of the stack are."""
    return json_answer(_version(call).get("mipmapPathBuilder"))


def put_mipmap_builder(call: Call) -> Answer:
    """Say where the reduced images of the stack are."""
    builder = cleaning.parse(call.body, MipmapPathBuilder, "the mipmap path builder")
    return _set(call, {"mipmapPathBuilder": checked_builder(builder)})


def checked_builder(builder: dict[str, Any] | None) -> dict[str, Any]:
    """A builder whose root path ends with a slash; 400 when it is incomplete or its pattern bad."""
    if not builder or "rootPath" not in builder:
        raise HttpError(400, "the mipmap path builder must hold rootPath")
    pattern = builder.get("imageMipmapPatternString")
    if pattern is not None and compiled(pattern).groups != 2:
        raise HttpError(400, f"mipmap pattern '{pattern}' must have two groups")
    root = builder["rootPath"]
    return {**builder, "rootPath": root if root.endswith("/") else root + "/"}


def get_default_channel(call: Call) -> Answer:
    """Name of the channel that is drawn when a request names none: bare text, declared as JSON."""
    name = _version(call).get("defaultChannel")
    return Answer(204) if name is None else json_bytes(name.encode())


def put_default_channel(call: Call) -> Answer:
    """Set the channel that is drawn when a request names none."""
    return _set(call, {"defaultChannel": call.text() or None})


def get_cycle(call: Call) -> Answer:
    """Alignment cycle and step of the stack."""
    version = _version(call)
    cycle = {"number": version.get("cycleNumber"), "stepNumber": version.get("cycleStepNumber")}
    return json_answer(cleaning.without_nulls(cycle))


def put_cycle(call: Call) -> Answer:
    """Set alignment cycle and step."""
    cycle = call.json_object("number and stepNumber")
    number, step = (cleaning.convert(cycle.get(key), int, key) for key in ("number", "stepNumber"))
    return _set(call, {"cycleNumber": number, "cycleStepNumber": step})


def unset(*keys: str) -> Callable[[Call], Answer]:
    """Handler that removes keys of the stack's version."""

    def handler(call: Call) -> Answer:
        return _set(call, dict.fromkeys(keys))

    handler.__doc__ = f"Unset {' and '.join(keys)}."
    return handler


def _version(call: Call) -> dict[str, Any]:
    return call.store.stack_version(call.stack)


def _set(call: Call, changes: dict[str, Any]) -> Answer:
    call.store.update_stack_version(call.stack, changes)
    return done()


def delete_section(call: Call) -> Answer:
    """Remove the tiles of a section."""
    call.store.delete_tiles(call.stack, TileQuery(section_id=call.path["sectionId"]))
    return done()


def delete_z(call: Call) -> Answer:
    """Remove the tiles at a z."""
    call.store.delete_tiles(call.stack, TileQuery(z=call.path["z"]))
    return done()


def put_state(call: Call) -> Answer:
    """Move the stack to another state; COMPLETE derives section data and statistics."""
    call.store.set_state(call.stack, call.path["state"])
    return created(call.url)


def get_bounds(call: Call) -> Answer:
    """Bounds of the stack as derived when it became COMPLETE."""
    return json_answer(stack_bounds(call))


def stack_bounds(call: Call) -> dict[str, Any]:
    """Bounds of the stack of the path; 400 for a stack whose bounds were never derived."""
    metadata = call.store.stack(call.stack)
    stats = metadata.get("stats")
    if not stats:
        raise Invalid(
            f"{stack_text(call.stack)} has no bounds while it is {metadata['state']};"
            " set its state to COMPLETE first"
        )
    bounds: dict[str, Any] = stats["stackBounds"]
    return bounds


def get_tile_ids(call: Call) -> Answer:
    """Ids of the tiles, ascending, sent while they are read."""
    pattern = call.query["matchPattern"]
    ids = _stored_ids(call, call.stack)
    if pattern:
        search = compiled(pattern).search
        ids = (tile_id for tile_id in ids if search(tile_id))
    return json_stream(map(orjson.dumps, ids))


def _stored_ids(call: Call, stack: StackId) -> Iterator[str]:
    try:
        yield from call.store.tile_ids(stack, call.query["minZ"], call.query["maxZ"])
    except NotFound:
        return


def compiled(pattern: str) -> Any:
    """A client's regular expression, on RE2 (linear time); 400 when it is malformed."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 22
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error
        raise HttpError(400, f"'{pattern}' is not a regular expression: {reason}") from error


def put_tile_specs_with_ids(call: Call) -> Answer:
    """Flattened tile specifications of the tiles named; ids that are not stored are left out."""
    ids = string_list(call, "tile ids")
    query = TileQuery(tile_ids=ids)
    return json_bytes(spliced(flattened(call, call.stack, query)))


def string_list(call: Call, what: str) -> list[str]:
    """The body as a list of texts, nulls left out and numbers as they are written; 400 for others.

    So the Java service reads them, whose coordinate client sends a null for points without tiles.
    """
    values = call.json_list(what)
    if not all(isinstance(value, str) for value in values):
        values = cleaning.texts_as_written(call.body)
    if not all(isinstance(value, str) for value in values):
        raise HttpError(400, f"the request body must be a list of {what}")
    return values


def routes() -> tuple[Route, ...]:
    """Operations 1 to 33."""
    name = {"state": one_of(*STATES)}
    clone = (
        Parameter("z", double, repeat=True),
        Parameter("toProject"),
        Parameter("skipTransforms", boolean, False),
    )
    ids = (MIN_Z, MAX_Z, Parameter("matchPattern"))
    root, channel = "S/materializedBoxRootPath", "S/defaultChannel"
    return (
        Route(1, "GET", "/likelyUniqueId", likely_unique_id, quick=True),
        Route(2, "GET", "/owners", owners),
        Route(3, "GET", "O/projects", projects),
        Route(4, "GET", "O/stackIds", stack_ids),
        Route(5, "GET", "P/stackIds", stack_ids),
        Route(6, "GET", "O/stacks", stacks),
        Route(7, "GET", "P/stacks", stacks),
        Route(8, "GET", "S", get_stack, quick=True),
        Route(9, "POST", "S", post_stack, body="StackVersion"),
        Route(10, "DELETE", "S", delete_stack),
        Route(11, "PUT", "S/stackId", put_stack_id, body="StackId"),
        Route(
            12, "PUT", "S/cloneTo/{toStack}", put_clone, clone, body="StackVersion", lengthy=True
        ),
        Route(13, "GET", "S/resolutionValues", get_resolution, quick=True),
        Route(14, "PUT", "S/resolutionValues", put_resolution, body="[number]"),
        Route(15, "DELETE", "S/resolutionValues", delete_resolution),
        Route(16, "GET", root, get_box_root, quick=True),
        Route(17, "PUT", root, put_box_root, body="text"),
        Route(18, "DELETE", root, unset("materializedBoxRootPath")),
        Route(19, "GET", "S/mipmapPathBuilder", get_mipmap_builder, quick=True),
        Route(20, "PUT", "S/mipmapPathBuilder", put_mipmap_builder, body="MipmapPathBuilder"),
        Route(21, "DELETE", "S/mipmapPathBuilder", unset("mipmapPathBuilder")),
        Route(22, "GET", channel, get_default_channel, quick=True),
        Route(23, "PUT", channel, put_default_channel, body="text"),
        Route(24, "DELETE", channel, unset("defaultChannel")),
        Route(25, "GET", "S/cycle", get_cycle, quick=True),
        Route(26, "PUT", "S/cycle", put_cycle, body="{number, stepNumber}"),
        Route(27, "DELETE", "S/cycle", unset("cycleNumber", "cycleStepNumber")),
        Route(28, "DELETE", "S/section/{sectionId}", delete_section, lengthy=True),
        Route(29, "DELETE", "S/z/{z}", delete_z, lengthy=True),
        Route(30, "PUT", "S/state/{state}", put_state, converters=name, lengthy=True),
        Route(31, "GET", "S/bounds", get_bounds, quick=True),
        Route(32, "GET", "S/tileIds", get_tile_ids, ids, consistent=False),
        Route(
            33,
            "PUT",
            "S/tile-specs-with-ids",
            put_tile_specs_with_ids,
            changes=False,
            body="[tileId]",
        ),
    )
