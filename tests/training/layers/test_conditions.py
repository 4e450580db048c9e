"""Layered Gauss-Newton on chips of other depths, cores and faults: each lowers what it is given to lower."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.drift import PhaseDrift
from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.devices.stuck_shifter import StuckShifters
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes, Numbers, Rings
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.pde import PDE
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun

NOISY = NoiseModel(readout_noise=ReadoutNoise(1e-3))


class Waves(PDE):
    """A sine of three half waves: too much for random features of so few."""

    domain = {"x": (0.0, 1.0), "y": (0.0, 1.0)}  # noqa: RUF012

    def residual(self, at, u):
        return u.laplacian + 10.0 * np.pi**2 * np.sin(3.0 * np.pi * at.x) * np.sin(np.pi * at.y)

    def ansatz(self, at, network):
        return at.x * (1.0 - at.x) * at.y * (1.0 - at.y) * network


def layers(*kinds):
    """Layers from two inputs on: of sixteen features for tensor trains, of eight for dense ones."""
    found = []
    for k, core in enumerate(kinds):
        if core == "train":
            modes = (4, 4) if k else (2, 1)
            found.append(TTLayer((4, 4), modes, (1, 2, 1), "sin", Meshes(4), gain=1.5))
        else:
            found.append(dense_layer(8, 8 if k else 2, "sin", core, gain=1.5))
    return NetworkDesign("small", "", tuple(found), readout=True)


CASES = {
    "one layer": (layers(Meshes(8)), NOISY),
    "two layers": (layers("train", "train"), preset("published-detector")),
    "three layers": (layers("train", "train", "train"), NOISY),
    "four layers": (layers("train", "train", "train", "train"), NOISY),
    "dense": (layers(Meshes(8), Meshes(8)), NOISY),
    "digital": (layers(Numbers(), Numbers()), NOISY),
    "integers": (layers(Numbers(bits=8), Numbers(bits=8)), NOISY),
    "rings": (layers(Rings(), Rings()), NOISY),
    "couplers": (
        layers("train", "train"),
        replace(NOISY, coupler_imbalance=CouplerImbalance(angle_std_rad=0.05)),
    ),
    "stuck": (layers("train", "train"), replace(NOISY, stuck_shifters=StuckShifters(probability=0.2))),
    "drift": (
        layers("train", "train"),
        replace(NOISY, phase_drift=PhaseDrift(std_rad=0.05, correlation_time_s=1e-3)),
    ),
    "no noise": (layers("train", "train"), NoiseModel()),
}


@pytest.mark.parametrize("case", CASES)
def test_optics_learn(case):
    design, noise = CASES[case]
    losses = []
    for n_steps in (1, 8):
        chip = fabricate(design, noise, 3, threads=1)
        method = get_method("layered-gauss-newton")
        options = method.options(n_steps=n_steps, reading_repeats=8, final_steps=2)
        start = start_on(chip, chip.initial_controls(np.random.default_rng(1)))
        optimizer = method.make(start, options, np.random.default_rng(2))
        objective = PinnObjective(Waves(), make_rule("central", spacing=0.05), 150, seed=1)
        run = TrainingRun(chip, objective, optimizer, Limits())
        assert "finished" in run.train()
        losses.append(run.history[-1][2])
    assert losses[1] < 0.5 * losses[0]
