"""The Jacobian of a measured network against finite differences of the chip itself."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.training.layers.network import MeasuredLayer, passed
from photonzero.training.layers.on_batch import Pricing, solved
from photonzero.training.layers.tangents import Probes, core_changes, probe_vectors, turned
from photonzero.training.layers.tensor_train import tt_cores
from photonzero.training.layers.weighing import weighed, weighing_vectors
from photonzero.training.objective import PinnObjective
from photonzero.training.pde import PDE, Condition
from photonzero.training.stencils import make_rule


class Diffusion(PDE):
    """Linear, with a system of two equations at every point."""

    domain = {"x": (0.0, 1.0, 2), "t": (0.0, 1.0)}  # noqa: RUF012

    def residual(self, at, u):
        return [u.t - u.laplacian, 0.3 * u.t + u]

    def conditions(self):
        return [Condition("start", {"t": 0.0}, lambda at, u: u - at.x.sum(axis=-1))]


# Errors of bias leave an angle an angle; where phases err by a factor and heat their neighbours, a turn is
# not quite what it says.
BIASED = NoiseModel(phase_shifter=PhaseShifter(bias_max_rad=1.0))
PUBLISHED = replace(preset("published"), phase_quantizer=None)


def identified(chip, controls, rng):
    """The measured network, and how each core changes with its phases."""
    layers, changes = [], []
    for k, f in enumerate(chip.layers):
        vectors = weighing_vectors(f.n_in)
        matrix = weighed(chip.measure_layer(k, controls[None], vectors)[0], vectors)
        cores = tt_cores(matrix, f.out_modes, f.in_modes, f.ranks)
        layers.append(MeasuredLayer.of(cores, controls[f.bias], f.activation))
        vectors, own = probe_vectors(cores, rng), []
        for c, core in enumerate(f.cores):
            places = np.arange(core.controls.start, core.controls.stop)
            probes = turned(controls, places, 0.5, core.low, core.high, core.response)
            base = chip.measure_layer(k, controls[None], vectors)[0]
            slopes = probes.slopes(base, chip.measure_layer(k, probes.settings, vectors))
            own.append(core_changes(cores, c, vectors, slopes))
        changes.append(own)
    return layers, changes


def test_noise_of_the_jacobian_follows_the_law():
    rng = np.random.default_rng(4)
    quiet, noisy = (
        fabricate(get_design("tonn-tiny"), replace(BIASED, readout_noise=noise), 3, dtype=np.float64)
        for noise in (ReadoutNoise(), ReadoutNoise(1e-3))
    )
    controls = quiet.initial_controls(rng)
    objective = PinnObjective(Diffusion(), make_rule("central", spacing=0.1), 5, seed=1)
    layers, _ = identified(quiet, controls, rng)
    here = solved(layers, objective.known_batch(), np.ones((1, 17)), Pricing((0.0, 0.0), 0.0, 1e-3))
    k, c, n_trials = 1, 0, 400
    core, cores = noisy.layers[k].cores[c], layers[k].cores
    vectors, place = probe_vectors(cores, rng), np.array([core.controls.start])
    probes = turned(controls, place, 0.5, core.low, core.high, core.response)
    base = vectors @ layers[k].matrix.T

    def jacobian(changes):
        every = [[np.zeros((0, other.size)) for other in own.cores] for own in layers]
        every[k][c] = changes
        return here.jacobian(every)[:, : len(changes)]

    again = Probes(np.tile(probes.settings, (n_trials, 1)), np.tile(probes.weights, (n_trials, 1)))
    slopes = again.slopes(base, noisy.measure_layer(k, again.settings, vectors))
    found = jacobian(core_changes(cores, c, vectors, slopes))
    # Least squares is linear: the residuals' changes by a reading of one detector before one vector each.
    units = np.eye(base.size).reshape(-1, *base.shape)
    effects = jacobian(core_changes(cores, c, vectors, units))
    expected = probes.variances(1e-3**2)[0] * (effects**2).sum(axis=1)
    exact = probes.slopes(base, quiet.measure_layer(k, probes.settings, vectors))
    right = jacobian(core_changes(cores, c, vectors, exact))[:, 0]
    seen = ((found - right[:, None]) ** 2).mean(axis=1)
    # Mean squares of 400 normal numbers.
    np.testing.assert_allclose(seen, expected, rtol=4.5 * np.sqrt(2 / n_trials))


class Flow(PDE):
    """Two outputs, of one of which only the slope is known."""

    domain = {"x": (0.0, 1.0), "y": (0.0, 1.0)}  # noqa: RUF012
    outputs = ("u", "p")
    free_constants = ("p",)

    def residual(self, at, u, p):
        return [p.x - u.laplacian - 1.0, p.y - u]


class Fixed(Flow):
    free_constants = ()


@pytest.mark.parametrize(("problem", "counts"), [(Flow, False), (Fixed, True)])
def test_a_constant_that_equations_leave_free_has_no_part_in_the_price(problem, counts):
    rng = np.random.default_rng(1)
    layers = [
        MeasuredLayer.of([rng.standard_normal((1, 6, n, 1))], rng.standard_normal(6), "sin") for n in (2, 6)
    ]
    batch = PinnObjective(problem(), make_rule("central", spacing=0.1), 40, seed=1).known_batch()
    here = solved(layers, batch, np.ones((2, 7)), Pricing((0.0, 0.0), 0.0, 1e-3))
    readout = here.solution.readout.copy()
    readout[-1] += 1e3
    there = replace(here, solution=replace(here.solution, readout=readout))
    ratio = there.price() / here.price()
    # A constant of 1e3 counts a million times the square of a solution of order one, or not at all.
    assert (ratio < 1e-3) == counts
    assert (abs(ratio - 1.0) < 1e-6) != counts


def test_what_detectors_cut_off_is_priced_as_an_error_of_the_solution():
    rng = np.random.default_rng(1)
    layers = [
        MeasuredLayer.of([rng.standard_normal((1, 6, n, 1))], rng.standard_normal(6), "sin", 2.5)
        for n in (3, 6)
    ]
    batch = PinnObjective(Diffusion(), make_rule("central", spacing=0.1), 40, seed=1).known_batch()
    price = Pricing((0.0, 0.0), 30.0, 1e-9)

    def of_bias(bias):
        return solved([layers[0], replace(layers[1], bias=bias)], batch, np.ones((1, 7)), price)

    here, endless = of_bias(layers[1].bias), [replace(layer, full_scale=np.inf) for layer in layers]
    places, weights = batch.judged(1000)
    nodes = places[:, None]
    change = (
        passed(layers, nodes, None, None, slice(1)).features - passed(endless, nodes).features
    ) @ here.readout[0, :-1]
    assert (change == 0).any()
    assert (change != 0).any()
    # The rest of F is that of detectors without end, with this readout.
    apart = 30.0 * float(weights[:, 0] @ change[:, 0] ** 2)
    left = here.solution.residual
    damping = 1e-9 * (here.solution.columns**2).sum() / 7 * (here.readout**2).sum()
    assert here.value == pytest.approx(left @ left + damping + apart, rel=1e-6)
    way = rng.standard_normal(6)
    pair = [of_bias(layers[1].bias + sign * 1e-5 * way).value for sign in (1.0, -1.0)]
    # With hardly any damping, whose size changes with the features as well.
    slope = here.model(None, rng).slope[6:] @ way
    assert 2.0 * slope == pytest.approx((pair[0] - pair[1]) / 2e-5, rel=1e-3)


@pytest.mark.parametrize(("noise", "error"), [(BIASED, 1e-5), (PUBLISHED, 5e-3)], ids=["biased", "published"])
def test_the_jacobian_is_that_of_the_chip(noise, error):
    chip = fabricate(get_design("tonn-tiny"), noise, 3, dtype=np.float64, threads=1)
    rng = np.random.default_rng(0)
    controls = chip.initial_controls(rng)
    cores = [core for layer in chip.layers for core in layer.cores]
    phases = np.concatenate([np.arange(core.controls.start, core.controls.stop) for core in cores])
    controls[phases] = rng.uniform(1.5, 4.5, phases.size)
    objective = PinnObjective(Diffusion(), make_rule("central", spacing=1e-3), 20, seed=1)
    layers, changes = identified(chip, controls, rng)
    here = solved(layers, objective.known_batch(), np.ones((1, 17)), Pricing((0.0, 0.0), 0.0, 1e-3))
    controls[chip.readout_weight], controls[chip.readout_bias] = here.readout[0, :-1], here.readout[0, -1]
    np.testing.assert_allclose(
        here.solution.residual, objective.evaluate(chip, controls[None]).residuals[0], atol=1e-5
    )
    biases = np.concatenate([np.arange(f.bias.start, f.bias.stop) for f in chip.layers])
    places = np.concatenate([phases, biases])
    size = 1e-4
    settings = np.repeat(controls[None], 2 * len(places), axis=0)
    for k, place in enumerate(places):
        settings[2 * k, place] += size
        settings[2 * k + 1, place] -= size
    residuals = objective.evaluate(chip, settings).residuals
    expected = ((residuals[::2] - residuals[1::2]) / (2 * size)).T
    found = here.jacobian(changes)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=error * np.abs(expected).max())
