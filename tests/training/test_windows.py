"""Time windows: each begins where the one before ends, and all of them are one training."""

import numpy as np
import pytest

from photonzero.experiments.run.api import configured
from photonzero.experiments.run.assembly import assemble
from photonzero.training.errors import ArgumentError
from photonzero.training.null_models import frozen_readout
from photonzero.training.objective import PinnObjective
from photonzero.training.objective.pinn.windows import TimeWindows, WindowedObjective
from photonzero.training.pde import PDE, Condition
from photonzero.training.problems import get_problem
from photonzero.training.stencils import make_rule

SETTINGS = {
    "windows": 3,
    "batch_size": 16,
    "optimizer.n_steps": 1,
    "optimizer.n_dampings": 1,
    "optimizer.final_steps": 1,
    "points.n_validation": 20,
    "points.n_test": 50,
}


class Warming(PDE):
    """``u_t = exp(-x^2)``, from sin x, at walls that move: what the network has to be is known."""

    domain = {"x": (-1.0, 1.0), "t": (2.0, 5.0)}  # noqa: RUF012

    def ansatz(self, at, net):
        return np.sin(at.x) + 0.1 * (at.t - 2.0) ** 2 + (at.t - 2.0) * net

    def residual(self, at, u):
        return u.t - np.exp(-(at.x**2))

    def exact(self, at):
        return np.sin(at.x) + (at.t - 2.0) * np.exp(-(at.x**2))


def answers(k):
    return lambda inputs: np.sin((k + 1.0) * inputs[:, :1]) + k * inputs[:, 1:]


def test_a_window_begins_where_the_one_before_ends():
    problem = Warming()
    windows, before = TimeWindows(problem, 3), [answers(k) for k in range(3)]
    points = np.random.default_rng(0).uniform(-1, 1, (7, 2))
    for k, start in ((1, 3.0), (2, 4.0)):
        points[:, 1] = start
        arrived = windows.solution(
            k - 1, points, before[k - 1](windows.presented(k - 1, points))[None], before
        )
        own = before[k](windows.presented(k, points))[None]
        np.testing.assert_allclose(windows.solution(k, points, own, before), arrived, rtol=1e-12)
    np.testing.assert_array_equal(
        windows.number(np.array([[0, 2.0], [0, 2.9], [0, 3.0], [0, 5.0]])), [0, 0, 1, 2]
    )
    # Presented alike: every window's time from one end to the other.
    np.testing.assert_allclose(
        windows.presented(1, np.array([[0.5, 3.0], [0.5, 4.0]])), [[0.5, -1], [0.5, 1]]
    )


def test_the_networks_that_solve_every_window_leave_no_residual_and_no_error():
    # In each, u - a grows by exp(-x^2) - 0.1 d/dt (t - 2)^2, which its network has to be.
    def solving(k):
        def network(inputs):
            passed = 0.5 * (inputs[:, 1] + 1.0)
            return (np.exp(-(inputs[:, 0] ** 2)) - 0.1 * (passed + 2.0 * k))[:, None]

        return network

    class Chip:
        n_inferences = 0

        def measure(self, controls, inputs):
            self.n_inferences += len(inputs)
            return np.stack([solving(int(own))(inputs) for own in controls[:, 0]])

    problem = Warming()
    objective = WindowedObjective(
        problem, 3, lambda own: PinnObjective(own, make_rule("central", spacing=1e-3), 20, 0)
    )
    chip = Chip()
    assert objective.test_error(chip, np.arange(3.0)) < 1e-12
    # A point of the k-th window asks the networks before it too.
    assert chip.n_inferences == (objective.windows.number(objective.test_points) + 1).sum()
    assert objective.test_error(Chip(), np.zeros(3)) > 1e-2
    for k in range(3):
        objective.enter([solving(j) for j in range(k)])
        times = objective.blocks[0].points[:, 1]
        assert (times >= 2.0 + k).all()
        assert (times <= 3.0 + k).all()
        block = objective.blocks[0]
        nodes = block.nodes().reshape(-1, 2)
        inputs = objective.windows.presented(k, nodes).reshape(block.nodes().shape)
        values = solving(k)(inputs.reshape(-1, 2)).reshape(*inputs.shape[:2], 1)
        assert np.abs(block.residuals_at(block.maps_of_nodes(), values)).max() < 1e-9


def parts():
    config = configured(
        "allen-cahn", chip="tonn-wave", optimizer="layered-gauss-newton", seed=3, settings=SETTINGS
    )
    return config, assemble(config, 1)


def operations_of(n_windows):
    config, whole = parts()
    run = whole.run(type(config.limits)(max_steps=2 * n_windows))
    run.train()
    return run.optimizer.n_host_operations


def test_an_interrupted_training_ends_with_the_same_bits():
    config, whole = parts()
    run = whole.run(config.limits)
    stop = run.train()
    # One step and the last reading, in three windows.
    assert "finished" in stop
    assert len(run.history) == 6
    assert run.optimizer.controls.shape == (3 * whole.chip.n_controls,)
    # Every window has its own settings.
    assert len(np.unique(run.optimizer.controls.reshape(3, -1), axis=0)) == 3
    error, operations = run.test_error(), run.optimizer.n_host_operations
    # Windows differ in what they solve again: each is about a third.
    assert 0.25 < operations_of(1) / operations < 0.45
    for n_steps in (2, 3):
        first = parts()[1].run(type(config.limits)(max_steps=n_steps))
        first.train()
        second = parts()[1].run(config.limits)
        second.restore(first.checkpoint())
        second.train()
        np.testing.assert_array_equal(second.optimizer.controls, run.optimizer.controls)
        assert second.inferences == run.inferences
        assert second.optimizer.n_host_operations == operations
    assert error == second.test_error()


def test_frozen_optics_have_windows_too():
    own = parts()[1]
    found = frozen_readout(own.chip, lambda: parts()[1].objective, own.initial_controls)
    assert found is not None
    assert np.isfinite(found.error)
    assert own.objective.zero_error() > 0


def test_only_what_reads_layers_has_windows():
    config = configured("allen-cahn", optimizer="gauss-newton", settings={"windows": 2})
    with pytest.raises(ArgumentError, match=r"windows: .* allowed: layered-gauss-newton"):
        assemble(config, 1)


class Still(Warming):
    domain = {"x": (-1.0, 1.0), "y": (2.0, 5.0)}  # noqa: RUF012


class Started(Warming):
    def conditions(self):
        return [Condition("start", {"t": 2.0}, lambda at, u: u.value)]


class Loose(Warming):
    def ansatz(self, at, net):
        return net


class Waves(Warming):
    def ansatz(self, at, net):
        return np.sin(at.x) + (at.t - 2.0) ** 2 * net


@pytest.mark.parametrize(
    ("problem", "what"),
    [(Still, "no time"), (Started, "'start'"), (Loose, "grows from 0"), (Waves, "in proportion")],
)
def test_problems_that_windows_cannot_begin_in(problem, what):
    with pytest.raises(ArgumentError, match=what):
        TimeWindows(problem(), 2)


def test_one_window_is_the_problem_itself():
    one = configured("allen-cahn", optimizer="layered-gauss-newton", settings={"windows": 1})
    assert isinstance(assemble(one, 1).objective, PinnObjective)
    assert get_problem("allen-cahn").has_exact
