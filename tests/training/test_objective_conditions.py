"""Conditions, weights, systems, tiles, adaptive points: the PINN objective against formulas by hand."""

import tracemalloc

import numpy as np
import pytest

from photonzero.devices.noise_model import preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.training.errors import ArgumentError, ProblemError
from photonzero.training.meter import metered
from photonzero.training.objective import PinnObjective, PointOptions
from photonzero.training.objective.pinn import block as block_module
from photonzero.training.objective.pinn.adaptive import LargeResiduals
from photonzero.training.optimizers import GaussNewtonOptions, SubspaceGaussNewton, start_on
from photonzero.training.oracle import ControlGroup
from photonzero.training.problems import PDE, Condition, get_problem
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun


class Formulas:
    """A chip whose outputs are formulas of its inputs, its one control a factor."""

    n_controls = 1
    control_groups = {"factor": ControlGroup(0, 1, "digital")}  # noqa: RUF012

    def __init__(self, *formulas):
        self._formulas = formulas

    def measure(self, controls, inputs):
        points = inputs if isinstance(inputs, np.ndarray) else inputs.points()
        outputs = np.stack([formula(points) for formula in self._formulas], axis=-1)
        return controls[:, None, :] * outputs[None]


class Strip(PDE):
    """On [0, 4] x [0, 1], presented as [-1, 1]: scales differ."""

    domain = {"x": (0.0, 4.0), "t": (0.0, 1.0)}  # noqa: RUF012

    def residual(self, at, u):
        return u.t - u.xx + u.xt

    def conditions(self):
        return [
            Condition("start", {"t": 0.0}, lambda at, u: u - at.x, weight=4.0, share=0.5),
            Condition("slope", {"x": [0.0, 4.0]}, lambda at, u: u.x - 1.0, weight=2.0, share=0.25),
        ]


def objective_of(problem, batch_size=8, rule="central", **options):
    return PinnObjective(problem, make_rule(rule), batch_size, 0, PointOptions(**options))


def test_residuals_conditions_weights_and_inferences_by_hand():
    # z_x = x/2 - 1 and z_t = 2 t - 1; net = z_x^2 z_t.
    objective = objective_of(Strip())
    chip = Formulas(lambda z: z[:, 0] ** 2 * z[:, 1])
    meter = metered(chip)
    evaluation = objective.evaluate(meter, np.ones((1, 1)))
    interior, start, slope = objective.blocks
    assert [len(b.points) for b in objective.blocks] == [8, 4, 2]
    # Central with a mixed derivative: 5 + 4 nodes; values: 1; slopes: the 2 that they take.
    assert meter.inferences == objective.inferences_per_candidate == 8 * 9 + 4 * 1 + 2 * 2
    zx, zt = interior.points[:, 0] / 2 - 1, 2 * interior.points[:, 1] - 1
    pde = 2 * zx**2 - 2 * zt / 4 + 2 * zx * (1 / 2) * 2
    assert (start.points[:, 1] == 0).all()
    initial = -((start.points[:, 0] / 2 - 1) ** 2) - start.points[:, 0]
    assert np.isin(slope.points[:, 0], [0.0, 4.0]).all()
    neumann = (slope.points[:, 0] / 2 - 1) * (2 * slope.points[:, 1] - 1) - 1.0
    weighted = [
        factor * np.sqrt(14 / len(part)) * part
        for factor, part in ((1.0, pde), (2.0, initial), (np.sqrt(2.0), neumann))
    ]
    np.testing.assert_allclose(evaluation.residuals[0], np.concatenate(weighted), atol=1e-9)
    loss = (pde**2).mean() + 4 * (initial**2).mean() + 2 * (neumann**2).mean()
    assert evaluation.losses[0] == pytest.approx(loss, rel=1e-9)


