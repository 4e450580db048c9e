"""Adam on layers that are read while batches pass: the contract of all optimizers, on a chip that lets it."""

import subprocess
import sys

import numpy as np
import pytest

from photonzero.devices.noise_model import preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.training.classification import ClassificationObjective, Dataset
from photonzero.training.errors import ArgumentError
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.optimizers.frozen import partly_trained
from photonzero.training.testing import LabChip, LayeredLabChip, OptimizerContract
from photonzero.training.testing.optimizers import assert_resumes, lab_objective, watched
from photonzero.training.trainer import Limits, TrainingRun

NAME = "layered-adam"
SMALL = {"n_steps": 400, "probe_every": 4}


def adam_run(chip=None, options=SMALL, objective=None, **limits):
    chip = chip or LayeredLabChip()
    method = get_method(NAME)
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    optimizer = method.make(start_on(chip, x), method.options(**options), np.random.default_rng(3))
    return TrainingRun(chip, objective or lab_objective(), optimizer, Limits(**limits))


class FaultyLayeredChip(LayeredLabChip):
    """Its third batch that passes fails."""

    def __init__(self, fault):
        super().__init__()
        self._fault, self._n_calls = fault, 0

    def measure_layers(self, controls, inputs):
        answer = super().measure_layers(controls, inputs)
        self._n_calls += 1
        if self._n_calls != 3:
            return answer
        if self._fault == "late":
            raise TimeoutError("late")
        return [
            own[:, :, 1:] if self._fault == "wrong shape" else np.full_like(own, np.nan) for own in answer
        ]


