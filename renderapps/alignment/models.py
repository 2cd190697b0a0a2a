"""The families of maps that a tile or section may go through, as functions of few unknowns.

A *unit* (a tile, or a section that moves as one) has a centre c and a size s in world pixels as
it lies before solving. A point x of it has the scaled coordinates (u, v) = (x - c) / s, which are
of the order of 1 whatever the size of the unit and wherever in the world it lies. Its map is

    D(x) = x + sum over k  f_k(u, v) d_k

with K functions f_k, the first of which is 1, then u and v, then the *higher* ones; each d_k is a
vector (2,) in pixels: how far the term moves a point one size away from the centre. With d = 0 a
unit stays where it is.

    translation        1
    affine             1, u, v
    polynomial2        1, u, v, u^2, uv, v^2
    polynomial3        ... and u^3, u^2 v, u v^2, v^3; polynomial4 and 5 likewise
    thin_plate_spline  1, u, v and the bending modes of a grid of control points

`similarity` and `rigid` have the functions of the affine, but only four and three unknowns for both
axes together; see `tile_problem.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COUPLED = {"rigid": 3, "similarity": 4}
"""Models whose unknowns act on both axes, and how many each unit has."""
DEGREES = {"translation": 0, "rigid": 1, "similarity": 1, "affine": 1}
DEGREES |= {f"polynomial{order}": order for order in (2, 3, 4, 5)}
SPLINE = "thin_plate_spline"
MODELS = (*DEGREES, SPLINE)
GRID = 3
LARGEST_GRID = 8


@dataclass(frozen=True)
class Model:
    """One family.

    Attributes
    ----------
    name : str
        One of MODELS.
    grid : int
        Control points along each side of a thin plate spline.
    reach : (float, float)
        The control points lie between -reach and +reach in u and v.
    """

    name: str
    grid: int = GRID
    reach: tuple[float, float] = (1.0, 1.0)
    control: Floats = field(init=False, repr=False)
    _modes: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.name not in MODELS:
            raise ValueError(f"model {self.name!r} is not one of {', '.join(MODELS)}")
        if self.name == SPLINE and not 3 <= self.grid <= LARGEST_GRID:
            raise ValueError(f"grid: 3 to {LARGEST_GRID} control points a side, not {self.grid}")
        axes = [np.linspace(-r, r, self.grid) for r in self.reach]
        x, y = np.meshgrid(*axes)
        control = np.stack([x.ravel(), y.ravel()], axis=1)
        object.__setattr__(self, "control", control)
        modes = bending_modes(control) if self.name == SPLINE else np.zeros((0, 0))
        object.__setattr__(self, "_modes", modes)

    @property
    def terms(self) -> int:
        """Number K of functions."""
        if self.name == SPLINE:
            return self.grid**2
        degree = DEGREES[self.name]
        return (degree + 1) * (degree + 2) // 2

    @property
    def coupled(self) -> bool:
        """Whether the unknowns act on both axes together."""
        return self.name in COUPLED

    @property
    def unknowns(self) -> int:
        """Unknowns of a unit, both axes together."""
        return COUPLED.get(self.name, 2 * self.terms)

    def functions(self, scaled: Floats) -> Floats:
        """(N, K) values of the functions at (N, 2) scaled coordinates."""
        u, v = scaled.T
        columns = [np.ones_like(u)]
        if self.terms > 1:
            columns += [u, v]
        if self.name == SPLINE:
            return np.concatenate(
                [np.stack(columns, 1), kernel(scaled, self.control) @ self._modes], axis=1
            )
        for degree in range(2, DEGREES[self.name] + 1):
            columns += [u ** (degree - k) * v**k for k in range(degree + 1)]
        return np.stack(columns, axis=1)


def kernel(points: Floats, centres: Floats) -> Floats:
    """(N, C) of r^2 log r, the thin plate spline's function of distance."""
    squared = ((points[:, None] - centres[None]) ** 2).sum(-1)
    return 0.5 * squared * np.log(np.where(squared > 0, squared, 1.0))


def bending_modes(control: Floats) -> Floats:
    """(C, C - 3) weights of the kernels: functions without an affine part, of bending energy 1.

    The energy of a sum of them is the sum of the squares of their coefficients (Bookstein 1989).
    """
    affine = np.concatenate([np.ones((len(control), 1)), control], axis=1)
    free = np.linalg.svd(affine)[0][:, 3:]  # weights that vanish on affine functions
    energies, turned = np.linalg.eigh(free.T @ kernel(control, control) @ free)
    return np.asarray(free @ turned / np.sqrt(energies))


def scaled_points(points: Floats, centres: Floats, sizes: Floats) -> Floats:
    """(..., 2) scaled coordinates of points, each with the centre and size of its unit."""
    return (points - centres) / sizes[..., None]


def changes_of(terms: Floats, centres: Floats, sizes: Floats) -> Floats:
    """(T, 3, 3) affine part of the maps of (T, K, 2) terms, in world coordinates."""
    changes = np.tile(np.eye(3), (len(terms), 1, 1))
    if terms.shape[1] > 1:
        changes[:, :2, :2] += terms[:, 1:3].transpose(0, 2, 1) / sizes[:, None, None]
    linear = changes[:, :2, :2]
    changes[:, :2, 2] = centres + terms[:, 0] - np.einsum("nij,nj->ni", linear, centres)
    return changes


def apply_changes(changes: Floats, points: Floats) -> Floats:
    """Apply one 3 x 3 affine per point: (N, 3, 3) and (N, 2) -> (N, 2)."""
    return np.asarray(np.einsum("nij,nj->ni", changes[:, :2, :2], points) + changes[:, :2, 2])


def with_changes(terms: Floats, changes: Floats, centres: Floats, sizes: Floats) -> Floats:
    """(T, K, 2) terms whose affine part is that of (T, 3, 3) changes; higher ones stay."""
    result = terms.copy()
    linear = changes[:, :2, :2]
    moved = np.einsum("nij,nj->ni", linear, centres) + changes[:, :2, 2]
    result[:, 0] = moved - centres
    if terms.shape[1] > 1:
        result[:, 1:3] = (linear - np.eye(2)).transpose(0, 2, 1) * sizes[:, None, None]
    return result


def mapped(
    model: Model, points: Floats, terms: Floats, centre: Sequence[float] | Floats, size: float
) -> Floats:
    """(N, 2) world points of one unit through its map, (K, 2) terms."""
    scaled = (points - np.asarray(centre)) / size
    return points + model.functions(scaled) @ terms
