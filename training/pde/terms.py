"""A problem taken apart for measurement: its terms, each with the quantities that it needs.

Every formula runs once on made-up numbers, so that whatever can be forgotten in a definition is
reported, in one line, before anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from photonzero.training.errors import ProblemError, TrainingError
from photonzero.training.oracle import Array
from photonzero.training.pde.base import PDE, Condition, sample_condition
from photonzero.training.pde.fields import (
    VALUE,
    Field,
    Key,
    Source,
    derivative_request,
    quantity_map,
    recorded,
)
from photonzero.training.pde.space import Coordinates
from photonzero.training.stencils import DerivativeRule, DerivativeStencil, keep_nodes

_N_EXACT = 200
"""Points at which an exact solution is looked at before a training."""


@dataclass(frozen=True)
class Term:
    """The PDE's residual or one condition.

    Attributes:
        name: "pde", or the condition's.
        formula: ``(at, fields...)`` to (P, B) or several of them.
        keys: quantities of each output that the formula needs.
        n_equations: number of residuals that it gives at a point.
        weight: weight of its mean square in the loss.
        condition: None for the PDE.
    """

    name: str
    formula: Callable[..., Any]
    keys: tuple[Key, ...]
    n_equations: int
    weight: float
    condition: Condition | None = None

    @property
    def value_only(self) -> bool:
        """Whether it needs u alone: one inference a point."""
        return self.keys == (VALUE,)

    def stencil(
        self,
        rule: DerivativeRule,
        scale: Array,
        rng: np.random.Generator,
        one_sided: tuple[tuple[int, int], ...] = (),
    ) -> DerivativeStencil:
        """A stencil of what the formula needs, without nodes that it has no use for.

        Args:
            rule: how derivatives are taken.
            scale: (d,), one unit of the stencil's coordinates.
            rng: what a random rule draws from.
            one_sided: see `DerivativeRequest`.
        """
        if self.value_only:
            return DerivativeStencil(np.zeros((1, scale.size)), np.ones(1), np.zeros((scale.size, 1)), None)
        request = derivative_request(self.keys, scale)
        stencil = rule.stencil(scale.size, rng, replace(request, one_sided=one_sided))
        rows = quantity_map(stencil, self.keys, scale).rows
        return keep_nodes(stencil, np.asarray(rows.any(axis=0)))

    def residuals(self, problem: PDE, points: Array, sources: list[Source]) -> Array:
        """Residuals (P, B, n_equations) at points (B, d).

        Raises:
            ProblemError: a wrong shape, NaN or infinity.
        """
        at = Coordinates(problem.space, points)
        fields = [
            Field(name, problem.space, source) for name, source in zip(problem.outputs, sources, strict=True)
        ]
        with np.errstate(all="ignore"):
            given = self.formula(at, *fields)
        answer = _stacked(f"{problem.name}: {self.name} residual", given, None)
        if not np.isfinite(answer).all():
            bad = points[np.argmin(np.isfinite(answer).all(axis=(0, 2)))]
            raise ProblemError(
                f"{problem.name}: {self.name} residual is NaN or infinite at {np.round(bad, 6).tolist()}; "
                "allowed: finite numbers"
            )
        return answer


def problem_terms(problem: PDE) -> tuple[Term, ...]:
    """The PDE and its conditions, checked.

    Raises:
        ProblemError: names the problem, the formula, what is wrong with it and what is allowed.
    """
    names = problem.outputs
    if not (isinstance(names, tuple) and names and len(set(names)) == len(names)):
        raise ProblemError(f"{problem.name}: outputs = {names!r}; allowed: a tuple of names, such as ('u',)")
    rng = np.random.default_rng(0)
    _check_ansatz(problem, problem.sample(5, rng))
    if problem.has_exact:
        points = problem.sample(_N_EXACT, np.random.default_rng(0))
        # Whatever cannot be judged at the end is refused before anything is measured.
        problem.relative_error(exact := problem.reference(points), exact)
    terms = [_term(problem, "pde", problem.residual, problem.sample(3, rng), problem.weight, None)]
    conditions = problem.conditions()
    if not isinstance(conditions, tuple | list) or not all(isinstance(c, Condition) for c in conditions):
        raise ProblemError(f"{problem.name}: conditions give {conditions!r}; allowed: a list of Condition")
    for condition in conditions:
        points, _ = sample_condition(problem, condition, 3, rng)
        terms.append(_term(problem, condition.name, condition.residual, points, condition.weight, condition))
    if len({term.name for term in terms}) < len(terms):
        raise ProblemError(
            f"{problem.name}: conditions {[t.name for t in terms[1:]]}; allowed: unequal names"
        )
    return tuple(terms)


def _term(
    problem: PDE,
    name: str,
    formula: Callable[..., Any],
    points: Array,
    weight: float,
    condition: Condition | None,
) -> Term:
    where = f"{problem.name}: {name} residual"
    if not (np.isfinite(weight) and weight > 0):
        raise ProblemError(f"{problem.name}: weight of {name} = {weight}; allowed: > 0")
    at = Coordinates(problem.space, points)
    try:
        # NaN and infinity are reported below, by name.
        with np.errstate(all="ignore"):
            keys, answer = recorded(
                problem.space, problem.outputs, lambda *fields: formula(at, *fields), n_points=len(points)
            )
    except TrainingError as error:
        raise ProblemError(f"{where}: {error}") from error
    except Exception as error:
        # Whatever a user's formula raises is an error of the formula.
        raise ProblemError(f"{where}: {type(error).__name__}: {error}") from error
    if answer is None:
        raise ProblemError(
            f"{where} gives None; allowed: an array (P, B), or a list of them (return is missing?)"
        )
    stacked = _stacked(where, answer, (2, len(points)))
    if not np.isfinite(stacked).all():
        raise ProblemError(f"{where} is NaN or infinite; allowed: finite numbers")
    return Term(name, formula, keys, stacked.shape[-1], float(weight), condition)


def _stacked(where: str, answer: Any, expected: tuple[int, ...] | None) -> Array:
    """One array (P, B, n_equations) of what a formula gave."""
    parts = list(answer) if isinstance(answer, tuple | list) else [answer]
    arrays = [np.asarray(part.value if isinstance(part, Field) else part) for part in parts]
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or (expected is not None and shapes != {expected}):
        found = ", ".join(str(shape) for shape in sorted(shapes)) or "nothing"
        raise ProblemError(f"{where}: shape {found}; allowed: (P, B), here {expected or 'equal shapes'}")
    if any(array.dtype.kind not in "biuf" for array in arrays):
        kinds = ", ".join(sorted({str(array.dtype) for array in arrays}))
        raise ProblemError(
            f"{where}: {kinds} numbers; allowed: real ones (of a complex equation give both parts, as two)"
        )
    return np.stack(arrays, axis=-1).astype(np.float64, copy=False)


def _check_ansatz(problem: PDE, points: Array) -> None:
    """An ansatz must be affine in the network's outputs: its readout is then a linear problem."""
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((2, 1, len(points), problem.n_outputs))
    try:
        middle = problem.solution(points, (first + second) / 2)
        ends = (problem.solution(points, first) + problem.solution(points, second)) / 2
    except TrainingError:
        raise
    except Exception as error:
        # Whatever a user's formula raises is an error of the formula.
        raise ProblemError(f"{problem.name}: ansatz: {type(error).__name__}: {error}") from error
    if middle.dtype.kind not in "biuf":
        raise ProblemError(f"{problem.name}: ansatz gives {middle.dtype} numbers; allowed: real ones")
    if not np.isfinite(middle).all():
        raise ProblemError(f"{problem.name}: ansatz is NaN or infinite; allowed: finite numbers")
    if not np.allclose(middle, ends, rtol=1e-9, atol=1e-9):
        raise ProblemError(
            f"{problem.name}: ansatz is not affine in the network's outputs; allowed: a + b * net"
        )
