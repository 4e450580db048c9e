"""The MNIST table on files made here: resumable row by row, and honest about what it counts."""

import csv

import numpy as np
import pytest
from click.testing import CliRunner

from photonzero.experiments.bench import network
from photonzero.experiments.commands.tables import tables
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.tables import mnist as mnist_table
from photonzero.experiments.tables import mnist_rows
from photonzero.experiments.tables.first_order import FirstOrderOptions
from photonzero.experiments.tables.gradient_variance import gradient_spread
from photonzero.experiments.tables.mnist import tabulate_mnist, tune
from photonzero.experiments.tables.mnist_rows import ROWS, TUNED, Row, row_config, rows_named
from photonzero.photonics.designs import get_design
from photonzero.training.classification import Dataset
from tests.experiments.test_datasets import write

SMALL = (
    Row("exact-tt", "exact gradients, TT", "tt-mnist", None),
    Row(
        "rge-int8",
        "random directions",
        "int8-mnist",
        "rge-adam",
        3_000,
        settings=("batch_size=20", "optimizer.n_directions=5", "optimizer.whole_codes=true"),
        key="optimizer.learning_rate",
        values=(0.01, 0.1),
    ),
)


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(mnist_rows, "ROWS", SMALL)
    monkeypatch.setitem(vars(mnist_table), "FIRST_ORDER", {"exact-tt": FirstOrderOptions(2, 20, 0.05)})
    monkeypatch.setattr(mnist_table, "measured_spreads", lambda data: [SPREAD])
    return str(write(tmp_path))


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


def test_the_table_keeps_finished_rows(small, tmp_path, capsys):
    out = tmp_path / "table"
    first = tabulate_mnist(out, 1, (), small, quiet=False)
    assert "| random directions | 2,506 |" in capsys.readouterr().out
    finished = {path: path.stat().st_mtime_ns for path in out.glob("*/result.json")}
    assert len(finished) == 2
    assert tabulate_mnist(out, 1, (), small, quiet=True) == first
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/result.json")} == finished
    with (out / "mnist.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["exact-tt", "rge-int8"]
    assert int(rows[0]["inferences"]) == 2 * 70
    assert int(rows[1]["inferences"]) <= 3_000
    assert (out / "mnist.png").stat().st_size > 0
    assert mnist_table._kept_spreads(out / "mnist-variance.csv", None) == [SPREAD]


def test_step_sizes_are_chosen_on_a_seed_of_their_own(small, tmp_path):
    chosen = tune(tmp_path, (), small, 3_000, quiet=True)
    assert chosen["rge-int8"] in (0.01, 0.1)
    assert all("seed = 100" in path.read_text() for path in tmp_path.glob("rge-int8-*/config.toml"))


def test_rows_fit_their_designs_and_every_key_is_tuned():
    assert {row.name for row in ROWS if row.key} == set(TUNED)
    for row in ROWS:
        get_design(row.chip)
        if row.optimizer is not None:
            value = TUNED.get(row.name)
            config = row_config(row, 3, "data", value, row.max_inferences)
            assert (config.chip, config.noise.name, config.seed) == (row.chip, row.noise, 3)
            if row.key is not None:
                assert value in row.values
                assert config.optimizer.options.learning_rate == value


def test_unknown_rows_and_missing_data_are_named(tmp_path):
    with pytest.raises(UsageError, match="row: 'bp'; allowed: exact-dense, exact-tt"):
        rows_named(("bp",))
    answer = CliRunner().invoke(
        tables, ["mnist", "exact-tt", "--data", str(tmp_path), "--out", str(tmp_path)]
    )
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
