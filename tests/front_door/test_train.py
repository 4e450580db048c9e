"""Training from Python: what comes back, and that it is what the command would have written."""

import json

import numpy as np
import pytest

import photonzero as pz
from photonzero.experiments.files.errors import UsageError

_SMALL = {"max_inferences": 40_000, "batch_size": 100}


@pytest.fixture(scope="module")
def heat():
    return pz.train("heat", **_SMALL)


def test_a_run_says_what_it_was_and_what_came_out(heat):
    text = repr(heat)
    assert "problem heat" in text
    assert f"rel_l2 {heat.test_error:.3g}" in text
    assert ">problem</th>" in heat._repr_html_()
    assert heat.controls.shape == (heat.chip.n_controls,)
    assert set(heat.stop) == {"max_inferences"}
    assert 0 < heat.test_error < 1


def test_history_has_named_columns(heat):
    history = heat.history
    assert history.dtype.names == ("step", "inferences", "loss", "validation_error", "wall_s")
    assert np.array_equal(history["step"], np.arange(1, len(history) + 1))
    assert history["inferences"][-1] == heat.result["inferences"] <= _SMALL["max_inferences"]


def test_it_predicts_one_point_and_many(heat):
    points = [[0.5, 0.0], [0.0, 0.5], [1.0, 1.0]]
    u = heat.predict(points)
    assert u.shape == (3, 1)
    # The chip reads without noise: one setting gives one answer.
    assert np.allclose(heat.predict(points[0]), u[0])
    exact = heat.problem.reference(np.array(points))
    assert np.abs(u - exact).max() < 0.1
    for wrong in ([[0.1, 0.2, 0.3]], [0.1], np.zeros((1, 1, 2))):
        with pytest.raises(UsageError, match=r"points: shape .*; allowed: \(N, 2\) or \(2,\)"):
            heat.predict(wrong)


def test_it_plots_without_pyplot_and_on_a_figure_of_ones_own(heat):
    from matplotlib.figure import Figure

    drawn = heat.plot()
    assert [axes.get_xlabel() for axes in drawn.axes[:3]] == ["optical inferences of training"] * 2 + ["x"]
    assert drawn._repr_png_().startswith(b"\x89PNG")
    own = Figure()
    assert heat.plot(own) is own
    assert len(own.axes) >= 3


def test_a_saved_run_is_the_run_again(heat, tmp_path):
    folder = heat.save(tmp_path / "run")
    names = {path.name for path in folder.iterdir()}
    assert names == {"config.toml", "history.csv", "checkpoint.npz", "result.json", "figures"}
    again = pz.load_run(folder)
    assert np.array_equal(again.controls, heat.controls)
    assert np.array_equal(again.history, heat.history)
    assert again.test_error == heat.test_error
    assert again.stop == heat.stop
    with pytest.raises(UsageError, match="holds a run already"):
        heat.save(folder)


def test_an_interrupted_run_is_loaded_and_measured_now(heat, tmp_path):
    folder = heat.save(tmp_path / "run")
    (folder / "result.json").unlink()
    again = pz.load_run(folder)
    assert again.stop == {}
    assert again.test_error == pytest.approx(heat.test_error, rel=1e-3)
    (folder / "result.json").write_text("{")
    with pytest.raises(UsageError, match=r"result\.json: cannot be read"):
        pz.load_run(folder)


def test_keys_of_the_configuration_are_arguments(tmp_path):
    # Numbers of NumPy are numbers: grids of values are often its arrays.
    settings = {"optimizer": "gauss-newton", "optimizer.n_directions": np.int64(5), "points.n_test": 200}
    run = pz.train("heat", out=tmp_path / "run", noise="ideal", seed=3, **_SMALL, **settings)
    assert run.config.optimizer.options.n_directions == 5
    assert (run.config.noise.name, run.config.seed, run.config.own.points.n_test) == ("ideal", 3, 200)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["rel_l2"] == run.test_error
    with pytest.raises(UsageError, match="unknown key batch_sise"):
        pz.train("heat", batch_sise=100)


def test_classes_are_predicted(tmp_path):
    run = pz.train("digits", max_inferences=8_000)
    inputs, labels = run.problem.test
    answers = run.predict(inputs)
    assert np.mean(answers != labels) == pytest.approx(run.test_error, abs=0.02)
    assert run.plot().axes[2].get_xlabel() == "answer of the chip"


def test_a_noise_model_takes_numbers_of_numpy():
    std_rad = np.geomspace(0.01, 0.1, 3)[1]
    model = pz.noise(coupler_imbalance={"angle_std_rad": std_rad}, phase_quantizer={"bits": np.int64(6)})
    assert model == pz.noise(coupler_imbalance={"angle_std_rad": float(std_rad)}, phase_quantizer={"bits": 6})
    assert isinstance(model.coupler_imbalance.angle_std_rad, float)
