"""A volume that is being written: kept beside its place until it is whole, and gone on with.

On this machine everything is written below `.NAME.unfinished`, and the volume takes its place by
being renamed. In an object store, which cannot rename, files go where they belong, and the document
that makes them a volume is written last; records and sums lie below `.NAME.unfinished` there too.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from renderapps.materialize.formats import formats
from renderapps.materialize.place import Place
from renderapps.materialize.volume_format import VolumeFormat
from renderapps.module.errors import RenderModuleException
from renderapps.module.file_lock import locked_file

PLAN = "plan.json"
_LOCK = "lock"


def check_target(target: Place, form: VolumeFormat, overwrite: bool) -> None:
    """Refuse a target that is there, unless it is a volume and may be replaced."""
    if not _is_there(target):
        return
    if not overwrite:
        raise RenderModuleException(
            f"{target.url} exists: name another volume, or give overwrite to replace it"
        )
    if not _is_volume(target, form):
        what = "a file" if form.is_file else "a volume"
        raise RenderModuleException(
            f"{target.url} is not {what}: it is left as it is; name another "
            f"{'file' if form.is_file else 'folder'}"
        )


def _is_there(target: Place) -> bool:
    """Whether there is something at the target that a killed run has not left there."""
    if not target.exists():
        return False
    if target.folder is None:
        return unfinished(target).read(PLAN) is None
    return True


def _is_volume(target: Place, form: VolumeFormat) -> bool:
    folder = target.folder
    if form.is_file:
        return folder is None or folder.is_file()
    if folder is not None and not (folder.is_dir() and any(folder.iterdir())):
        return folder.is_dir()
    markers = {known.marker for known in formats().values() if known.marker}
    return any(target.read(marker) is not None for marker in markers)


def unfinished(target: Place) -> Place:
    """Where a volume is kept until it is whole."""
    return target.beside(f".{target.name}.unfinished")


def parts_place(target: Place, form: VolumeFormat) -> Place:
    """Where the files of a volume are written."""
    if target.folder is None and not form.is_file:
        return target
    return unfinished(target).child("volume")


@contextmanager
def alone(work: Place) -> Iterator[None]:
    """Refuse a second run on the same volume of this machine; a killed one locks nothing."""
    if work.folder is None:
        yield
        return
    refusal = f"another run is writing this volume ({work.folder}): wait until it is over"
    with locked_file(work.folder / _LOCK, refusal):
        yield


def begun(work: Place, parts: Place, plan: dict[str, Any]) -> dict[str, Any]:
    """The plan to work by: that of a run that was stopped, where it was for the same volume.

    What was begun for another one is removed.
    """
    old = _plan(work)
    if old is not None and old["volume"] == json.loads(json.dumps(plan["volume"])):
        _remove_stages(work)
        return old
    if old is not None:
        parts.remove()
        for key in work.files():
            if key != _LOCK:
                work.remove_file(key)
    work.write(PLAN, json.dumps(plan))
    return plan


def _plan(work: Place) -> dict[str, Any] | None:
    try:
        found = json.loads(work.read(PLAN) or b"null")
    except ValueError:
        return None
    return found if isinstance(found, dict) and "volume" in found else None


def _remove_stages(work: Place) -> None:
    """Remove what killed workers were writing."""
    if work.folder is not None:
        for stage in work.folder.glob("stage-*"):
            shutil.rmtree(stage, ignore_errors=True)


def forget_if_empty(work: Place) -> None:
    """Remove what a failed run has left where nothing of it is worth keeping."""
    if not any(key.startswith("records/") for key in work.files()):
        work.remove()


def put_in_place(target: Place, form: VolumeFormat, work: Place, file: Path | None) -> None:
    """Let a whole volume take its place, and remove what the export needed besides."""
    if target.folder is not None:
        whole = file if file is not None else work.child("volume").folder
        assert whole is not None
        _replace(whole, target.folder, work)
    elif file is not None:
        target.replace_by(file)
    work.remove()


def _replace(whole: Path, target: Path, work: Place) -> None:
    """Rename a finished volume; what was there is removed after that, or put back."""
    assert work.folder is not None
    aside = work.folder / "replaced"
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        os.replace(target, aside)
    try:
        os.replace(whole, target)
    except OSError:
        if aside.exists():
            os.replace(aside, target)
        raise


def put_back(target: Place) -> None:
    """Put back a volume that a killed run had moved aside without putting another in its place."""
    folder, work = target.folder, unfinished(target).folder
    if folder is None or work is None:
        return
    aside = work / "replaced"
    if aside.exists() and not folder.exists():
        os.replace(aside, folder)
