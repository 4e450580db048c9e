"""One batch of a PDE: random points of it and of its conditions, each with its stencil."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from photonzero.training.errors import ArgumentError, ProblemError
from photonzero.training.objective.pinn.block import Block
from photonzero.training.objective.pinn.faces import Sides, blocks_inside
from photonzero.training.objective.pinn.options import PointOptions
from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE, sample_condition
from photonzero.training.pde.terms import Term
from photonzero.training.sobol import sobol_points
from photonzero.training.stencils import DerivativeRule, DerivativeStencil


def draw_batch(
    problem: PDE,
    terms: Sequence[Term],
    rule: DerivativeRule,
    n_points: int,
    options: PointOptions,
    rng: np.random.Generator,
    adapted: Callable[[Array, np.random.Generator], Array],
) -> list[Block]:
    """Points and stencils of the PDE, then of its conditions: in a closed domain a block for each face.

    Args:
        problem: the PDE.
        terms: the terms of the problem, its residual first, then its conditions.
        rule: how derivatives are taken.
        n_points: number of collocation points of the PDE.
        options: how points of the PDE are drawn, and how many a condition has where it says none itself.
        rng: draws points and stencils.
        adapted: called with the PDE's points (n_points, d) once its stencil is drawn; those to measure at.

    Raises:
        ProblemError: collocation points of the wrong shape, or a stencil wider than a closed domain.
    """
    points = _collocation(problem, n_points, options.sequence, rng)
    stencil = terms[0].stencil(rule, problem.scale, rng)
    free = np.zeros(points.shape, dtype=bool)
    blocks = _blocks(problem, terms[0], adapted(points, rng), free, lambda _: stencil)
    for term in terms[1:]:
        assert term.condition is not None
        share = term.condition.share or options.condition_share
        points, fixed = sample_condition(problem, term.condition, max(1, math.ceil(share * n_points)), rng)

        def stencil_of(sides: Sides, term: Term = term) -> DerivativeStencil:
            return term.stencil(rule, problem.scale, rng, sides)

        blocks += _blocks(problem, term, points, fixed, stencil_of)
    return blocks


def _collocation(problem: PDE, n: int, sequence: str, rng: np.random.Generator) -> Array:
    if sequence == "sobol":
        if (own := type(problem)).collocation is not PDE.collocation or own.sample is not PDE.sample:
            raise ArgumentError(
                f"points.sequence: 'sobol' for {problem.name}, which places its points; allowed: 'random'"
            )
        space = problem.space
        # In random order: every second point of the sequence lies in one half of the domain.
        even = rng.permutation(sobol_points(n, problem.dim, rng))
        points = space.lower + (space.upper - space.lower) * even
    else:
        points = np.asarray(problem.collocation(n, rng), dtype=np.float64)
    expected = (n, problem.dim)
    if points.shape != expected or not np.isfinite(points).all():
        raise ProblemError(
            f"{problem.name}: collocation gives shape {points.shape}; allowed: {expected}, finite"
        )
    return points


def _blocks(
    problem: PDE, term: Term, points: Array, fixed: Array, stencil_of: Callable[[Sides], DerivativeStencil]
) -> list[Block]:
    if problem.closed and not term.value_only:
        return blocks_inside(problem, term, points, fixed, stencil_of)
    return [Block(problem, term, points, stencil_of(()))]
