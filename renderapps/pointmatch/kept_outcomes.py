"""Outcomes of pairs kept while a run of point matching lasts, for the run that goes on with it.

Each outcome is kept under a key that is made of all that it depends on: the settings, where the
pair was looked for, the tiles and their pictures, and the release of this suite. Whatever of that
is another is matched again; all else is taken as it is, so that a run that was stopped and started
again gives what it would have given at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import renderapi
from renderapi.matching.batches import PairOutcome, PairTask
from renderapi.matching.tilepairs import stem
from renderapps.module.errors import RenderModuleException
from renderapps.module.record_file import RecordFile
from renderapps.module.tasks import one_line
from renderapps.pointmatch.outcome_records import (
    outcome_of,
    outcome_record,
    samples_of,
    samples_record,
)
from renderapps.pointmatch.tile_stamps import digest, tile_stamps

if TYPE_CHECKING:
    from renderapi.matching.candidates import Band, Chance
    from renderapps.pointmatch.pair_matching import MatchedChunk, MatchSettings

METHOD = 4
"""Of the matching: where it changes, what an earlier release has kept is matched again."""

Json = dict[str, Any]
Warn = Callable[[str], None]


class KeptOutcomes:
    """What is known of the pairs of a run.

    Attributes
    ----------
    matched : set
        Keys of the pairs that this run has matched itself, in whole or in part.
    """

    def __init__(self, records: RecordFile, render: renderapi.Render, warn: Warn) -> None:
        self.records: RecordFile | None = records
        self.path = records.path
        self.render, self.warn = render, warn
        self.matched: set[Any] = set()
        self._stamps: dict[str, str] = {}

    def known(
        self, tasks: Sequence[PairTask], settings: MatchSettings, zs: Mapping[str, float]
    ) -> tuple[dict[PairTask, PairOutcome], list[Json]]:
        """Outcomes that are known already, and the masks of their tiles that were not used."""
        if self.records is None:
            return {}, []
        keys = self._keys(tasks, settings, zs)
        records = {task: self.records.get(key) for task, key in keys.items()}
        found = {task: outcome_of(task.pair, r) for task, r in records.items() if r is not None}
        self.matched.update(task.pair.key for task in tasks if task not in found)
        tiles = sorted({tile for task in found for tile in (task.pair.p_id, task.pair.q_id)})
        masks = [self.records.get(self._mask_key(tile)) or [] for tile in tiles]
        return found, [entry for entries in masks for entry in entries]

    def keep(self, chunk: MatchedChunk, settings: MatchSettings, zs: Mapping[str, float]) -> None:
        """Keep what was found; a pair whose images could not be read is tried again next time."""
        keys = self._keys(chunk.tasks, settings, zs)
        done = zip(chunk.tasks, chunk.outcomes, strict=True)
        records: list[tuple[str, Any]] = [
            (keys[task], outcome_record(outcome)) for task, outcome in done if not outcome.failed
        ]
        for tile in sorted({entry["tileId"] for entry in chunk.ignored_masks}):
            entries = [entry for entry in chunk.ignored_masks if entry["tileId"] == tile]
            records.append((self._mask_key(tile), entries))
        self._add(records)

    def known_samples(
        self, tasks: Sequence[PairTask], settings: MatchSettings, zs: Mapping[str, float]
    ) -> list[dict[Band, Chance]] | None:
        """What the unrelated pairs that are made out of tasks reached, where it is known."""
        if self.records is None:
            return None
        record = self.records.get(self._samples_key(tasks, settings, zs))
        return None if record is None else samples_of(record)

    def keep_samples(
        self,
        samples: list[dict[Band, Chance]],
        tasks: Sequence[PairTask],
        settings: MatchSettings,
        zs: Mapping[str, float],
    ) -> None:
        """Keep what unrelated pairs reached."""
        self._add([(self._samples_key(tasks, settings, zs), samples_record(samples))])

    def remove(self) -> None:
        """The run has come to its end."""
        if self.records is not None:
            self.records.remove()

    def _add(self, records: list[tuple[str, Any]]) -> None:
        if self.records is None:
            return
        try:
            self.records.add(records)
        except OSError as error:
            self.warn(
                f"{self.path} cannot be written ({one_line(error)}): what is matched from here on "
                "is lost if this run is killed"
            )
            self.records = None

    def _keys(
        self, tasks: Sequence[PairTask], settings: MatchSettings, zs: Mapping[str, float]
    ) -> dict[PairTask, str]:
        common = self._common(tasks, settings, zs)
        return {task: digest(common, *self._parts(task)) for task in tasks}

    def _samples_key(
        self, tasks: Sequence[PairTask], settings: MatchSettings, zs: Mapping[str, float]
    ) -> str:
        common = self._common(tasks, settings, zs)
        return digest("unrelated pairs", common, [self._parts(task) for task in tasks])

    def _common(
        self, tasks: Sequence[PairTask], settings: MatchSettings, zs: Mapping[str, float]
    ) -> str:
        """What all tasks of a step depend on; the stamps of their tiles are at hand after it."""
        tiles = {tile for task in tasks for tile in (task.pair.p_id, task.pair.q_id)}
        missing = tiles - self._stamps.keys()
        if missing:
            there = {zs[tile] for tile in missing}
            self._stamps |= tile_stamps(
                self.render, settings.stack, missing, there, settings.outlines
            )
        plain = replace(settings, cache_bytes=0)  # memory changes no outcome
        return digest(METHOD, renderapi.__version__, repr(plain))

    def _parts(self, task: PairTask) -> list[Any]:
        pair = task.pair
        stamps = [self._stamps.get(tile, "") for tile in (pair.p_id, pair.q_id)]
        return [pair.key, pair.delta_z, repr(task.rule), *stamps]

    def _mask_key(self, tile: str) -> str:
        return digest("masks", tile, self._stamps.get(tile, ""))


def progress_file(tilepair_file: str, owner: str, collection: str) -> Path:
    """Where outcomes are kept: beside the tile-pair file, named for the match collection."""
    path = Path(tilepair_file)
    name = "_".join([stem(path), owner, collection])
    return path.with_name(quote(name, safe=" ") + ".progress")


@contextmanager
def kept_outcomes(
    path: Path, given: bool, render: renderapi.Render, warn: Warn
) -> Iterator[KeptOutcomes | None]:
    """The outcomes in a file; None where it cannot be written and nobody asked for it by name."""
    try:
        records = RecordFile(path)
    except OSError as error:
        if given:
            raise RenderModuleException(f"progress_file: {one_line(error)}") from error
        warn(
            f"what is matched cannot be kept ({one_line(error)}): should this run be killed, the "
            "next one starts from the beginning; give progress_file"
        )
        yield None
        return
    with closing(records):
        yield KeptOutcomes(records, render, warn)
