"""The digital twin of a row, trained with exact derivatives."""

import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from photonzero.experiments import cli
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.api import configured
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.studies.running import sweep
from photonzero.experiments.sweep.study import Sample
from photonzero.experiments.tables import digital
from photonzero.experiments.tables.digital import Differentiated, DigitalOptions, train_digitally
from photonzero.experiments.tables.optics import RUNS, TASKS, Options, config_of
from photonzero.photonics.cores import Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer

with_jax = pytest.mark.skipif(find_spec("jax") is None, reason="an extra that is not installed")
TWINS = [run for run in RUNS if run.endswith("/digital")]


def config(problem="helmholtz", **more):
    core, first = Numbers(), TTLayer((4, 4), (2, 1), (1, 2, 1), "sin", Numbers(), gain=2.0)
    second = TTLayer((4, 4), (4, 4), (1, 2, 1), "sin", core)
    design = NetworkDesign("small", "2-16-16-1", (first, second))
    ideal = {"noise": "ideal", "optimizer": "layered-gauss-newton", "seed": 100, "dtype": "float64"}
    return configured(problem, chip=design, **ideal, **more)


@pytest.mark.parametrize("run", TWINS)
def test_every_twin_is_a_pde_on_an_ideal_chip_of_numbers(run):
    found = config_of(Sample(0, {"run": run, "seed": 7}, 0, 0, SimpleNamespace(options=Options())))
    assert (found.noise.name, found.dtype, found.seed) == ("ideal", "float64", 7)
    assert not any(layer.core.is_optical for layer in found.network().layers)
    assert found.task.label == TASKS[run.partition("/")[0]].problem


def test_without_jax_it_is_refused_in_one_line(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(digital, "find_spec", lambda name: None)
    command = ("tables", "optics", "heat", "heat/digital", "--out", str(tmp_path / "out"))
    monkeypatch.setattr(sys, "argv", ["photonzero", *command])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err.strip()
    assert said.endswith("digital: jax is not installed; allowed: pip install 'photonzero[digital]'")
    assert "\n" not in said
    assert not (tmp_path / "out").exists()


def test_optics_are_not_differentiated():
    with pytest.raises(UsageError, match="meshes, sin; allowed for automatic derivatives: numbers"):
        Differentiated(configured("helmholtz").network())


def test_a_form_is_its_second_derivatives_along_some_directions():
    forms = np.array(
        [[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 2.0, 0], [2.0, 0, 0], [0, 0, 0]]]
    )
    _, weights, directions = digital._directed(np.zeros((5, 1, 3)), forms)
    assert directions.shape == (2, 2, 3)
    rebuilt = np.einsum("jk,jka,jkb->jab", weights, directions, directions)
    # Eigenvectors in double precision.
    np.testing.assert_allclose(rebuilt, forms, atol=1e-12)


@with_jax
def test_its_answers_and_derivatives_are_those_of_the_chip():
    # Conditions at walls besides the equation: parts that want values alone.
    parts = assemble(config("heat"), 1)
    network, objective = Differentiated(parts.config.network()), parts.objective
    objective.load_batch(0)
    batch, x = objective.known_batch(), np.array(parts.initial_controls)
    points = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    jets = network._of_jets(x, *digital._directed(points[:, None], None))
    np.testing.assert_allclose(jets[:, 0, 0], parts.chip.measure(x[None], points)[0, :, 0], rtol=1e-12)
    residuals, jacobian = network.linearised(x, batch)
    np.testing.assert_allclose(residuals, network.residuals(x, batch))
    way, step = np.random.default_rng(1).standard_normal(x.size), 1e-6
    there, back = (network.residuals(x + sign * step * way, batch) for sign in (1, -1))
    # Central differences err by step^2 of third derivatives, and by roundoff over the step.
    np.testing.assert_allclose(
        jacobian @ way, (there - back) / (2 * step), atol=1e-6 * np.abs(jacobian @ way).max()
    )


@with_jax
def test_a_few_steps_solve_what_frozen_features_do_not():
    found = train_digitally(config(), DigitalOptions(n_steps=25))
    assert found.zero == 1.0
    # 0.01 to 0.1 by seed; the best readout of such features as they start leaves more than 0.5.
    assert found.error < 0.3
    assert 10 <= found.steps <= 25


@with_jax
def test_a_twin_is_a_line_of_the_table(monkeypatch, tmp_path):
    from photonzero.experiments.tables import optics

    monkeypatch.setattr(optics, "config_of", lambda sample: config())
    monkeypatch.setattr(optics, "DigitalOptions", lambda: DigitalOptions(n_steps=1))
    table = sweep("tables-optics", {"run": "helmholtz-detector/digital", "seed": 100}, out=tmp_path)
    assert table["inferences"][0] == 0
    assert "helmholtz-detector,digital,helmholtz,ideal,100" in (tmp_path / "optics.csv").read_text()
