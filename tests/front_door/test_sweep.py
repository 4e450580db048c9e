"""Studies from Python: the command's table, with named columns."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import photonzero as pz
from photonzero.experiments import cli
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.sweep.study import Axis, Measured, Study

_GRID = {"n_modes": [4], "sigma_phase_rad": [0.01, 0.1]}

OWN = Study(
    name="own",
    summary="Twice what it varies.",
    axes=(Axis("x", "x"),),
    defaults={"x": [1.0, 2.0], "seeds": 2},
    measured=(Measured("twice", "2 x"),),
    measure=lambda samples, prepared: [{"twice": 2 * sample.setting["x"]} for sample in samples],
    draw=lambda plan, rows, folder: [],
)


def test_python_and_the_command_write_the_same_table(tmp_path, monkeypatch):
    table = pz.sweep("phase-error", grid=_GRID, chips=2, out=tmp_path / "python")
    settings = ["chips=2", "n_modes=[4]", "sigma_phase_rad=[0.01,0.1]"]
    command = ["photonzero", "sweep", "phase-error", "--out", str(tmp_path / "command"), "--quiet"]
    monkeypatch.setattr(sys, "argv", [*command, *(part for text in settings for part in ("--set", text))])
    cli.main()
    text = (tmp_path / "command" / "table.csv").read_bytes()
    assert (tmp_path / "python" / "table.csv").read_bytes() == text
    again = pz.load_study(tmp_path / "command")
    assert np.array_equal(again["fidelity"], table["fidelity"])
    assert (
        again.where(sigma_phase_rad=0.01)["fidelity"].min()
        > again.where(sigma_phase_rad=0.1)["fidelity"].max()
    )
    assert "phase-error: 4 rows" in repr(again)


def test_a_study_made_in_python_is_measured_and_loaded_again(tmp_path):
    table = pz.sweep(OWN, out=tmp_path / "own")
    assert table["twice"].tolist() == [2.0, 2.0, 4.0, 4.0]
    again = pz.load_study(tmp_path / "own", OWN)
    assert again["twice"].tolist() == table["twice"].tolist()
    with pytest.raises(UsageError, match="holds the study 'own'; allowed: 'other'"):
        pz.load_study(tmp_path / "own", replace(OWN, name="other"))
    with pytest.raises(UsageError, match="study: 'own'"):
        pz.load_study(tmp_path / "own")


def test_a_folder_without_a_study_is_named(tmp_path):
    with pytest.raises(UsageError, match="holds no study"):
        pz.load_study(tmp_path)