def test_systems_put_equations_and_outputs_in_their_places():
    class System(PDE):
        domain = {"x": (-1.0, 1.0), "y": (-1.0, 1.0)}  # noqa: RUF012
        outputs = ("a", "b")

        def ansatz(self, at, a, b):
            return at.x * b, a + 3.0

        def residual(self, at, a, b):
            return [a.x + b.y, a * b.x]

    objective = objective_of(System())
    chip = Formulas(lambda z: z[:, 0] * z[:, 1], lambda z: z[:, 1] ** 2)
    residuals = objective.evaluate(chip, np.ones((1, 1))).residuals[0].reshape(-1, 2)
    x, y = objective.blocks[0].points.T
    # a = x y^2, b = x y + 3.
    np.testing.assert_allclose(residuals, np.stack([y**2 + x, x * y**2 * y], axis=1), atol=1e-10)


def test_columns_of_a_system_with_conditions_are_its_derivative():
    chip = fabricate(get_design("tonn-smooth-flow"), preset("published"), 0, dtype=np.float64)
    objective = objective_of(get_problem("kovasznay"), batch_size=6)
    x = chip.initial_controls(np.random.default_rng(0))
    start = start_on(chip, x)
    evaluation = objective.evaluate(metered(chip), x[None], with_readout=True)
    assert evaluation.readout is not None
    assert start.readout is not None
    columns = evaluation.readout.columns(0, x[start.readout])
    direct = objective.evaluate(chip, x[None])
    np.testing.assert_allclose(evaluation.residuals, direct.residuals, atol=1e-8)
    step = 1e-4
    for k in (0, 130, 300, len(start.readout) - 1):
        change = np.zeros_like(x)
        change[start.readout[k]] = step
        plus, minus = objective.evaluate(chip, np.stack([x + change, x - change])).residuals
        np.testing.assert_allclose(columns[:, k], (plus - minus) / (2 * step), atol=1e-6)


@pytest.mark.parametrize("rule", ["central", "sparse-grid", "hutchinson"])
def test_tiles_change_nothing(monkeypatch, rule):
    chip = fabricate(get_design("tonn-tiny"), preset("ideal"), 0, dtype=np.float64)
    objective = objective_of(get_problem("hjb2"), batch_size=40, rule=rule)
    x = np.stack([chip.initial_controls(np.random.default_rng(k)) for k in range(3)])
    whole = objective.evaluate(metered(chip), x, with_readout=True)
    # One tile holds seven points of one candidate.
    monkeypatch.setattr(block_module, "_NUMBERS_AT_ONCE", 7 * 16 * objective.blocks[0].stencil.n_nodes)
    oracle = metered(chip)
    tiled = objective.evaluate(oracle, x, with_readout=True)
    assert oracle.inferences == 3 * objective.inferences_per_candidate
    # The order of sums within a product may differ, and sparse-grid weights of 200 amplify it.
    np.testing.assert_allclose(tiled.residuals, whole.residuals, rtol=1e-11)


