"""Meshes calibrate themselves: the command, what is kept and refused, and the study."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import photonzero as pz
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.calibration.meshes import MeshInstrument
from tests.experiments.command import command, refused

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "calibration.md"


@pytest.fixture(scope="module")
def fabricated():
    return pz.fabricate_mesh(pz.mesh("triangular", 5), pz.noise("published-detector"), 100)


@pytest.fixture(scope="module")
def known(fabricated):
    return pz.calibrate_mesh(fabricated, seed=100)


def test_what_is_kept_loads_a_unitary(fabricated, known, tmp_path):
    path = tmp_path / "model.npz"
    known.model.save(path)
    kept = pz.CalibratedMesh.read(path)
    assert kept.fits
    assert kept.model.topology is fabricated.topology
    np.testing.assert_array_equal(kept.model.errors.bias_rad, known.found.fit.errors.bias_rad)
    wanted = pz.build(fabricated.topology, *pz.haar_phases(fabricated.topology, np.random.default_rng(2)))
    # What eight bits leave of 25 phases of 7 mrad.
    assert pz.fidelity(wanted, fabricated.matrix(kept.load(wanted))) > 0.999
    assert pz.fidelity(wanted, fabricated.matrix(pz.decompose(fabricated.topology, wanted))) < 0.9


def test_every_vector_is_counted_and_a_laboratory_needs_no_more_than_readings(fabricated, known):
    instrument = MeshInstrument(fabricated, np.random.default_rng([100, 1]))

    class OnBench:
        topology, step_rad = instrument.topology, instrument.step_rad
        vectors, settings = 0, 0

        def measure_mesh(self, phases_rad, fields):
            self.vectors += fields.shape[0] * fields.shape[1]
            self.settings += len(phases_rad)
            return instrument.measure_mesh(phases_rad, fields)

    bench = OnBench()
    found = pz.calibrate_mesh(bench, seed=100).found
    assert (bench.vectors, bench.settings) == (found.inferences, found.settings)
    # Equal seeds, equal bits.
    np.testing.assert_array_equal(found.fit.errors.bias_rad, known.found.fit.errors.bias_rad)


@pytest.mark.parametrize("content", [{"topology": np.array("rectangular")}, {"weights": np.zeros(3)}, None])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / "other.npz"
    if content is not None:
        np.savez(path, **content)
    with pytest.raises(UsageError, match="no calibrated mesh" if content is not None else "not found"):
        pz.CalibratedMesh.read(path)


def test_the_command_writes_what_it_found(tmp_path, monkeypatch):
    folder = tmp_path / "mesh"
    command(monkeypatch, "calibrate", "rectangular", "--modes", "4", "--seed", "100", "--out", folder)
    result = json.loads((folder / "result.json").read_text())
    assert result["fits"]
    assert result["n_phases"] == 16
    assert pz.CalibratedMesh.read(folder / "model.npz").chi2_per_dof == result["chi2_per_dof"]
    assert (folder / "figures" / "mesh.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("symmetric", "--modes", "4"), "'symmetric' has symmetric cells"),
        (("rectangular", "--modes", "4", "--layer", "1"), "allowed without --modes"),
        (("round", "--modes", "4"), "topology"),
    ],
)
def test_the_command_refuses_in_one_line(monkeypatch, capsys, arguments, said):
    assert said in refused(monkeypatch, capsys, "calibrate", *arguments)


def test_the_study_has_every_method_in_its_columns(tmp_path):
    table = pz.sweep("mesh-calibration", {"n_modes": 4}, chips=1, root_seed=100, out=tmp_path / "study")
    rows = {row["method"]: row for row in table.rows()}
    assert not any(row["failure"] for row in rows.values())
    assert rows["peeling"]["true_error"] < 2e-3 < rows["external"]["true_error"]
    assert rows["peeling"]["loaded_error"] < 2e-3
    assert rows["nulling"]["true_error"] is None
    assert rows["nulling"]["inferences"] == 28
    assert (tmp_path / "study" / "figures" / "mesh-calibration.png").exists()


def test_the_study_refuses_what_a_method_cannot_do(tmp_path):
    with pytest.raises(UsageError, match="external on a triangular mesh of 8 modes: allowed"):
        pz.sweep("mesh-calibration", {"topology": "triangular", "n_modes": 8}, out=tmp_path / "study")


def test_the_example_of_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    (example,) = [block for block in blocks if "calibrate_mesh" in block]
    exec(compile(example, str(PAGE), "exec"), {})
    fits, fidelity = capsys.readouterr().out.split("\n")[:2]
    assert fits.startswith("True")
    assert float(fidelity) > 0.99