class TestLayeredAdam(OptimizerContract):
    method = NAME
    options = SMALL

    def make_run(self, chip=None, **limits):
        return adam_run(chip, self.options, **limits)

    def test_it_asks_for_settings_of_the_chip(self):
        run = self.make_run(max_steps=3)
        asked = watched(run)
        run.train()
        for a in asked:
            assert len(a.controls) == (a.purpose == "step")
            for reading in a.readings:
                assert np.isfinite(reading.controls).all()
                assert np.abs(reading.vectors).max() <= run.oracle.largest_input
        assert [a.purpose for a in asked] == ["start", "turn", "step", "step", "step"]
        assert [a.fresh_points for a in asked] == [True, False, True, True, True]
        assert [row[0] for row in run.history] == [1, 2, 3]

    def test_it_starts_where_it_is_told_and_leaves_that_alone(self):
        chip = LayeredLabChip()
        start = np.random.default_rng(2).standard_normal(chip.n_controls)
        before = start.copy()
        method = get_method(NAME)
        optimizer = method.make(start_on(chip, start), method.options(**SMALL), np.random.default_rng(3))
        moved = optimizer.controls - start
        for own in (slice(0, 8), slice(16, 24)):  # phases are the same a turn away
            moved[own] = (moved[own] + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(moved).max() <= chip.control_groups["layer1/mixers"].grid_step
        TrainingRun(chip, lab_objective(), optimizer, Limits(max_steps=2)).train()
        np.testing.assert_array_equal(start, before)

    def test_metering_is_what_it_asks_for(self):
        chip = LayeredLabChip(noise=1e-3)
        run = self.make_run(chip, max_steps=3)
        asked = watched(run)
        run.train()
        readings = [reading for a in asked for reading in a.readings]
        assert run.settings == sum(len(r.controls) for r in readings) + 3
        assert run.layer_inferences == sum(r.n_inferences for r in readings)
        assert chip.presented == run.inferences + run.inferences_validation
        # On paper: two readings of both layers, one turn of eight mixers each beside where it stands; in a
        # step the batch, and of every layer a fourth of the turns, again beside where it stands.
        vectors = [len(r.vectors) for r in asked[1].readings]
        batch = sum(nodes.shape[0] * nodes.shape[1] for nodes in run.objective.known_batch().nodes)
        assert run.inferences == 2 * (4 + 8) + 9 * sum(vectors) + 3 * (batch + 3 * sum(vectors))

    def test_the_budget_is_never_exceeded(self):
        for budget in (1, 100, 500):
            run = self.make_run(max_inferences=budget)
            assert "max_inferences" in run.train()
            assert run.inferences <= budget

    def test_resume_equals_the_straight_run(self):
        for noise in (0.0, 1e-3):
            assert_resumes(lambda n, std=noise: self.make_run(LayeredLabChip(noise=std), max_steps=n), 4, 9)

    def faulty_chip(self, fault):
        return FaultyLayeredChip(fault)

    def bits_of_a_fresh_process(self):
        code = (
            "from tests.contracts.test_layered_adam import adam_run\n"
            "run = adam_run(max_steps=2); run.train()\n"
            "print(run.optimizer.controls.tobytes().hex())"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return answer.stdout.strip()


def test_a_chip_without_layer_access_is_refused_in_one_line():
    with pytest.raises(ArgumentError, match="no layers to read; allowed"):
        adam_run(LabChip())


class Rounding(LayeredLabChip):
    """Detectors without noise, whose converter rounds."""

    def measure_layer(self, layer, controls, vectors):
        return 0.05 * np.round(super().measure_layer(layer, controls, vectors) / 0.05)


def test_what_a_converter_rounds_counts_as_noise_where_repeats_differ_in_signs():
    seen = {}
    for signed in (False, True):
        run = adam_run(Rounding(), SMALL | {"signed_repeats": signed}, max_steps=1)
        asked = watched(run)
        run.train()
        seen[signed] = run.optimizer.state()["variances"]
        assert [len(r.vectors) for r in asked[0].readings] == [2 * 4, 2 * 8]
    assert seen[False][1] == 0.0
    assert seen[True][1] == pytest.approx(0.05**2 / 12, rel=0.6)


def two_moons(n=400, seed=0):
    """Points on two half circles, turned in eight dimensions."""
    rng = np.random.default_rng(seed)
    labels, angle = rng.integers(0, 2, n), rng.uniform(0, np.pi, n)
    side = 1.0 - 2.0 * labels
    points = np.stack([side * np.cos(angle) + labels, side * np.sin(angle) + 0.4 * labels], axis=1)
    points = 0.6 * (points + 0.08 * rng.standard_normal(points.shape) - (0.5, 0.2))
    return points @ np.linalg.qr(rng.standard_normal((8, 2)))[0].T, labels


def moons_run(noise="published-detector", options=None, readout=False, **limits):
    points, labels = two_moons()
    parts = [(points[some], labels[some]) for some in (slice(0, 240), slice(240, 320), slice(320, 400))]
    layers = (TTLayer((4, 4), (4, 2), (1, 2, 1), "tanh", Meshes(4)),)
    if not readout:
        layers = (*layers, TTLayer((1, 2), (4, 4), (1, 2, 1), "identity", Meshes(4)))
    design = NetworkDesign("moons", "", layers, n_out=2, readout=readout)
    chip = fabricate(design, preset(noise), 5, threads=1)
    method = get_method(NAME)
    options = method.options(**{"n_steps": 150, "probe_every": 20, "learning_rate": 0.05, **(options or {})})
    start = chip.initial_controls(np.random.default_rng(6))
    optimizer = method.make(start_on(chip, start), options, np.random.default_rng(7))
    objective = ClassificationObjective(Dataset("moons", 2, *parts), 32, seed=8)
    return TrainingRun(chip, objective, optimizer, Limits(validate_every=50, **limits))


@pytest.mark.parametrize("readout", [False, True])
def test_a_simulated_chip_learns_classes(readout):
    run = moons_run(readout=readout)
    before = run.objective.validation_error(run.checking, run.optimizer.controls)
    run.train()
    after = run.history[-1][3]
    assert before > 0.2
    assert after <= 0.1
    assert run.inferences < 20_000


def test_a_chip_that_jumps_is_read_anew():
    run = moons_run("ideal", {"learning_rate": 0.01}, max_steps=40)
    asked, circuit = watched(run), run.oracle.circuit
    program, jump_rad = circuit.program, np.zeros(run.oracle.n_controls)
    circuit.program = lambda settings, *rest: program(settings + jump_rad, *rest)

    def jump(progress):
        if progress.step == 20:
            for group in run.oracle.control_groups.values():
                if group.kind == "phase":
                    jump_rad[group.slice] = 1.0

    run.callbacks = [jump]
    run.train()
    assert [a.purpose for a in asked] == ["start", "turn", *["step"] * 21, "start", "turn", *["step"] * 19]


@pytest.mark.parametrize("readout", [False, True])
def test_its_gradient_is_that_of_the_chip(readout):
    """Just probed with a small turn, without noise: against differences of whole passes."""
    run = moons_run("ideal", {"n_steps": 1, "turn_rad": 0.02}, readout=readout)
    optimizer, found = run.optimizer, {}
    own = optimizer._gradient
    optimizer._gradient = lambda known, way: found.setdefault("g", own(known, way))
    x = optimizer.controls.copy()
    run.train()
    run.objective.load_batch(1)
    settings = np.repeat(x[None], 2 * x.size, axis=0)
    settings[np.arange(x.size), np.arange(x.size)] += 1e-2
    settings[x.size + np.arange(x.size), np.arange(x.size)] -= 1e-2
    losses = run.objective.evaluate(run.oracle, settings).losses
    expected = (losses[: x.size] - losses[x.size :]) / 2e-2
    # A chord in place of the tangent: half the turn; passes are in single precision.
    np.testing.assert_allclose(found["g"], expected, atol=0.02 * np.abs(expected).max())


def test_it_learns_behind_couplers_that_err_and_converters():
    run = moons_run("physical")
    run.train()
    assert run.history[-1][3] <= 0.2


def test_some_images_of_a_batch_may_pass_for_all():
    every, some = moons_run("ideal"), moons_run("ideal", {"pass_one_in": 4})
    for run in (every, some):
        run.train()
        assert run.history[-1][3] <= 0.1
    passed = [run.inferences - run.layer_inferences for run in (every, some)]
    assert passed == [150 * 32, 150 * 8]


def test_what_is_frozen_stays_and_is_not_probed():
    chip, method = LayeredLabChip(), get_method(NAME)
    start = np.random.default_rng(2).standard_normal(chip.n_controls)

    def make(start):
        return method.make(start, method.options(**SMALL), np.random.default_rng(3))

    optimizer = partly_trained(start_on(chip, start), ["layer1/*"], method, make)
    run = TrainingRun(chip, lab_objective(), optimizer, Limits(max_steps=8))
    begun, asked = optimizer.controls.copy(), watched(run)
    run.train()
    moved = optimizer.controls != begun
    assert not moved[:16].any()
    assert moved[16:].all()
    assert {r.layer for a in asked[1:] for r in a.readings} == {1}
