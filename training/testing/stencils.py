"""What every rule for derivatives promises."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import PinnObjective, PointOptions
from photonzero.training.oracle import Array
from photonzero.training.pde import PDE, Coordinates, Field
from photonzero.training.stencils import DerivativeRequest, DerivativeRule, DerivativeStencil, make_rule
from photonzero.training.testing.expecting import expected
from photonzero.training.testing.problems import SineChip

_DIM = 4
_SPACE = (1, 2, 3)
_REQUEST = DerivativeRequest(laplacian=_SPACE, mixed=((0, 1), (2, 3)), directions=((0.0, 1.0, -2.0, 0.5),))
_DRAWS = 600
_SIGMAS = 5.0

_RNG = np.random.default_rng(11)
_HALF = _RNG.normal(size=(_DIM, _DIM))
_HESSIAN = _HALF + _HALF.T
_SLOPE = _RNG.normal(size=_DIM)


class _Waves(PDE):
    """``u_t + lap u = 0``: a PDE that a rule is tried on."""

    domain = {"x": (0.0, 1.0, 3), "t": (0.0, 1.0)}  # noqa: RUF012

    def residual(self, at: Coordinates, u: Field) -> Array:
        return u.t + u.laplacian


class StencilContract:
    """Inherit it, and say which rule is meant.

        class TestMine(StencilContract):
            rule = "my.py:Mine"

    Attributes:
        rule: a name, ``file.py:Name``, or a rule.
    """

    rule: ClassVar[str | DerivativeRule]

    def make(self) -> DerivativeRule:
        """The rule, of a name with its usual options."""
        return make_rule(self.rule) if isinstance(self.rule, str) else self.rule

    def test_it_is_a_rule(self) -> None:
        """It has a name, and makes stencils of finite nodes and weights."""
        rule = self.make()
        assert isinstance(rule, DerivativeRule)
        assert rule.name
        stencil = _draw(rule, 0)
        assert isinstance(stencil, DerivativeStencil)
        assert stencil.dim == _DIM
        assert np.isfinite(stencil.offsets).all()
        assert np.isfinite(stencil.value).all()

    def test_equal_generators_give_equal_stencils(self) -> None:
        """What a random rule draws comes from its generator alone."""
        rule = self.make()
        first, again = _draw(rule, 3), _draw(rule, 3)
        np.testing.assert_array_equal(first.offsets, again.offsets)
        values = np.random.default_rng(0).normal(size=first.n_nodes)
        for one, other in zip(_derivatives(first, values), _derivatives(again, values), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_a_constant_has_no_derivatives(self) -> None:
        """The weights of the value add up to 1, those of every derivative to 0."""
        rule = self.make()
        stencil = _draw(rule, 1)
        value, *derivatives = _derivatives(stencil, np.ones(stencil.n_nodes))
        assert abs(value - 1.0) < 1e-9
        # Rounding of weights that cancel, which grow with the second power of the inverse spacing.
        size = 1e-13 * np.abs(stencil.laplacian_weights(_SPACE)).sum() + 1e-9
        assert max(np.abs(part).max() for part in derivatives) < size

    def test_derivatives_of_a_quadratic_are_right_in_the_mean(self) -> None:
        """Whatever it smooths over and whichever coordinates it draws, up to what draws leave over."""
        rule = self.make()
        rng = np.random.default_rng(5)
        samples = []
        for _ in range(_DRAWS):
            stencil = rule.stencil(_DIM, rng, _REQUEST)
            x = stencil.offsets
            u = 0.3 + x @ _SLOPE + 0.5 * ((x @ _HESSIAN) * x).sum(axis=1)
            samples.append(np.concatenate([np.ravel(part) for part in _derivatives(stencil, u)[1:]]))
        vector = np.array(_REQUEST.directions[0])
        laplacian, mixed = np.trace(_HESSIAN[1:, 1:]), [_HESSIAN[0, 1], _HESSIAN[2, 3]]
        right = np.array([*_SLOPE, laplacian, *mixed, vector @ _HESSIAN @ vector])
        drawn = np.array(samples)
        rounding = 1e-6 * (1.0 + np.abs(right))
        error = drawn.std(axis=0) / np.sqrt(_DRAWS)
        assert (np.abs(drawn.mean(axis=0) - right) <= _SIGMAS * error + rounding).all()

    def test_on_a_face_it_stays_on_one_side_or_says_that_it_cannot(self) -> None:
        """No node lies beyond the face of a closed domain."""
        rule = self.make()
        request = DerivativeRequest(laplacian=_SPACE, one_sided=((0, 1), (2, -1)))
        try:
            stencil = rule.stencil(_DIM, np.random.default_rng(2), request)
        except ArgumentError:
            return
        below, above = stencil.extent
        assert below[0] == 0.0
        assert above[2] == 0.0

    def test_a_coordinate_that_does_not_exist_is_refused(self) -> None:
        """With a typed error of one line."""
        rule = self.make()
        with expected(ArgumentError, f"{rule.name}: coordinate {_DIM} of {_DIM}"):
            rule.stencil(_DIM, np.random.default_rng(0), DerivativeRequest(laplacian=(_DIM,)))

    def test_a_pde_is_measured_with_it(self) -> None:
        """Residuals of a PDE are finite, and cost as many inferences as the stencil has nodes."""
        rule = self.make()
        objective = PinnObjective(_Waves(), rule, 5, seed=0, points=PointOptions(n_validation=5, n_test=5))
        chip = SineChip(4, 1)
        evaluation = objective.evaluate(chip, np.full((2, chip.n_controls), 0.1))
        assert evaluation.residuals.shape == (2, 5)
        assert np.isfinite(evaluation.residuals).all()
        assert objective.inferences_per_candidate == 5 * objective.blocks[0].stencil.n_nodes


def _draw(rule: DerivativeRule, seed: int) -> DerivativeStencil:
    return rule.stencil(_DIM, np.random.default_rng(seed), _REQUEST)


def _derivatives(stencil: DerivativeStencil, values: Array) -> list[Array]:
    """Value, gradient, Laplacian, mixed derivatives and curvature that `_REQUEST` asks for."""
    return [
        stencil.apply_value(values),
        stencil.apply_gradient(values),
        stencil.laplacian(values, _SPACE),
        *(stencil.apply_partial(values, mixed) for mixed in _REQUEST.mixed),
        stencil.apply_curvatures(values),
    ]
