"""Whether a reference satisfies its own PDE and conditions, by a stencil and without a chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.errors import ProblemError
from training.objective.block import Block
from training.oracle import Array
from training.problems.base import PDE, sample_condition
from training.problems.terms import Term, problem_terms
from training.stencils import DerivativeStencil, make_rule


@dataclass(frozen=True)
class Verification:
    """How well the reference satisfies one term.

    Attributes:
        term: "pde" or the condition's name.
        relative: root mean square of the residual over that of its parts (what each quantity of the
            reference contributes to the residual, sizes added).
        tolerance: what the problem accepts.
    """

    term: str
    relative: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether it is accepted."""
        return self.relative <= self.tolerance


def verify_reference(problem: PDE, n_points: int = 400, seed: int = 0) -> list[Verification]:
    """Put `problem.exact` into the problem's own residuals, derivatives by fourth-order differences.

    Raises:
        ProblemError: a definition that cannot be used, or no reference.
    """
    if not problem.has_exact:
        raise ProblemError(f"{problem.name}: no exact solution; allowed: a method exact(self, at)")
    rng = np.random.default_rng(seed)
    rule = make_rule("central4", spacing=problem.check_spacing)
    found = []
    for term in problem_terms(problem):
        stencil = rule.stencil(problem.dim, rng, term.request(problem.scale))
        margin = stencil.reach * problem.scale if not term.value_only else np.zeros(problem.dim)
        if term.condition is None:
            points, fixed = problem.sample(n_points, rng), np.zeros((n_points, problem.dim), dtype=bool)
        else:
            points, fixed = sample_condition(problem, term.condition, n_points, rng)
        # A reference need not have a meaning outside: points keep their distance where they can.
        block = Block(problem, term, np.where(fixed, points, _shrunk(problem, points, margin)), stencil)
        quantities = block.quantities_of(problem.reference(block.nodes()))
        residual = block.formula(quantities[None])[0].reshape(len(points), -1)
        # Typical quantities are those of the whole domain: a condition may hold where u is 0.
        typical = np.sqrt((_domain_quantities(problem, term, stencil, margin, rng) ** 2).mean(axis=0))
        parts = np.abs(block.sensitivities(quantities) * typical).sum(axis=(2, 3))
        size = np.sqrt(np.mean((parts + np.abs(residual)) ** 2))
        relative = float(np.sqrt(np.mean(residual**2)) / size) if size > 0 else 0.0
        found.append(Verification(term.name, relative, problem.check_tolerance))
    return found


def _shrunk(problem: PDE, points: Array, margin: Array) -> Array:
    """Points of the box moved into the box without its margins (d,)."""
    lower, width = problem.space.lower, problem.space.upper - problem.space.lower
    return lower + margin + (points - lower) * (1 - 2 * margin / width)


def _domain_quantities(
    problem: PDE, term: Term, stencil: DerivativeStencil, margin: Array, rng: np.random.Generator
) -> Array:
    """A term's quantities of the reference at random points of the domain, (B, m, n_q)."""
    points = _shrunk(problem, problem.sample(200, rng), margin)
    block = Block(problem, term, points, stencil)
    return block.quantities_of(problem.reference(block.nodes()))
