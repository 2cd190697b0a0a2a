"""Trials of the whole chain on montages whose truth is known (judged in `verdict.py`)."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import renderapi
from renderapi.errors import NotFoundError
from renderapi.transform import AffineModel, estimate_dstpts
from renderapi.urls import path_to_url
from renderapps.demo.conditions import CONDITIONS, SIDE, Montage, montage
from renderapps.demo.verdict import Verdict, compared_pixels, judged

OWNER, PROJECT, COLLECTION = "trial", "montage", "matches"
GROUP = "0.0"
STACK, CORRECTED, SOLVED = "acquired", "corrected", "solved"


def run_trial(folder: Path, picture: str, condition: str, seed: int) -> tuple[Verdict, Any, Any]:
    """Stitch one montage; the verdict and the output of the matching and of the solving module."""
    return stitched(folder, montage(picture, CONDITIONS[condition], seed))


def stitched(folder: Path, scene: Montage) -> tuple[Verdict, Any, Any]:
    """What `run_trial` gives, of tiles that are made already."""
    render = renderapi.connect(
        host="local", store=folder / "render.db", owner=OWNER, project=PROJECT
    )
    _store(render, folder, scene)
    matched, solved = _stitch(render, folder, scene)
    tiles = renderapi.tilespec.get_tile_specs_from_stack(SOLVED, render=render)
    places = {tile.tileId: estimate_dstpts(tile.tforms, compared_pixels(scene)) for tile in tiles}
    stored = _stored_matches(render)
    verdict = judged(scene, places, matched, solved["sections"][0], stored)
    return verdict, matched, solved


def _store(render: renderapi.Render, folder: Path, scene: Montage) -> None:
    """Write the tiles and import them where the stage claims they are."""
    import cv2

    tiles = []
    for name, image in scene.images.items():
        path = folder / f"{name}.png"
        cv2.imwrite(str(path), image)
        x, y = scene.claimed[name].tolist()
        tiles.append(
            renderapi.tilespec.TileSpec(
                tileId=name,
                z=0.0,
                width=SIDE,
                height=SIDE,
                minint=0,
                maxint=255,
                imageUrl=path_to_url(path),
                sectionId=GROUP,
                tforms=[AffineModel(B0=x, B1=y)],
            )
        )
    renderapi.stack.create_stack(STACK, render=render)
    renderapi.resolvedtiles.put_tilespecs(STACK, tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state(STACK, "COMPLETE", render=render)


def _stitch(render: renderapi.Render, folder: Path, scene: Montage) -> tuple[Any, Any]:
    """What the matching and the solving module say."""
    from renderapps.alignment.estimate_lens import EstimateLens
    from renderapps.alignment.solve import Solve
    from renderapps.pointmatch.create_tilepairs import CreateTilePairs
    from renderapps.pointmatch.generate_point_matches import GeneratePointMatches
    from renderapps.stitching.solve_montage import SolveMontage

    run = partial(_run, folder)
    pairs = str(folder / "pairs.json")
    run(CreateTilePairs, stack=STACK, tilepair_output=pairs)
    model = "affine" if scene.lens else "translation"
    matched = run(
        GeneratePointMatches,
        stack=STACK,
        tilepair_file=pairs,
        matchCollection=COLLECTION,
        model=model,
        pool_size=1,
    )
    _replace_matches(render, scene)
    stacks: dict[str, Any] = {"input_stack": STACK, "output_stack": SOLVED, "pool_size": 1}
    if not scene.lens:
        return matched, run(SolveMontage, **stacks, matchCollection=COLLECTION)
    corrected = stacks | {"output_stack": CORRECTED}
    run(EstimateLens, **corrected, matchCollection=COLLECTION)
    stacks["input_stack"] = CORRECTED
    return matched, run(Solve, **stacks, matchCollections=[COLLECTION])


def _run(folder: Path, module: Any, **parameters: Any) -> Any:
    """The report of a module."""
    connection = {
        "host": "local",
        "store": str(folder / "render.db"),
        "owner": OWNER,
        "project": PROJECT,
    }
    parameters |= {"render": connection, "log_level": "ERROR"}
    made = module(input_data=parameters, args=[])
    made.logger.setLevel(logging.ERROR)
    made.run()
    return made.result


def _replace_matches(render: renderapi.Render, scene: Montage) -> None:
    """Let the matches of the pairs that are to be wrong miss by what they are to miss by."""
    if not scene.wrong_links:
        return
    wrong = []
    for match in _stored_matches(render):
        off = scene.wrong_links.get((match["pId"], match["qId"]))
        if off is not None:
            ends = np.array(match["matches"]["q"]) + off[:, None]
            wrong.append({**match, "matches": {**match["matches"], "q": ends.tolist()}})
    renderapi.pointmatch.import_matches(COLLECTION, wrong, render=render)


def _stored_matches(render: renderapi.Render) -> list[Any]:
    """Match documents; a run that matched nothing has stored none."""
    try:
        return renderapi.pointmatch.get_matches_with_group(COLLECTION, GROUP, render=render)
    except NotFoundError:
        return []
