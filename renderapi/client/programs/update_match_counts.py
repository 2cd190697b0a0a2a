"""UpdateMatchCountsClient: count the matches of each pair of a collection anew."""

from __future__ import annotations

from renderapi.client.programs.options import COLLECTION, Option, Options
from renderapi.client.programs.service import collection_of
from renderapi.errors import ClientScriptError

OPTIONS = (
    *COLLECTION,
    Option("totalNumberOfJobs", "whole", required=True),
    Option("jobIndex", "whole", required=True),
)
POSITIONAL = "none"


def run(options: Options) -> None:
    """Count the groups of this job: every totalNumberOfJobs-th, from jobIndex (from 0)."""
    if not 0 <= options.jobIndex < options.totalNumberOfJobs:
        raise ClientScriptError(f"jobIndex must be 0 to {options.totalNumberOfJobs - 1}")
    collection = collection_of(options)
    for group in collection.p_groups()[options.jobIndex :: options.totalNumberOfJobs]:
        collection.update_counts(group)
