"""Closed domains: points whose stencils stay inside the box, and stencils on its faces.

A point that is free keeps a stencil's reach away from the faces. One that a condition puts on a face, or
so near to it that a stencil would cross it, gets one-sided differences in that coordinate. Points of equal
sides share a stencil, and are a block of their own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from photonzero.training.errors import ProblemError
from photonzero.training.objective.pinn.block import Block
from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE
from photonzero.training.pde.terms import Term
from photonzero.training.stencils import DerivativeStencil

Sides = tuple[tuple[int, int], ...]
"""Coordinates with values on one side only, see `DerivativeRequest.one_sided`."""


def blocks_inside(
    problem: PDE, term: Term, points: Array, fixed: Array, stencil_of: Callable[[Sides], DerivativeStencil]
) -> list[Block]:
    """A term at points of a closed domain, a block for each combination of faces.

    Args:
        problem: states the box.
        term: the problem's residual or a condition.
        points: B points of the domain, (B, d).
        fixed: whether a condition chose each coordinate of each point, (B, d); the others may be moved.
        stencil_of: makes the stencil for some one-sided coordinates.

    Raises:
        ProblemError: a stencil wider than the domain.
        ArgumentError: a rule without one-sided differences, where they are needed.
    """
    two_sided = stencil_of(())
    if not fixed.any():
        return [Block(problem, term, moved_inside(problem, points, fixed, two_sided), two_sided)]
    space = problem.space
    below, above = two_sided.extent * problem.scale
    # Rounding must not make the middle of a narrow domain a face.
    rounding = 1e-12 * (space.upper - space.lower)
    sides = np.where(points - below < space.lower - rounding, 1, 0)
    sides -= np.where(points + above > space.upper + rounding, 1, 0)
    sides[~fixed] = 0
    # Lower faces first.
    patterns = np.unique(sides, axis=0)[::-1]
    if len(patterns) > 1 and term.condition is not None and term.condition.points is not None:
        # Its formula may hold a number for each of the points, which a part of them does not fit.
        raise ProblemError(
            f"{problem.name}: condition {term.name!r} takes derivatives at points of several faces of a "
            "closed domain; allowed: a Condition for each face"
        )
    blocks = []
    for own in patterns:
        chosen = (sides == own).all(axis=1)
        stencil = stencil_of(tuple((int(i), int(own[i])) for i in np.flatnonzero(own)))
        inside = moved_inside(problem, points[chosen], fixed[chosen], stencil)
        blocks.append(Block(problem, term, inside, stencil))
    return blocks


def moved_inside(problem: PDE, points: Array, fixed: Array, stencil: DerivativeStencil) -> Array:
    """Points (B, d) drawn towards the middle of the box, where they are not fixed, until stencils fit.

    Raises:
        ProblemError: the stencil is wider than the domain, or crosses a face all the same.
    """
    space = problem.space
    width = space.upper - space.lower
    below, above = stencil.extent * problem.scale
    too_wide = below + above >= width
    if too_wide.any():
        i = int(np.argmax(too_wide))
        raise ProblemError(
            f"{problem.name}: stencil spans {below[i] + above[i]:.3g} in coordinate {i}; "
            f"allowed: below {width[i]:.3g}, the width of a closed domain"
        )
    moved = space.lower + below + (points - space.lower) * (width - below - above) / width
    moved = np.where(fixed, points, moved)
    rounding = 1e-12 * width
    outside = (moved - below < space.lower - rounding) | (moved + above > space.upper + rounding)
    if outside.any():
        point = points[np.argmax(outside.any(axis=1))]
        raise ProblemError(
            f"{problem.name}: stencil at {np.round(point, 6).tolist()} leaves the closed domain; "
            "allowed: points of it, and a spacing that fits between its faces"
        )
    return moved
