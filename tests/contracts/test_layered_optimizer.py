"""The optimizer that reads layers one by one keeps the contract of all others, on a chip that lets it."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError, MeasurementError
from photonzero.training.layers.oracle import CoreFormat, LayerReading
from photonzero.training.meter import metered
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import get_method, start_on
from photonzero.training.testing import LabChip, LayeredLabChip, OptimizerContract, ReadoutLabChip
from photonzero.training.testing.optimizers import assert_resumes, lab_objective, watched
from photonzero.training.trainer import Limits, TrainingRun

NAME = "layered-gauss-newton"
SMALL = {"n_steps": 8, "final_steps": 2}
FINAL = {"n_steps": 2, "final_steps": 3}


def layered_run(chip=None, options=SMALL, objective=None, name=NAME, **limits):
    chip = chip or LayeredLabChip()
    method = get_method(name)
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    optimizer = method.make(start_on(chip, x), method.options(**options), np.random.default_rng(3))
    return TrainingRun(chip, objective or lab_objective(), optimizer, Limits(**limits))


class FaultyLayeredChip(LayeredLabChip):
    """Its ninth reading of a layer fails."""

    def __init__(self, fault):
        super().__init__()
        self._fault, self._n_calls = fault, 0

    def measure_layer(self, layer, controls, vectors):
        answer = super().measure_layer(layer, controls, vectors)
        self._n_calls += 1
        if self._n_calls != 9:
            return answer
        if self._fault == "late":
            raise TimeoutError("late")
        return answer[:, :, 1:] if self._fault == "wrong shape" else np.full_like(answer, np.nan)


class TestLayeredGaussNewton(OptimizerContract):
    method = NAME
    options = {"n_steps": 100}  # noqa: RUF012
    lab_chip = LayeredLabChip

    def make_run(self, chip=None, **limits):
        return layered_run(chip or self.lab_chip(), self.options, name=self.method, **limits)

    def test_it_asks_for_settings_of_the_chip(self):
        run = self.make_run(max_steps=3)
        asked = watched(run)
        run.train()
        for reading in (r for a in asked for r in a.readings):
            assert reading.controls.shape[1] == run.oracle.n_controls
            assert np.isfinite(reading.controls).all()
            presented = reading.vectors if isinstance(reading, LayerReading) else reading.inputs
            assert np.abs(presented).max() <= run.oracle.largest_input
        assert asked[0].fresh_points
        assert [row[0] for row in run.history] == [1, 2, 3]

    def test_it_starts_where_it_is_told_and_leaves_that_alone(self):
        chip = self.lab_chip()
        start = np.random.default_rng(2).standard_normal(chip.n_controls)
        before = start.copy()
        method = get_method(self.method)
        optimizer = method.make(start_on(chip, start), method.options(**SMALL), np.random.default_rng(3))
        moved = optimizer.controls - start
        moved[:8] = (moved[:8] + np.pi) % (2 * np.pi) - np.pi  # phases are the same a turn away
        moved[16:24] = (moved[16:24] + np.pi) % (2 * np.pi) - np.pi
        assert np.abs(moved).max() <= chip.control_groups["layer1/mixers"].grid_step
        TrainingRun(chip, lab_objective(), optimizer, Limits(max_steps=2)).train()
        np.testing.assert_array_equal(start, before)

    def test_metering_is_what_it_asks_for(self):
        chip = LayeredLabChip(noise=1e-3)
        run = self.make_run(chip, max_steps=3)
        asked = watched(run)
        run.train()
        readings = [reading for a in asked for reading in a.readings]
        assert run.settings == sum(len(r.controls) for r in readings)
        assert run.inferences == run.layer_inferences == sum(r.n_inferences for r in readings)
        assert chip.presented == run.inferences + run.inferences_validation
        # On paper: the start, then two turns of eight mixers a layer, and three candidates. 32 repeats of 4
        # and of 8 vectors, shared by the roots of 4 and 8, are 40 and 28; 4 repeats are 5 and 4.
        n_probes = [len(r.vectors) for a in asked if a.purpose == "probe" for r in a.readings]
        assert run.inferences == 40 * 4 + 28 * 8 + 2 * 8 * sum(n_probes) + 3 * 3 * (5 * 4 + 4 * 8)

    def test_resume_equals_the_straight_run(self):
        for noise in (0.0, 1e-3):
            for at, end in ((2, 6), (8, 9)):

                def make(n, std=noise):
                    return layered_run(self.lab_chip(noise=std), name=self.method, max_steps=n)

                assert_resumes(make, at, end)

    def faulty_chip(self, fault):
        return FaultyLayeredChip(fault)

    def bits_of_a_fresh_process(self):
        code = (
            "from photonzero.training import testing\n"
            "from tests.contracts.test_layered_optimizer import layered_run\n"
            f"chip = testing.{self.lab_chip.__name__}()\n"
            f"run = layered_run(chip, options={{'n_steps': 100}}, name='{self.method}', max_steps=2)\n"
            "run.train()\n"
            "print(run.optimizer.controls.tobytes().hex())"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return answer.stdout.strip()


def test_it_ends_with_a_precise_reading_and_a_reason():
    run = layered_run(LayeredLabChip(noise=1e-3), FINAL)
    asked = watched(run)
    assert "finished" in run.train()
    assert [a.purpose for a in asked] == ["start", *["probe", "trial"] * 2, *["last"] * 6]
    assert [len(a.readings) for a in asked[-6:]] == [2, 0, 0, 0, 0, 0]
    assert run.history[-1][0] == 3


def test_noise_is_known_from_repeats():
    run = layered_run(LayeredLabChip(noise=2e-3), FINAL)
    run.train()
    np.testing.assert_allclose(np.sqrt(run.optimizer.state()["variances"]), 2e-3, rtol=0.1)
    quiet = layered_run(LayeredLabChip(), FINAL)
    quiet.train()
    assert not quiet.optimizer.state()["variances"].any()


class Saturating(LayeredLabChip):
    """Detectors that cut readings off at 0.6, and say so."""

    def __init__(self):
        super().__init__()
        self.layers = tuple(replace(f, full_scale=0.6) for f in self.layers)

    def measure_layer(self, layer, controls, vectors):
        return np.clip(super().measure_layer(layer, controls, vectors), -0.6, 0.6)


def test_vectors_shrink_until_no_reading_is_cut_off():
    run = layered_run(Saturating(), max_steps=1)
    asked = watched(run)
    run.train()
    starts = [a for a in asked if a.purpose == "start"]
    assert len(starts) > 1
    last = starts[-1].readings
    answers = [Saturating().measure_layer(r.layer, r.controls, r.vectors) for r in last]
    assert max(np.abs(a).max() for a in answers) < 0.6


class Misstated(LayeredLabChip):
    """Says that its second layer is a tensor train of rank one, which it is not."""

    def __init__(self, noise=0.0):
        super().__init__(noise=noise)
        first, second = self.layers
        cores = (*second.cores, CoreFormat(slice(24, 24)))
        self.layers = (
            first,
            replace(second, out_modes=(4, 2), in_modes=(4, 2), ranks=(1, 1, 1), cores=cores),
        )


def test_candidates_whose_readings_are_cut_off_are_left_out_and_vectors_shrink():
    class Brighter(Saturating):
        """Candidates make its second layer too bright."""

        def measure_layer(self, layer, controls, vectors):
            gain = 30.0 if layer == 1 and len(controls) == 3 else 1.0
            return np.clip(gain * super().measure_layer(layer, controls, vectors), -0.6, 0.6)

    sizes, controls = [], []
    for n_steps in (1, 2):
        run = layered_run(Brighter(), max_steps=n_steps)
        begun = run.optimizer.controls
        run.train()
        sizes.append(run.optimizer.state()["sizes"])
        controls.append(run.optimizer.controls)
    np.testing.assert_array_equal(sizes[1], sizes[0] * [1.0, 0.5])
    for mixers in (slice(0, 8), slice(16, 24)):
        np.testing.assert_array_equal(controls[1][mixers], begun[mixers])


def test_where_it_stands_is_read_again_for_chips_that_drift():
    asked, costs = {}, []
    for rereads in (False, True):
        run = layered_run(LayeredLabChip(noise=1e-3), SMALL | {"rereads": rereads}, max_steps=2)
        asked[rereads] = watched(run)
        before = run.optimizer.controls
        run.train()
        costs.append(run.inferences)
    trials = {k: [a for a in found if a.purpose == "trial"] for k, found in asked.items()}
    assert {len(r.controls) for a in trials[False] for r in a.readings} == {3}
    assert {len(r.controls) for a in trials[True] for r in a.readings} == {4}
    for reading in trials[True][0].readings:
        # The first step starts where the run does, readout and biases apart.
        for mixers in (slice(0, 8), slice(16, 24)):
            np.testing.assert_array_equal(reading.controls[3][mixers], before[mixers])
    assert costs[1] - costs[0] > 0


class Drifting(LayeredLabChip):
    """Its mixers wander with every programming and every vector that is presented."""

    def __init__(self, rate_rad):
        super().__init__(noise=1e-3)
        self.rate_rad, self._wandering = rate_rad, np.random.default_rng(7)

    def wander(self, n):
        self._bias_rad = self._bias_rad + self.rate_rad * np.sqrt(n) * self._wandering.standard_normal((2, 8))

    def measure_layer(self, layer, controls, vectors):
        self.wander(len(controls) * (len(vectors) + 1))
        return super().measure_layer(layer, controls, vectors)

    def matrix(self, layer, controls):
        return self._readings(layer, controls[None], np.eye(self.layers[layer].n_in)[None])[0].T


def drifted(rate_rad):
    chip = Drifting(rate_rad)
    run = layered_run(chip, SMALL | {"rereads": True})
    asked = watched(run)
    run.train()
    return chip, run.optimizer, asked


def test_drift_is_known_from_readings_of_the_same_setting():
    chip, optimizer, asked = drifted(1e-3)
    seen = optimizer.state()["drift"][0]
    steps = zip(asked[1::2], asked[2::2], strict=False)
    n_asked = [sum(r.n_inferences + len(r.controls) for a in pair for r in a.readings) for pair in steps]
    changes = []
    for _ in range(200):
        before = [chip.matrix(k, optimizer.controls) for k in range(2)]
        chip.wander(np.mean(n_asked[:8]))
        after = [chip.matrix(k, optimizer.controls) for k in range(2)]
        changes.append([((a - b) ** 2).mean() for a, b in zip(before, after, strict=True)])
    # Eight angles a layer, about three steps remembered: a variance of 24 numbers, to some 30 percent.
    np.testing.assert_allclose(seen / np.mean(changes, axis=0), 1.0, atol=0.9)
    _, still, _ = drifted(0.0)
    # Of none is seen what chance leaves of two readings of 4 and 8 vectors, 5 and 4 times.
    assert (np.abs(still.state()["drift"][0]) < 1e-3**2 / np.array([20, 32])).all()


def test_the_last_reading_is_no_longer_than_drift_allows():
    n_vectors = []
    for rate_rad in (0.0, 1e-5, 1e-3):
        _, optimizer, asked = drifted(rate_rad)
        (last,) = [a.readings for a in asked if a.purpose == "last" and a.readings]
        n_vectors.append(sum(r.n_inferences for r in last))
        state = optimizer.state()
        squares, (_, n_step) = state["drift"][1], state["asked"]

        def error(r, state=state, squares=squares, n_step=n_step):
            noise = state["variances"] / (r * np.array([4, 8]))
            return squares @ (noise + state["drift"][0] * r * 12 / n_step)

        best = min(range(1, 33), key=error)
        assert error(optimizer.n_last_repeats) <= 1.1 * error(best)
    # Without drift at most 40 and 28 times 4 and 8 vectors, with much of it once each.
    assert 40 * 4 + 28 * 8 >= n_vectors[0] > n_vectors[1] > n_vectors[2] == 4 + 8


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_readings_that_contradict_the_format_are_refused_in_one_line(noise):
    with pytest.raises(ArgumentError, match=r"layer 2: entries .* off any tensor train .* allowed: up to"):
        layered_run(Misstated(noise), max_steps=1).train()


@pytest.mark.parametrize("chip", [LabChip(), ReadoutLabChip()])
def test_a_chip_without_layer_access_is_refused_in_one_line(chip):
    with pytest.raises(ArgumentError, match="no layers to read; allowed"):
        layered_run(chip)


def test_bad_questions_to_a_layer_are_named():
    meter = metered(LayeredLabChip())
    settings = np.zeros((1, meter.n_controls))
    for layer, vectors, match in (
        (2, np.ones((1, 8)), "layer: 2; allowed: 0 to 1"),
        (0, np.ones((1, 8)), r"vectors: shape \(1, 8\)"),
        (0, np.full((1, 3), 1.5), "vectors: 1.5; allowed: magnitudes up to 1"),
        (0, np.full((1, 3), np.nan), "vectors: nan"),
    ):
        with pytest.raises(ArgumentError, match=match):
            meter.measure_layer(layer, settings, vectors)
    assert meter.inferences == meter.layer_inferences == 0


def test_a_batch_that_passes_is_counted_once_however_many_layers_are_read():
    chip = LayeredLabChip()
    meter = metered(chip)
    read = meter.measure_layers(np.zeros((2, chip.n_controls)), np.ones((5, 3)))
    assert [r.shape for r in read] == [(2, 5, 8), (2, 5, 8)]
    assert (meter.inferences, meter.settings, meter.layer_inferences, chip.presented) == (10, 2, 0, 10)
    chip.measure_layers = lambda controls, inputs: read[:1]
    with pytest.raises(MeasurementError, match="1 layers; allowed: 2"):
        meter.measure_layers(np.zeros((2, chip.n_controls)), np.ones((5, 3)))
    chip.measure_layers = lambda controls, inputs: [read[0], read[1][:, :, 1:]]
    with pytest.raises(MeasurementError, match="7 readings; allowed: 8"):
        meter.measure_layers(np.zeros((2, chip.n_controls)), np.ones((5, 3)))


def test_a_task_that_is_no_known_function_is_refused():
    class Unknown:
        inferences_per_candidate = 1

        def load_batch(self, number, factor=1):
            pass

    with pytest.raises(ArgumentError, match="task: none whose loss"):
        layered_run(objective=Unknown()).train()


def jets_of(f, nodes, forms, h=1e-3):
    """Values, slopes and second derivatives by forms of a function of points, by differences."""
    if forms is None:
        return f(nodes.reshape(-1, nodes.shape[-1])).reshape(*nodes.shape[:2], 1)
    points, d = nodes[:, 0], nodes.shape[-1]
    e = h * np.eye(d)
    slopes = [(f(points + e[a]) - f(points - e[a])) / (2 * h) for a in range(d)]
    hessian = np.array(
        [
            [
                (
                    f(points + e[a] + e[b])
                    - f(points + e[a] - e[b])
                    - f(points - e[a] + e[b])
                    + f(points - e[a] - e[b])
                )
                / (4 * h**2)
                for b in range(d)
            ]
            for a in range(d)
        ]
    )
    return np.stack([f(points), *slopes, *np.einsum("jab,abnm->jnm", forms, hessian)], axis=1)


def test_a_batch_known_to_the_host_is_the_one_that_is_measured():
    chip = LayeredLabChip()
    objective: PinnObjective = lab_objective(spacing=1e-3)
    controls = np.random.default_rng(1).standard_normal((1, chip.n_controls))
    measured = objective.evaluate(chip, controls).residuals[0]
    known = objective.known_batch()
    parts = []
    for k, (nodes, forms) in enumerate(zip(known.nodes, known.forms, strict=True)):
        answers = jets_of(lambda points: chip.measure(controls, points)[0], nodes, forms)
        parts.append(known.residuals(k, answers))
        residual, slope = known.linearised(k, answers)
        np.testing.assert_array_equal(residual, parts[-1])
        change = 1e-5 * np.random.default_rng(2).standard_normal(answers.shape)
        pair = known.residuals(k, answers + change) - known.residuals(k, answers - change)
        expected = 2 * (slope * change[:, None]).sum(axis=(2, 3)).ravel()
        np.testing.assert_allclose(pair, expected, rtol=1e-4, atol=1e-6 * np.abs(pair).max())
    # Differences of both err by h^2 and by rounding over h^2.
    np.testing.assert_allclose(np.concatenate(parts), measured, rtol=1e-4, atol=1e-4)
