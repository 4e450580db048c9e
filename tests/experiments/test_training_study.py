"""`photonzero sweep train`: trainings over any key of a run, kept by what they depend on."""

import numpy as np
import pytest

from photonzero.experiments import cli
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.api import configured, run
from photonzero.experiments.studies.registry import find_plan
from photonzero.experiments.studies.running import load_study, sweep
from photonzero.experiments.sweep import engine
from photonzero.experiments.sweep.executors import executors
from photonzero.experiments.sweep.table import KEPT_FOLDER, TABLE

SHORT = {
    "problem": "hjb2", "chip": "tt-tiny", "noise": "ideal", "optimizer": "rge-adam", "max_inferences": 40_000,
    "batch_size": 20,
}  # fmt: skip
GRID = {**SHORT, "seed": [0, 1], "optimizer.n_directions": [4, 8]}


def call(*arguments):
    cli.cli.main(list(arguments), standalone_mode=False)


def settings(grid):
    return [part for key, value in grid.items() for part in ("--set", f"{key}={value}".replace("'", '"'))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("trainings")
    call("sweep", "train", *settings(GRID), "--executor", "serial", "--quiet", "--out", str(path))
    return path


def test_a_row_is_the_run_that_the_command_would_train(folder):
    table = load_study(folder)
    assert len(table) == 4
    for row, line in enumerate(table.rows()):
        keys = {"optimizer.n_directions": line["optimizer.n_directions"]}
        config = configured(**SHORT, seed=line["seed"], settings=keys)
        outcome = run(config, threads=1)
        result = outcome.result
        assert line["error"] == result["rel_l2"]
        for name in ("inferences", "steps", "final_loss", "n_controls"):
            assert line[name] == result[name]
        # All but the time of each step.
        history = table.kept(row)["history"]
        np.testing.assert_array_equal(history[:, :4], np.array(outcome.run.history)[:, :4])
    assert set(table["optimizer.n_directions"]) == {4, 8}
    assert "wall_s" not in table.columns
    assert table.kept(0)["wall_s"] > 0
    assert {path.name for path in (folder / "figures").glob("*.png")} == {"error.png", "curves.png"}


def test_more_values_train_only_what_is_new(folder, tmp_path, monkeypatch):
    trained = []
    measure = engine.measure_units
    monkeypatch.setattr(
        engine,
        "measure_units",
        lambda plan, units, *rest: trained.append(units) or measure(plan, units, *rest),
    )
    sweep("train", GRID, out=tmp_path)
    assert sum(map(len, trained)) == 4
    trained.clear()
    more = sweep("train", {**GRID, "seed": [0, 1, 2]}, out=tmp_path)
    assert sum(map(len, trained)) == 2
    assert len(more) == 6
    assert load_study(tmp_path).rows() == more.rows()
    # Another order of the axes is another table of the same trainings; and back again.
    trained.clear()
    again = sweep("train", GRID, out=tmp_path)
    assert trained == []
    assert again.rows() == load_study(folder).rows()
    assert (tmp_path / TABLE).read_bytes() == (folder / TABLE).read_bytes()


def test_an_interrupted_training_goes_on_where_it_was(tmp_path, monkeypatch):
    from photonzero.experiments.run import runs

    # Written after every step, however long that takes.
    monkeypatch.setattr(runs, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(runs, "_PAUSE_OVER_WRITING", 0)
    grid = {**SHORT, "seed": 0, "optimizer.n_directions": 4}
    whole = sweep("train", grid)
    save = runs.save_checkpoint

    def dies(path, *rest):
        save(path, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "save_checkpoint", dies)
    with pytest.raises(KeyboardInterrupt):
        sweep("train", grid, out=tmp_path)
    (checkpoint,) = (tmp_path / KEPT_FOLDER).glob("*.checkpoint.npz")
    first = checkpoint.stat().st_mtime_ns
    saved = []
    monkeypatch.setattr(runs, "save_checkpoint", lambda *rest: saved.append(1) or save(*rest))
    assert sweep("train", grid, out=tmp_path).rows() == whole.rows()
    assert first > 0
    assert len(saved) == whole["steps"][0] - 1
    assert not checkpoint.exists()


def test_workers_train_the_same(folder, tmp_path):
    with executors("processes", 2, None) as workers:
        plan = find_plan({"study": "train", "grid": GRID})
        engine.run_sweep(plan, tmp_path, workers)
    assert (tmp_path / TABLE).read_bytes() == (folder / TABLE).read_bytes()


CHIP = """
[[layers]]
out_modes = [4, 4]
in_modes = [3, 1]
ranks = [1, 2, 1]
activation = "tanh"
"""


def test_chips_noise_and_values_of_any_kind_are_axes(tmp_path):
    (tmp_path / "own.toml").write_text(CHIP)
    (tmp_path / "loud.toml").write_text('base = "published"\n[readout_noise]\nstd_of_full_scale = 0.1\n')
    grid = {
        **SHORT,
        "chip": ["tt-tiny", str(tmp_path / "own.toml")],
        "noise": str(tmp_path / "loud.toml"),
        "frozen": [["layer1/bias"], []],
        "seed": 0,
    }
    before = find_plan({"study": "train", "grid": grid}).fingerprint
    table = sweep("train", grid, out=tmp_path / "study")
    assert table.n_failed == 0
    assert len(set(table["n_controls"][table["chip"] == "tt-tiny"].tolist())) == 1
    assert len(set(table["n_controls"].tolist())) == 2
    assert table.where(frozen=("layer1/bias",), chip="tt-tiny")["error"].size == 1
    assert len(set(table["error"].tolist())) == 4
    # A file that has changed makes another study.
    (tmp_path / "loud.toml").write_text('base = "published"\n')
    assert find_plan({"study": "train", "grid": grid}).fingerprint != before


def test_keys_that_move_together_are_one_axis(tmp_path):
    both, each = "noise.phase_jitter.std_rad+noise.programming_std_rad", "chip+batch_size"
    grid = {
        **{key: value for key, value in SHORT.items() if key not in ("chip", "batch_size")},
        "seed": 0, "max_steps": 1, both: [0.01, 0.02], each: [["tt-tiny", 10], ["tonn-tiny", 20]],
    }  # fmt: skip
    table = sweep("train", grid, out=tmp_path, executor="serial")
    assert len(table) == 4
    for line in table.rows():
        keys = dict.fromkeys(both.split("+"), line[both])
        chip, batch_size = line[each]
        one = {**SHORT, "chip": chip, "batch_size": batch_size}
        config = configured(**one, seed=0, max_steps=1, settings=keys)
        assert line["error"] == run(config, threads=1).result["rel_l2"]


def test_two_axes_of_numbers_make_a_map_and_problems_make_panels(tmp_path):
    grid = {**SHORT, "problem": ["hjb2", "heat"], "seed": 0, "batch_size": [20, 30]}
    del grid["chip"]
    grid["optimizer.n_directions"] = {"from": 2, "to": 4, "count": 2}
    with pytest.raises(UsageError, match="n_directions"):
        # A range is of numbers with a point, which directions are not.
        sweep("train", grid)
    grid["optimizer.n_directions"] = [2, 4]
    grid["max_inferences"] = 6000
    sweep("train", grid, out=tmp_path)
    lines = (tmp_path / "figures" / "error-map.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 4
    assert "hjb2" in lines[1]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"problem": "nothing"}, "problem: 'nothing'"),
        ({"chip": "nothing"}, "nothing"),
        ({"optimizer": ["gauss-newton", "nothing"]}, "optimizer: 'nothing'"),
        ({"optimizer.nothing": [1, 2]}, "nothing"),
        ({"noise.nothing": 1}, "nothing"),
        ({"batch_size": [20, "many"]}, "batch_size: 'many'"),
        ({"seed": [0, 0]}, "seed: .* none twice"),
        ({"seed": -1}, "seed: -1; allowed: whole numbers"),
        ({"chips": 3}, "chips"),
        ({"seed+batch_size": 3}, r"seed\+batch_size: keys that move together; allowed: KEY\+KEY, but for"),
        ({"batch_size+": 3}, r"batch_size\+: keys that move together; allowed: KEY\+KEY, but for"),
        ({"max_steps+batch_size": [[1, 2, 3]]}, r"\[1, 2, 3\]; allowed: a value for all, or a list of 2"),
    ],
)
def test_bad_keys_are_one_clear_line_and_nothing_is_written(tmp_path, grid, message):
    with pytest.raises(Exception, match=message) as error:
        sweep("train", {**SHORT, **grid}, out=tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_summary_takes_medians_over_seeds(folder, capsys):
    call("sweep", str(folder / "study.toml"), "--executor", "serial", "--out", str(folder))
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split()[:2] == ["optimizer.n_directions", "error"]
    assert len(shown) == 1 + 2 + 1
    assert "medians of 2 samples each" in shown[-1]
