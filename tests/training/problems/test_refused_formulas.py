"""What a PDE of one's own may not say, found before anything is measured."""

import numpy as np
import pytest

from photonzero.training.errors import ProblemError
from photonzero.training.pde import Condition
from photonzero.training.pde.terms import problem_terms
from photonzero.training.problems import PDE


class Diffusion(PDE):
    domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}  # noqa: RUF012

    def residual(self, at, u):
        return u.t - u.xx


class Imaginary(Diffusion):
    def residual(self, at, u):
        return 1j * u.t + u.xx


class ImaginaryCondition(Diffusion):
    def conditions(self):
        return [Condition("initial", {"t": 0.0}, lambda at, u: 1j * u.value)]


class ImaginaryExact(Diffusion):
    def exact(self, at):
        return 1j * at.x


class ImaginaryAnsatz(Diffusion):
    def ansatz(self, at, net):
        return 1j * net


class Nothing(Diffusion):
    def exact(self, at):
        return 0.0 * at.x


class Later(Diffusion):
    def conditions(self):
        return [Condition("initial", {"t": 5.0}, lambda at, u: u.value)]


class Elsewhere(Diffusion):
    def conditions(self):
        return [Condition("data", None, lambda at, u: u.value, points=np.array([[0.5, 0.5], [0.5, 7.0]]))]


class Moves(Diffusion):
    def residual(self, at, u):
        at.x[...] = 0.5
        return u.t - u.xx


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (Imaginary, "pde residual: complex128 numbers; allowed: real ones"),
        (ImaginaryCondition, "initial residual: complex128 numbers; allowed: real ones"),
        (ImaginaryExact, "exact gives complex128 numbers; allowed: real ones"),
        (ImaginaryAnsatz, "ansatz gives complex128 numbers; allowed: real ones"),
        (Nothing, "exact is 0 at all points; allowed: a solution that errors are relative to, or none"),
        (Later, "condition 'initial': t = 5 outside of the domain; allowed: 0 to 1"),
        (Elsewhere, "condition 'data' points: t = 7 outside of the domain; allowed: 0 to 1"),
        (Moves, "pde residual: ValueError: assignment destination is read-only"),
    ],
)
def test_a_formula_that_would_train_on_something_else_is_refused(problem, message):
    with pytest.raises(ProblemError, match=f"{problem.__name__}: {message}"):
        problem_terms(problem())


def test_a_condition_on_the_very_ends_of_the_domain_stands():
    class Ends(Diffusion):
        domain = {"x": (0.0, 0.3), "t": (0.0, 1.0)}  # noqa: RUF012

        def conditions(self):
            # 0.1 + 0.2 is above 0.3 by rounding.
            return [Condition("walls", {"x": [0.0, 0.1 + 0.2]}, lambda at, u: u.value)]

    assert [term.name for term in problem_terms(Ends())] == ["pde", "walls"]
