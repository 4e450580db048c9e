"""A squared gradient over many coordinates is kept as a triangle: the same residuals in less memory."""

import numpy as np
import pytest

from photonzero.training.objective import PinnObjective
from photonzero.training.objective.pinn import features as module
from photonzero.training.oracle import ControlGroup
from photonzero.training.problems import PDE
from photonzero.training.problems.hjb_log import HJBLog
from photonzero.training.stencils import make_rule

N_FEATURES = 5


class Waves:
    """Sines of projections of the input, each setting with a phase of its own, and a readout of them."""

    def __init__(self, n_in, n_out=1, dtype=np.float64):
        self._directions = np.random.default_rng(1).standard_normal((n_in, N_FEATURES))
        self._n_out, self._dtype = n_out, dtype
        self.n_controls = 1 + n_out * (N_FEATURES + 1)
        self.readout_weight = slice(1, 1 + n_out * N_FEATURES)
        self.readout_bias = slice(1 + n_out * N_FEATURES, self.n_controls)
        self.control_groups = {"all": ControlGroup(0, self.n_controls, "digital")}

    def measure_features(self, controls, inputs):
        points = inputs if isinstance(inputs, np.ndarray) else inputs.points()
        return np.sin(points @ self._directions + controls[:, 0, None, None]).astype(self._dtype)

    def measure(self, controls, inputs):
        features = self.measure_features(controls, inputs)
        weights = controls[:, self.readout_weight].reshape(len(controls), self._n_out, -1)
        return features @ weights.transpose(0, 2, 1) + controls[:, None, self.readout_bias]


class Crossed(PDE):
    """Two outputs, each in the other's equation, and single derivatives beside the sum of squares."""

    domain = {"x": (0.0, 1.0, 20), "t": (0.0, 1.0)}  # noqa: RUF012
    outputs = ("u", "v")

    def ansatz(self, at, u, v):
        return [at.t * u, at.t * v]

    def residual(self, at, u, v):
        return [u.t + v.squared_gradient, v.t * u - u.squared_gradient + u.laplacian + v.partial(3)]


def evaluated(problem, chip, batch_size=4):
    objective = PinnObjective(problem, make_rule("central"), batch_size, seed=0)
    controls = np.random.default_rng(2).standard_normal((3, chip.n_controls))
    readout = np.arange(chip.n_controls)[1:]
    return objective, controls, readout, objective.evaluate(chip, controls, with_readout=True)


@pytest.mark.parametrize(("problem", "n_out"), [(HJBLog(20), 1), (Crossed(), 2)])
def test_a_triangle_gives_what_the_slopes_give(problem, n_out, monkeypatch):
    chip = Waves(21, n_out)
    # Points one by one: tiles must not matter.
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 1)
    objective, controls, readout, summed = evaluated(problem, chip)
    kept = objective.blocks[0].features(chip, controls, N_FEATURES)
    assert isinstance(kept, module.SummedFeatures)
    monkeypatch.setattr(
        "photonzero.training.objective.pinn.block.reduced_features",
        lambda layout, constant, links, shape, _: module.PlainFeatures(layout, constant, links, shape),
    )
    _, _, _, plain = evaluated(problem, chip)
    others = np.random.default_rng(3).standard_normal((4, readout.size))
    for p in range(len(controls)):
        wanted = plain.readout.residuals(p, others)
        # Rounding of 20 squares, none of which is larger than their sum.
        np.testing.assert_allclose(
            summed.readout.residuals(p, others), wanted, atol=1e-10 * np.abs(wanted).max()
        )
        wanted = plain.readout.columns(p, others[0])
        # Both are central differences of a quadratic formula: rounding over a step of 1e-3.
        np.testing.assert_allclose(
            summed.readout.columns(p, others[0]), wanted, atol=1e-9 * np.abs(wanted).max()
        )
    np.testing.assert_allclose(summed.residuals, objective.evaluate(chip, controls).residuals, atol=1e-8)


def test_memory_does_not_grow_with_the_dimension():
    sizes = []
    for n_space in (20, 40):
        chip = Waves(n_space + 1, dtype=np.float32)
        objective, controls, _, _ = evaluated(HJBLog(n_space), chip)
        kept = objective.blocks[0].features(chip, controls, N_FEATURES)
        sizes.append(sum(a.nbytes for a in (kept._packed, kept._plain._rows)))
        # A triangle of the features, the bias and the one output, in single precision as measured.
        assert kept._packed.shape[2:] == ((N_FEATURES + 2) * (N_FEATURES + 3) // 2,)
        assert kept._packed.dtype == np.float32
    assert sizes[0] == sizes[1]


def test_few_slopes_are_kept_as_they_are():
    chip = Waves(4)
    objective, controls, _, _ = evaluated(HJBLog(3), chip)
    assert isinstance(objective.blocks[0].features(chip, controls, N_FEATURES), module.PlainFeatures)
