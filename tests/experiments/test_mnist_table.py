"""The MNIST table on files made here: resumable row by row, and honest about what it counts."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner

from photonzero.experiments.bench import network
from photonzero.experiments.commands.tables import tables
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.tables import mnist as mnist_table
from photonzero.experiments.tables import tuned
from photonzero.experiments.tables.first_order import FirstOrderOptions
from photonzero.experiments.tables.gradient_variance import gradient_spread
from photonzero.experiments.tables.mnist import ROWS, TUNED, Options, Way, config_with
from photonzero.photonics.designs import get_design
from photonzero.training.classification import Dataset
from tests.experiments.test_datasets import write

SMALL = {
    "exact-tt": Way(
        "exact-tt", "exact gradients, TT", "tt-mnist", first_order=FirstOrderOptions(2, 20, 0.05)
    ),
    "rge-int8": Way(
        "rge-int8",
        "random directions",
        "int8-mnist",
        "rge-adam",
        3_000,
        use=("whole-codes",),
        settings={"batch_size": 20, "optimizer.n_directions": 5},
        key="optimizer.learning_rate",
        values=(0.01, 0.1),
    ),
}


@pytest.fixture
def small(monkeypatch, tmp_path):
    for name, way in SMALL.items():
        monkeypatch.setitem(ROWS, name, way)
    monkeypatch.setattr(mnist_table, "measured_spreads", lambda data: [SPREAD])
    return str(write(tmp_path))


def table(out, data, *arguments):
    command = ["mnist", *SMALL, "--out", str(out), "--data", data, "--executor", "serial", *arguments]
    answer = CliRunner().invoke(tables, command, catch_exceptions=False)
    assert answer.exit_code == 0
    return answer.output


PART = (np.random.default_rng(0).random((10, 784)), np.arange(10))
SPREAD = gradient_spread(
    "tt-mnist", Dataset("noise", 10, PART, PART, PART), n_directions=50, batch_size=10, n_estimates=4, seed=0
)


def test_the_variance_of_random_directions_is_the_predicted_one():
    # Rademacher, antithetic: n - 1 over K, up to the loss' third derivatives; K = 50 terms, 4 estimates.
    assert SPREAD.predicted == pytest.approx(2505 / 50)
    assert SPREAD.relative_variance == pytest.approx(SPREAD.predicted, rel=0.4)
    assert SPREAD.inferences == 2 * 50 * 10
    assert SPREAD.mean_cosine == pytest.approx(np.sqrt(50 / 2506), rel=0.6)


def test_the_table_keeps_finished_rows(small, tmp_path):
    out = tmp_path / "table"
    shown = table(out, small, "--seeds", "1")
    assert "| random directions | 2,506 |" in shown
    assert SPREAD.in_words() in shown
    finished = {path: path.stat().st_mtime_ns for path in out.glob("kept/*.npz")}
    assert len(finished) == 2
    (out / "mnist-variance.csv").unlink()
    assert table(out, small, "--seeds", "2", "--quiet") == ""
    assert finished.items() <= {path: path.stat().st_mtime_ns for path in out.glob("kept/*.npz")}.items()
    with (out / "mnist.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["seed"]) for row in rows] == [
        ("exact-tt", "0"), ("exact-tt", "1"), ("rge-int8", "0"), ("rge-int8", "1")
    ]  # fmt: skip
    assert int(rows[0]["inferences"]) == 2 * 70
    assert int(rows[2]["inferences"]) <= 3_000
    assert (rows[0]["learning_rate"], rows[2]["learning_rate"]) == ("0.05", "0.1")
    assert (out / "figures" / "mnist.png").stat().st_size > 0
    assert mnist_table.kept_spreads(out / "mnist-variance.csv", None) == [SPREAD]


def test_step_sizes_are_chosen_on_a_seed_of_their_own(small, tmp_path, monkeypatch):
    seeds = []
    last_error = tuned.last_error
    monkeypatch.setattr(tuned, "last_error", lambda config: seeds.append(config.seed) or last_error(config))
    command = ["mnist", "rge-int8", "--tune", "--max-inferences", "3000", "--executor", "serial", "--quiet"]
    command += ["--out", str(tmp_path / "out"), "--data", small]
    answer = CliRunner().invoke(tables, command, catch_exceptions=False)
    assert answer.output.strip() in ("{'rge-int8': 0.01}", "{'rge-int8': 0.1}")
    assert seeds == [100, 100]


def test_rows_fit_their_designs_and_every_key_is_tuned():
    assert {way.name for way in ROWS.values() if way.key} == set(TUNED)
    for name, way in ROWS.items():
        assert name == way.name
        get_design(way.chip)
        assert (way.optimizer is None) == (way.first_order is not None)
        if way.optimizer is not None:
            value = TUNED.get(name)
            config = config_with(way, Options("data"), 3, value, way.max_inferences)
            assert (config.chip, config.noise.name, config.seed) == (way.chip, way.noise, 3)
            assert config.limits.max_inferences == way.max_inferences > 0
            if way.key is not None:
                assert value in way.values
                assert config.optimizer.options.learning_rate == value


def test_a_row_takes_its_groups_of_settings_and_then_its_own():
    config = config_with(ROWS["hybrid-tt-chosen"], Options(), 0, None, 1000)
    assert (config.batch_size, config.own.batches.pool, config.own.batches.shift_px) == (8, 32, 1)
    assert config.frozen == ("layer1/bias",)
    assert (config.optimizer.options.schedule_steps, config.optimizer.options.beta2) == (2400, 0.99)
    assert (
        config_with(ROWS["recursive-tonn"], Options(), 0, None, 1000).optimizer.options.weight_power == np.inf
    )


def test_unknown_rows_and_missing_data_are_named(tmp_path):
    command = ["mnist", "--data", str(tmp_path), "--out", str(tmp_path / "out"), "--executor", "serial"]
    answer = CliRunner().invoke(tables, [*command, "bp"])
    assert isinstance(answer.exception, UsageError)
    assert "row: 'bp'; allowed: exact-dense, exact-tt" in str(answer.exception)
    answer = CliRunner().invoke(tables, [*command, "exact-tt", "--seeds", "1"])
    assert isinstance(answer.exception, UsageError)
    assert "allowed: at least one pair" in str(answer.exception)


def test_speed_is_stated_against_the_arithmetic(monkeypatch):
    monkeypatch.setattr(network, "_IMAGES", 64)
    monkeypatch.setattr(network, "_ROUNDS", 1)
    result = network.run_mnist()
    # Multiplications of the cores of [8,4,4,8] x [7,4,4,7] and [1,5,2,1] x [8,4,4,8], last core first.
    first = 112 * 32 * 7 + 28 * 16 * 16 * 8 + 7 * 16 * 16 * 32 + 8 * 28 * 128
    second = 128 * 4 * 8 + 32 * 8 * 16 + 8 * 20 * 16 * 2 + 1 * 32 * 10
    assert result["operations_per_image"] == 2 * (first + second) + 1024 + 10
    operations = result["operations_per_image"] * 64
    assert result["gflop_per_s"] * 1e9 * result["seconds"] == pytest.approx(operations)
    assert result["peak_gflop_per_s"] * 1e9 * result["floor_s"] == pytest.approx(operations)


def test_the_speed_of_probes_counts_their_inferences(monkeypatch):
    monkeypatch.setattr(network, "_PROBE_ROUNDS", 1)
    seconds = iter([0.0, 2.0, 2.0, 8.0])
    monkeypatch.setattr(network.time, "perf_counter", lambda: next(seconds))
    result = network.run_probes(2)
    assert result == {
        "settings": 2506, "images": 2, "inferences_per_s": 2506 * 2 / 2.0, "times_pairs": 3.0
    }  # fmt: skip
