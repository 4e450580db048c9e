"""Gradient estimates and Gauss-Newton steps on problems whose answer is known."""

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError
from photonzero.training.objective import Evaluation
from photonzero.training.optimizers import (
    ForwardGradient,
    GaussNewtonOptions,
    GradientOptions,
    Start,
    SubspaceGaussNewton,
)
from photonzero.training.optimizers.parts.scaling import perturbation_sizes
from photonzero.training.oracle import ControlGroup

N = 6
RNG = np.random.default_rng(0)
HESSIAN = RNG.standard_normal((N, N))
HESSIAN = HESSIAN @ HESSIAN.T
SLOPE = RNG.standard_normal(N)
GROUPS = {
    "a": ControlGroup(0, 2, "phase"),
    "b": ControlGroup(2, N, "digital", scale=0.5),
}


def quadratic(x):
    return 0.5 * np.einsum("pi,ij,pj->p", x, HESSIAN, x) + x @ SLOPE


def one_gradient_estimate(x, n_directions, seed):
    """The estimate that ForwardGradient makes, read from its first Adam mean."""
    options = GradientOptions(n_directions=n_directions, beta1=0.9)
    method = ForwardGradient(Start(x, GROUPS), options, np.random.default_rng(seed))
    asked = method.ask().controls
    assert asked.shape == (2 * n_directions, N)
    method.tell(Evaluation(quadratic(asked), np.zeros((2 * n_directions, 0))))
    unit = np.array([1.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    return method.state()["update/mean"] / (1 - 0.9) / unit


def test_random_gradient_estimate_is_unbiased_with_the_stated_variance():
    x = np.random.default_rng(1).standard_normal(N)
    gradient = HESSIAN @ x + SLOPE
    trials, k = 4000, 3
    estimates = np.stack([one_gradient_estimate(x, k, seed) for seed in range(trials)])
    size = perturbation_sizes(GROUPS, N, 0.02, 0.02)
    variance = ((size @ (size * gradient**2)) - (size * gradient) ** 2) / (k * size**2)
    error = np.abs(estimates.mean(axis=0) - gradient)
    assert (error < 4 * np.sqrt(variance / trials)).all()
    np.testing.assert_allclose(estimates.var(axis=0), variance, rtol=4 * np.sqrt(3 / trials))


def test_adam_descends_a_quadratic():
    x = np.full(N, 2.0)
    method = ForwardGradient(Start(x, GROUPS), GradientOptions(n_directions=4, learning_rate=0.05),
                     np.random.default_rng(0))  # fmt: skip
    for _ in range(1500):
        asked = method.ask().controls
        method.tell(Evaluation(quadratic(asked), np.zeros((len(asked), 0))))
    best = -np.linalg.solve(HESSIAN, SLOPE)
    floor = quadratic(best[None])[0]
    assert quadratic(method.controls[None])[0] - floor < 0.02 * (quadratic(x[None])[0] - floor)


def hybrid_that_stalls(x, fresh, seed=0, **options):
    """Hardly a step, hence no progress: whole gradients from the fifth step on."""
    options = GradientOptions(
        estimator="hybrid",
        n_directions=2,
        n_coordinates=N,
        patience=3,
        learning_rate=1e-9,
        fresh_update=fresh,
        **options,
    )
    return ForwardGradient(Start(x, GROUPS), options, np.random.default_rng(seed))


@pytest.mark.parametrize("fresh", [True, False])
def test_after_a_stall_the_update_knows_only_whole_gradients_if_it_is_fresh(fresh):
    x = np.full(N, 2.0)
    method = hybrid_that_stalls(x, fresh)
    for n_losses in (4, 4, 4, 4, 2 * N):
        asked = method.ask().controls
        assert len(asked) == n_losses
        method.tell(Evaluation(quadratic(asked), np.zeros((len(asked), 0))))
    unit = np.array([1.0, 1.0, 0.5, 0.5, 0.5, 0.5])
    gradient = (HESSIAN @ x + SLOPE) * unit
    state = method.state()
    assert state["update/n_updates"] == (1 if fresh else 5)
    known = np.allclose(state["update/square"], 0.001 * gradient**2, rtol=1e-4)
    assert known == fresh


@pytest.mark.parametrize("fresh", [True, False])
def test_after_a_stall_the_schedule_starts_anew_if_it_is_fresh(fresh):
    x = np.full(N, 2.0)
    schedule = {"update": "sign", "schedule": "step", "schedule_steps": 4, "schedule_factor": 0.5}
    method = hybrid_that_stalls(x, fresh, **schedule)
    lengths = []
    for step in range(8):
        if step == 6:
            # Also where the method is continued from a checkpoint.
            state = method.state()
            method = hybrid_that_stalls(x, fresh, seed=7, **schedule)
            method.restore(state)
        before = method.controls[0]
        asked = method.ask().controls
        method.tell(Evaluation(quadratic(asked), np.zeros((len(asked), 0))))
        lengths.append(abs(method.controls[0] - before))
    # Four steps of random directions, then whole gradients.
    whole, half = 1e-9, 0.5e-9
    expected = [whole] * 8 if fresh else [whole] * 4 + [half] * 4
    np.testing.assert_allclose(lengths, expected, rtol=1e-5)


MATRIX = np.random.default_rng(2).standard_normal((20, N))
TARGET = np.random.default_rng(3).standard_normal(20)


class LinearTail:
    """The digital end of a linear problem, some of whose controls are its readout."""

    def __init__(self, x, readout):
        self._x, self._readout = x, readout

    def columns(self, p, readout):
        return MATRIX[:, self._readout]

    def residuals(self, p, readouts):
        x = np.repeat(self._x[p : p + 1], len(readouts), axis=0)
        x[:, self._readout] = readouts
        return x @ MATRIX.T - TARGET


def linear_evaluation(x, readout=None):
    residuals = x @ MATRIX.T - TARGET
    tail = None if readout is None else LinearTail(x, readout)
    return Evaluation((residuals**2).mean(axis=1), residuals, tail)


def least_squares_loss():
    best = np.linalg.lstsq(MATRIX, TARGET, rcond=None)[0]
    return float(((MATRIX @ best - TARGET) ** 2).mean())


def run(method, steps, readout=None):
    rounds = []
    while method.n_steps < steps:
        candidates = method.ask()
        rounds.append(len(candidates.controls))
        method.tell(linear_evaluation(candidates.controls, readout))
    return rounds


def test_gauss_newton_solves_linear_least_squares_in_a_step():
    # Directions that span everything: one almost undamped step is the solution.
    options = GaussNewtonOptions(n_directions=4 * N, n_remembered=0, initial_damping=1e-9, n_dampings=1)
    method = SubspaceGaussNewton(Start(np.zeros(N), GROUPS), options, np.random.default_rng(0))
    rounds = run(method, 1)
    assert method.loss == pytest.approx(least_squares_loss(), rel=1e-6)
    # Base and again to see its noise, K probes, base again and M trials.
    assert rounds == [2, 4 * N, 2]


def test_gauss_newton_with_an_exact_readout_probes_the_rest_only():
    readout = np.array([2, 3, 4, 5])
    options = GaussNewtonOptions(n_directions=2, n_remembered=1, initial_damping=1e-9, n_dampings=1)
    method = SubspaceGaussNewton(Start(np.zeros(N), GROUPS, readout), options, np.random.default_rng(5))
    base = method.ask()
    assert base.with_readout
    method.tell(linear_evaluation(base.controls, readout))
    probes = method.ask().controls
    assert (probes[:, readout] == 0).all()
    assert (probes[:, :2] != 0).all()
    method.tell(linear_evaluation(probes, readout))
    method.tell(linear_evaluation(method.ask().controls, readout))
    assert method.loss == pytest.approx(least_squares_loss(), rel=1e-6)


def test_the_loss_on_a_batch_never_rises():
    options = GaussNewtonOptions(n_directions=2, n_remembered=1)
    method = SubspaceGaussNewton(Start(np.ones(N), GROUPS), options, np.random.default_rng(1))
    losses = []
    for step in range(1, 60):
        run(method, step)
        losses.append(method.loss)
    assert (np.diff(losses) <= 0).all()
    assert losses[-1] == pytest.approx(least_squares_loss(), rel=1e-3)


def test_it_stops_where_nothing_is_better():
    options = GaussNewtonOptions(n_directions=2, n_remembered=1)
    method = SubspaceGaussNewton(Start(np.ones(N), GROUPS), options, np.random.default_rng(1))
    for _ in range(200):
        if method.stop():
            break
        asked = method.ask().controls
        worse = ((asked - 1.0) ** 2).sum(axis=1)[:, None]
        method.tell(Evaluation(worse[:, 0], np.hstack([worse, worse])))
    assert "stalled" in method.stop()


def test_perturbations_are_whole_codes():
    step = 2 * np.pi / 255
    groups = {
        "coarse": ControlGroup(0, 1, "phase", grid_step=step),
        "free": ControlGroup(1, 2, "phase"),
        "digital": ControlGroup(2, 3, "digital", scale=3.0),
    }
    np.testing.assert_allclose(perturbation_sizes(groups, 3, 0.01, 0.1), [step, 0.01, 0.3], rtol=1e-15)
    assert perturbation_sizes(groups, 3, 1.5 * step, 0.1)[0] == 2 * step


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussNewtonOptions(n_directions=0), "n_directions: 0; allowed: >= 1"),
        (lambda: GaussNewtonOptions(damping_ratio=1.0), "damping_ratio: 1.0"),
        (lambda: GaussNewtonOptions(n_directions=2), "n_remembered: 2; allowed: below 2"),
        (lambda: GaussNewtonOptions(readout_memory=1.5), "readout_memory: 1.5; allowed: from 0 to 1"),
        (lambda: GaussNewtonOptions(directions="some"), "directions: 'some'; allowed: all, groups"),
        (lambda: GaussNewtonOptions(initial_damping=float("nan")), "initial_damping: nan"),
        (lambda: GradientOptions(learning_rate=0.0), "learning_rate: 0.0"),
        (lambda: GradientOptions(beta1=1.0), "beta1: 1.0"),
    ],
)
def test_bad_options_are_named(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