def test_memory_does_not_grow_with_the_nodes(monkeypatch):
    """Beyond one tile: what is kept of a measurement has as many numbers as the PDE has quantities."""
    monkeypatch.setattr(block_module, "_NUMBERS_AT_ONCE", 200_000)
    chip = fabricate(get_design("tonn-tiny"), preset("ideal"), 0)
    x = chip.initial_controls(np.random.default_rng(0))[None]
    peaks = []
    for n_pairs in (40, 1280):
        rule = make_rule("stein-mc", n_pairs=n_pairs)
        objective = PinnObjective(get_problem("hjb2"), rule, 200, 0)
        objective.evaluate(metered(chip), x, with_readout=True)
        tracemalloc.start()
        objective.load_batch(1)
        objective.evaluate(metered(chip), x, with_readout=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # All at once, features alone would be 200 x 2561 x 16 numbers of 8 bytes, 66 MB, against 2 MB.
    assert peaks[1] < 2 * peaks[0]
    assert peaks[1] < 16e6


def test_balance_makes_all_terms_pull_equally():
    chip = Formulas(lambda z: np.exp(z[:, 0]) * z[:, 1])
    objective = objective_of(Strip(), balance="residuals", batch_size=200)
    plain = objective_of(Strip(), batch_size=200).evaluate(chip, np.ones((1, 1))).residuals[0]
    balanced = objective.evaluate(chip, np.ones((1, 1))).residuals[0]
    sizes = [200, 100, 50]
    parts = np.split(balanced, np.cumsum(sizes)[:-1])
    unweighted = np.split(plain, np.cumsum(sizes)[:-1])
    # What is left of the mean squares are the problem's own weights, in units of the PDE's.
    squares = [float((p**2).mean()) * n for p, n in zip(parts, sizes, strict=True)]
    np.testing.assert_allclose(np.array(squares) / squares[0], [1.0, 4.0, 2.0], rtol=1e-10)
    np.testing.assert_array_equal(parts[0], unweighted[0])
    # Set once: a later batch does not change them.
    weights = objective.weights
    objective.load_batch(3)
    objective.evaluate(chip, np.ones((1, 1)))
    assert objective.weights == weights


def test_adapted_points_follow_the_residual_and_stay_inside():
    problem, rng = Strip(), np.random.default_rng(0)
    known = problem.sample(1000, rng)
    large = LargeResiduals(problem, 0.6)
    uniform = problem.sample(1000, rng)
    np.testing.assert_array_equal(large.adapted(uniform, rng), uniform)  # nothing is known yet
    large.observe(known, (known[None, :, 0] > 3.0).astype(float))
    points = large.adapted(uniform, rng)
    inside = (points >= problem.space.lower).all() and (points <= problem.space.upper).all()
    assert inside
    # 600 points near x > 3 and a quarter of the other 400: 700, give or take the edge.
    assert 650 < (points[:, 0] > 3.0).sum() < 750
    np.testing.assert_array_equal(points[600:].shape, (400, 2))


@pytest.mark.parametrize("options", [{"adaptive": 0.5}, {"balance": "columns"}, {"balance": "residuals"}])
def test_resume_ends_with_the_same_bits(options):
    def run(steps):
        chip = fabricate(get_design("tonn-tiny"), preset("published"), 0)
        rng = np.random.default_rng(1)
        start = start_on(chip, chip.initial_controls(rng))
        problem = get_problem("hjb2")
        objective = PinnObjective(problem, make_rule("hutchinson"), 30, 0, PointOptions(**options))
        optimizer = SubspaceGaussNewton(start, GaussNewtonOptions(n_directions=4), rng)
        return TrainingRun(chip, objective, optimizer, Limits(10**8, steps))

    through = run(4)
    through.train()
    first = run(2)
    first.train()
    second = run(4)
    second.restore(first.checkpoint())
    second.train()
    np.testing.assert_array_equal(second.optimizer.controls, through.optimizer.controls)
    assert second.history[-1][:4] == through.history[-1][:4]


def test_closed_domains_keep_their_stencils_inside():
    class Closed(Strip):
        closed = True

        def conditions(self):
            return [Condition("start", {"t": 0.0}, lambda at, u: u - at.x)]

    block = objective_of(Closed(), batch_size=500).blocks[0]
    nodes = block.nodes().reshape(-1, 2)
    assert (nodes >= -1e-12).all()
    assert (nodes <= np.array([4.0, 1.0]) + 1e-12).all()
    # An open one reaches beyond.
    assert (objective_of(Strip(), batch_size=500).blocks[0].nodes() < 0).any()

    with pytest.raises(ProblemError, match=r"stencil spans 12 in coordinate 0; allowed: below 4, the width"):
        PinnObjective(Closed(), make_rule("central", spacing=3.0), 5, 0)


class ClosedNeumann(Strip):
    """Slopes on either wall, a flux through both walls that needs the corners too."""

    closed = True

    def conditions(self):
        return [
            Condition("start", {"t": 0.0}, lambda at, u: u.t - at.x),
            Condition("slope", {"x": [0.0, 4.0]}, lambda at, u: u.x + u.xx - 1.0, weight=2.0),
            Condition("corner", {"x": 0.0, "t": 1.0}, lambda at, u: u.xt),
        ]


@pytest.mark.parametrize("rule", ["central", "central4"])
def test_neumann_conditions_on_closed_domains_take_values_inside_only(rule):
    objective = objective_of(ClosedNeumann(), batch_size=40, rule=rule)
    interior, start, left, right, corner = objective.blocks
    assert [block.term.name for block in objective.blocks[1:]] == ["start", "slope", "slope", "corner"]
    assert len(left.points) + len(right.points) == 10
    assert (left.points[:, 0] == 0.0).all()
    assert (right.points[:, 0] == 4.0).all()
    for block in objective.blocks:
        nodes = block.nodes().reshape(-1, 2)
        assert (nodes >= -1e-12).all()
        assert (nodes <= np.array([4.0, 1.0]) + 1e-12).all()
    # A chip that must not be asked outside: net = z_x^2 z_t inside, with z_x = x/2 - 1 and z_t = 2 t - 1.
    chip = Formulas(lambda z: np.where((np.abs(z) <= 1 + 1e-9).all(axis=1), z[:, 0] ** 2 * z[:, 1], np.nan))
    evaluation = objective.evaluate(chip, np.ones((1, 1)))
    zx, zt = interior.points[:, 0] / 2 - 1, 2 * interior.points[:, 1] - 1
    slope = [
        (b.points[:, 0] / 2 - 1) * (2 * b.points[:, 1] - 1) + b.points[:, 1] - 1.5 for b in (left, right)
    ]
    expected = [
        2 * zx**2 - 2 * zt / 4 + 2 * zx,
        2 * (start.points[:, 0] / 2 - 1) ** 2 - start.points[:, 0],
        np.concatenate(slope),
        np.full(10, -2.0),
    ]
    factors = [np.sqrt(w * 70 / n) for w, n in zip((1.0, 1.0, 2.0, 1.0), (40, 10, 10, 10), strict=True)]
    joined = np.concatenate([f * part for f, part in zip(factors, expected, strict=True)])
    np.testing.assert_allclose(evaluation.residuals[0], joined, atol=1e-8)
    loss = sum(w * (part**2).mean() for w, part in zip((1.0, 1.0, 2.0, 1.0), expected, strict=True))
    assert evaluation.losses[0] == pytest.approx(loss, rel=1e-8)
    assert corner.points.tolist() == [[0.0, 1.0]] * 10


def test_columns_on_the_faces_of_a_closed_domain_are_the_derivative():
    chip = fabricate(get_design("tonn-smooth"), preset("published"), 0, dtype=np.float64)
    objective = objective_of(ClosedNeumann(), batch_size=12, balance="columns")
    x = chip.initial_controls(np.random.default_rng(0))
    start = start_on(chip, x)
    evaluation = objective.evaluate(metered(chip), x[None], with_readout=True)
    assert evaluation.readout is not None
    assert start.readout is not None
    assert objective.weights["slope"] not in (1.0, 2.0)
    columns = evaluation.readout.columns(0, x[start.readout])
    step = 1e-4
    for k in (0, 77, len(start.readout) - 1):
        change = np.zeros_like(x)
        change[start.readout[k]] = step
        plus, minus = objective.evaluate(chip, np.stack([x + change, x - change])).residuals
        np.testing.assert_allclose(columns[:, k], (plus - minus) / (2 * step), atol=1e-5)


def test_what_a_closed_domain_refuses():
    data = np.array([[0.0, 0.5], [4.0, 0.5], [2.0, 0.5]])

    class Data(Strip):
        closed = True
        measured = data

        def conditions(self):
            return [Condition("data", None, lambda at, u: u.x - np.arange(len(at.x)), points=self.measured)]

    with pytest.raises(ProblemError, match="'data' takes derivatives at points of several faces of a closed"):
        objective_of(Data())

    class OneWall(Data):
        measured = data[:1]

    # Given points stay where they are.
    np.testing.assert_array_equal(objective_of(OneWall()).blocks[1].points, data[:1])

    class Outside(Data):
        measured = np.array([[5.0, 0.5]])

    with pytest.raises(ProblemError, match=r"points: x = 5 outside of the domain; allowed: 0 to 4"):
        objective_of(Outside())
    with pytest.raises(ArgumentError, match="'sparse-grid' on a face of a closed domain"):
        objective_of(ClosedNeumann(), rule="sparse-grid")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"condition_share": 0.0}, "condition_share: 0.0; allowed: > 0"),
        ({"balance": "both"}, "balance: 'both'; allowed: off, residuals, columns"),
        ({"adaptive": 1.5}, "adaptive: 1.5; allowed: from 0 to 1"),
        ({"n_test": 0}, "n_test: 0; allowed: >= 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ArgumentError, match=message):
        PointOptions(**options)
