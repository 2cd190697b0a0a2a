"""Match documents in short, and what a collection holds."""

from __future__ import annotations

import numpy as np

import renderapi
from renderapi.pointmatch import get_matches_with_group


def match(p, q, *rows):
    """Document of two (group, id) with rows px, py, qx, qy, w."""
    columns = np.array(rows, float).reshape(-1, 5).T.tolist()
    points = {"p": columns[:2], "q": columns[2:4], "w": columns[4]}
    return {"pGroupId": p[0], "pId": p[1], "qGroupId": q[0], "qId": q[1], "matches": points}


def stored(render, name):
    """The documents of a collection in their order."""
    groups = renderapi.pointmatch.get_match_groupIds_from_only(name, render=render)
    found = [m for group in groups for m in get_matches_with_group(name, group, render=render)]
    return [{k: v for k, v in m.items() if k != "matchCount"} for m in found]
