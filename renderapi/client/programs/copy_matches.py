"""CopyMatchClient: copy the matches of groups to another collection."""

from __future__ import annotations

import logging

from renderapi.client.programs.options import COLLECTION, Option, Options, flag
from renderapi.client.programs.service import CollectionService, collection_of
from renderapi.errors import ClientScriptError, NotFoundError

OPTIONS = (
    *COLLECTION,
    Option("toOwner"),
    Option("toCollection", required=True),
    Option("pGroupId", "texts"),
    *flag("removeExisting"),
)
POSITIONAL = "none"

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Copy group after group (of the p tiles); all groups by default."""
    source = collection_of(options)
    owner = options.toOwner or options.owner
    target = CollectionService(options.baseDataUrl, owner, options.toCollection, options.session)
    if source.url == target.url:
        raise ClientScriptError(f"collection {source.collection} cannot be copied onto itself")
    for group in options.pGroupId or source.p_groups():
        if options.removeExisting:
            _remove(target, group)
        matches = source.matches_of(group)
        target.save(matches)
        log.info("group %s: %d pairs", group, len(matches))


def _remove(collection: CollectionService, group: str) -> None:
    try:
        collection.delete_p_group(group)
    except NotFoundError:
        log.debug("collection %s does not exist yet", collection.collection)
