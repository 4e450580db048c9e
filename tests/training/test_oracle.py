import threading

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError, MeasurementError
from photonzero.training.meter import MeteredOracle, MeteredReadoutOracle, metered
from photonzero.training.oracle import (
    ControlGroup,
    ForwardOracle,
    Stencil,
    n_inputs,
)


def test_stencil_points_run_offsets_fastest():
    s = Stencil(np.array([[0.0], [10.0]]), np.array([[1.0], [2.0], [3.0]]))
    np.testing.assert_array_equal(s.points()[:, 0], [1, 2, 3, 11, 12, 13])
    assert n_inputs(s) == 6


def test_meter_counts_settings_times_inputs(lab_chip):
    meter = MeteredOracle(lab_chip)
    meter.measure(np.zeros((4, 25)), np.zeros((10, 3)))
    meter.measure(np.zeros((2, 25)), Stencil(np.zeros((5, 3)), np.zeros((7, 3))))
    assert meter.inferences == 4 * 10 + 2 * 35 == lab_chip.presented
    assert meter.settings == 6


def test_a_lab_chip_is_an_oracle_without_features(lab_chip):
    assert isinstance(lab_chip, ForwardOracle)
    assert not isinstance(metered(lab_chip), MeteredReadoutOracle)


class Broken:
    n_controls = 1
    control_groups = {}  # noqa: RUF012

    def __init__(self, answer):
        self._answer = answer

    def measure(self, controls, inputs):
        return self._answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.zeros((2, 3)), r"oracle answer: shape \(2, 3\); allowed: \(2, 3, n_out\)"),
        (np.zeros((1, 3, 1)), "oracle answer: shape"),
        (np.full((2, 3, 1), np.nan), "oracle answer: NaN or infinity"),
        (np.full((2, 3, 1), 1j), "oracle answer: complex128 numbers; allowed: real ones"),
        (np.full((2, 3, 1), "x"), "oracle answer: <U1 numbers; allowed: real ones"),
        ([[[1.0], [2.0]], [[3.0]]], "oracle answer: list; allowed: an array of numbers"),
    ],
)
def test_bad_answers_are_refused_but_paid_for(answer, message):
    meter = MeteredOracle(Broken(answer))
    with pytest.raises(MeasurementError, match=message):
        meter.measure(np.zeros((2, 1)), np.zeros((3, 1)))
    assert meter.inferences == 6


def test_bad_requests_are_refused_and_free(lab_chip):
    meter = MeteredOracle(lab_chip)
    with pytest.raises(ArgumentError, match=r"controls: shape \(1, 3\); allowed: \(P, 25\)"):
        meter.measure(np.zeros((1, 3)), np.zeros((1, 3)))
    with pytest.raises(ArgumentError, match="controls: NaN or infinity"):
        meter.measure(np.full((1, 25), np.inf), np.zeros((1, 3)))
    assert meter.inferences == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 2, "phase"), "start 3, stop 2"),
        ((0, 1, "optical"), "kind 'optical'"),
        ((0, 1, "phase", -1.0), "grid_step -1.0"),
        ((0, 1, "phase", 0.0, 0.0), "scale 0.0"),
    ],
)
def test_bad_groups_are_named(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        ControlGroup(*arguments)


def test_bad_stencils_are_named():
    with pytest.raises(ArgumentError, match="offsets: 2 coordinates; allowed: 3"):
        Stencil(np.zeros((1, 3)), np.zeros((1, 2)))
    with pytest.raises(ArgumentError, match="centers: shape"):
        Stencil(np.zeros(3), np.zeros((1, 3)))


class Slow:
    """Answers the second measurement once it is allowed to."""

    n_controls = 1
    control_groups = {}  # noqa: RUF012

    def __init__(self):
        self.calls, self.allowed = 0, threading.Event()

    def measure(self, controls, inputs):
        self.calls += 1
        if self.calls == 2:
            self.allowed.wait()
        if self.calls == 4:
            raise ConnectionError("unplugged")
        return np.ones((len(controls), len(inputs), 1))


def test_a_late_answer_is_a_typed_error_and_nothing_is_asked_until_it_came():
    oracle = Slow()
    meter = metered(oracle, timeout_s=0.05)
    x, inputs = np.zeros((1, 1)), np.zeros((3, 1))
    meter.measure(x, inputs)
    with pytest.raises(MeasurementError, match=r"oracle: TimeoutError: no answer within 0.05 s"):
        meter.measure(x, inputs)
    with pytest.raises(MeasurementError, match="busy with a measurement that is late"):
        meter.measure(x, inputs)
    assert oracle.calls == 2
    oracle.allowed.set()
    meter._late.join()
    assert meter.measure(x, inputs).shape == (1, 3, 1)
    with pytest.raises(MeasurementError, match="ConnectionError: unplugged"):
        meter.measure(x, inputs)
