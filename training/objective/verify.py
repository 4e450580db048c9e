"""Whether a reference satisfies its own PDE and conditions, by a stencil and without a chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photonzero.training.errors import ProblemError
from photonzero.training.objective.pinn.block import Block
from photonzero.training.objective.pinn.faces import blocks_inside, moved_inside
from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE, sample_condition
from photonzero.training.pde.terms import Term, problem_terms
from photonzero.training.stencils import DerivativeRule, DerivativeStencil, make_rule


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
        """Whether the residual is small enough to be accepted."""
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
        stencil = term.stencil(rule, problem.scale, rng)
        blocks = _blocks(problem, term, rule, stencil, n_points, rng)
        # Typical quantities are those of the whole domain: a condition may hold where u is 0.
        typical = np.sqrt((_domain_quantities(problem, term, stencil, rng) ** 2).mean(axis=0))
        residuals, parts = zip(
            *(_residual_and_parts(problem, block, typical) for block in blocks), strict=True
        )
        residual = np.concatenate(residuals)
        size = np.sqrt(np.mean((np.concatenate(parts) + np.abs(residual)) ** 2))
        relative = float(np.sqrt(np.mean(residual**2)) / size) if size > 0 else 0.0
        found.append(Verification(term.name, relative, problem.check_tolerance))
    return found


def _blocks(
    problem: PDE,
    term: Term,
    rule: DerivativeRule,
    stencil: DerivativeStencil,
    n: int,
    rng: np.random.Generator,
) -> list[Block]:
    """A term at n random points: a reference need not have a meaning outside of the domain."""
    if term.condition is None:
        points, fixed = problem.sample(n, rng), np.zeros((n, problem.dim), dtype=bool)
    else:
        points, fixed = sample_condition(problem, term.condition, n, rng)
    if problem.closed and not term.value_only:
        return blocks_inside(
            problem, term, points, fixed, lambda sides: term.stencil(rule, problem.scale, rng, sides)
        )
    # Of an open one it has to have it where a condition puts a stencil across a face.
    free = np.zeros_like(fixed)
    return [
        Block(problem, term, np.where(fixed, points, moved_inside(problem, points, free, stencil)), stencil)
    ]


def _residual_and_parts(problem: PDE, block: Block, typical: Array) -> tuple[Array, Array]:
    """Residuals of the reference, (B, n_equations), and the sizes of what adds up to them."""
    quantities = block.quantities_of(problem.reference(block.nodes()))
    residual = block.formula(quantities[None])[0].reshape(len(block.points), -1)
    return residual, np.abs(block.sensitivities(quantities) * typical).sum(axis=(2, 3))


def _domain_quantities(
    problem: PDE, term: Term, stencil: DerivativeStencil, rng: np.random.Generator
) -> Array:
    """A term's quantities of the reference at random points of the domain, (B, m, n_q)."""
    points = problem.sample(200, rng)
    free = np.zeros(points.shape, dtype=bool)
    block = Block(problem, term, moved_inside(problem, points, free, stencil), stencil)
    return block.quantities_of(problem.reference(block.nodes()))
