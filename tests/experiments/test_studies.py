"""The built-in studies, small: what they measure, checked against closed forms and against each other."""

import csv
from pathlib import Path

import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel, preset
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.studies.networks import with_phase_bias
from photonzero.experiments.studies.noise_injection import ManyChips
from photonzero.experiments.studies.registry import STUDIES, find_plan
from photonzero.experiments.studies.running import draw_study
from photonzero.experiments.sweep import run_sweep
from photonzero.experiments.sweep.executors import SerialExecutor, Workers
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import expected_fidelity, mesh
from photonzero.photonics.mesh.phase_file import load_phases
from photonzero.training.oracle import Stencil

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_mesh.npz"
SERIAL = Workers(SerialExecutor, 1, 1)
SHORT = {"digits_inferences": 9000}
LOADED = {"digits_inferences": 18000}


def run(folder, table, *settings):
    plan = find_plan(table, settings)
    rows = run_sweep(plan, folder, SERIAL).rows()
    assert not [row["failure"] for row in rows if row["failure"]]
    drawings = draw_study(plan, rows, folder)
    for drawing in drawings:
        for ending in ("png", "pdf", "csv"):
            assert (folder / "figures" / f"{drawing.name}.{ending}").stat().st_size > 0
    return plan, rows, drawings


@pytest.mark.parametrize("name", STUDIES.names())
def test_every_study_has_defaults_and_a_short_version_that_are_valid(name):
    for quick in (False, True):
        plan = find_plan({"study": name}, quick=quick)
        assert plan.base is STUDIES.get(name)
        assert plan.n_samples > 0
    assert find_plan({"study": name}, quick=True).n_samples < find_plan({"study": name}).n_samples


def test_a_topology_in_a_users_file_is_a_choice(tmp_path):
    (tmp_path / "own.py").write_text(
        "from photonzero.photonics.mesh import from_layers\n\n\n"
        "def twice(n_modes):\n"
        "    return from_layers('twice', n_modes, 2 * [[(k, k + 1) for k in range(0, n_modes - 1, 2)]])\n"
    )
    name = f"{tmp_path}/own.py:twice"
    settings = (f"topology={name}", "n_modes=4", "sigma_phase_rad=[0.0, 0.1]")
    _, rows, _ = run(tmp_path / "out", {"study": "phase-error", "chips": 2}, *settings)
    assert [row["topology"] for row in rows] == [name] * 4
    assert [row["fidelity"] for row in rows][:2] == pytest.approx([1.0, 1.0], abs=1e-13)
    with pytest.raises(PhotonicsError, match=r"own.py: no topology 'thrice'"):
        find_plan({"study": "phase-error"}, (f"topology={tmp_path}/own.py:thrice",))


def test_phase_errors_cost_what_the_closed_form_says_on_every_topology(tmp_path):
    table = {"study": "phase-error", "chips": 200}
    settings = ("topology=['rectangular','triangular','symmetric','butterfly']", "n_modes=8")
    _, rows, _ = run(tmp_path, table, *settings, "sigma_phase_rad=[0.0, 0.01]")
    for name in ("rectangular", "triangular", "symmetric", "butterfly"):
        of = [row for row in rows if row["topology"] == name]
        exact = [row for row in of if row["sigma_phase_rad"] == 0]
        assert all(
            row["fidelity"] == pytest.approx(1.0, abs=1e-13) and row["matrix_error"] == 0 for row in exact
        )
        lost = 1 - np.array([row["fidelity"] for row in of if row["sigma_phase_rad"] > 0])
        expected = 1 - expected_fidelity(mesh(name, 8), 0.01)
        # Four standard errors, and the order that the closed form neglects.
        assert abs(lost.mean() - expected) < 4 * lost.std() / np.sqrt(200) + expected**2


def test_deployment_compares_five_ways_on_the_same_chip(tmp_path):
    table = {"study": "deployment", "chips": 1, "options": {**SHORT, "recovery_factor": 100.0}}
    _, rows, drawings = run(tmp_path, table, "problem=digits", "sigma_phase_rad=[0.0, 1.0]")
    error = {(row["method"], row["sigma_phase_rad"]): row["error"] for row in rows}
    assert error["loaded", 0.0] == error["noise-injected", 0.0] == rows[0]["ideal_error"]
    # With phases off by a radian nothing of the network is left.
    assert error["loaded", 1.0] > 0.8
    # The chip tells its phases by itself, anywhere on the circle, and the network is as good as ever.
    assert error["self-calibrated", 1.0] == pytest.approx(rows[0]["ideal_error"], abs=0.01)
    assert error["on-chip", 1.0] < error["loaded", 1.0]
    recovered = [row for row in rows if row["method"] == "recovered"]
    assert all(row["recovery_inferences"] == row["inferences"] > 0 for row in recovered)
    assert [drawing.name for drawing in drawings] == ["deployment", "recovery"]
    with (tmp_path / "figures" / "deployment.csv").open() as file:
        assert {line["method"] for line in csv.DictReader(file)} == {row["method"] for row in rows}


def test_quantization_with_many_bits_changes_nothing_and_with_one_everything(tmp_path):
    table = {"study": "quantization", "chips": 2, "options": LOADED}
    _, rows, _ = run(tmp_path, table, "method=loaded", "bits=[1, 20]")
    for row in rows:
        fine = row["bits"] == 20
        assert (row["fidelity"] > 1 - 1e-6) == fine
        assert (row["error"] < 0.75) == fine


def test_component_errors_lower_fidelity_and_accuracy(tmp_path):
    table = {"study": "component-error", "chips": 2, "options": LOADED}
    settings = ("n_modes=8", "sigma_coupler_rad=[0.0, 0.3]", "sigma_phase_rad=[0.0, 0.5]")
    _, rows, _ = run(tmp_path, table, *settings)
    at = {(r["sigma_coupler_rad"], r["sigma_phase_rad"], r["chip"]): r for r in rows}
    for chip in (0, 1):
        assert at[0.0, 0.0, chip]["fidelity"] == pytest.approx(1.0, abs=1e-12)
        for setting in ((0.3, 0.0), (0.0, 0.5), (0.3, 0.5)):
            assert at[(*setting, chip)]["fidelity"] < 0.9
            assert at[(*setting, chip)]["test_accuracy"] < at[0.0, 0.0, chip]["test_accuracy"]


def test_a_chip_with_component_errors_can_be_trained_where_a_loaded_network_fails(tmp_path):
    table = {
        "study": "component-error",
        "chips": 1,
        "options": {"digits_inferences": 40_000, "on_chip": True},
    }
    settings = ("n_modes=8", "sigma_coupler_rad=[0.0, 0.3]", "sigma_phase_rad=1.0")
    _, rows, _ = run(tmp_path, table, *settings)
    for row in rows:
        assert row["test_accuracy"] < 0.4
        assert row["trained_accuracy"] > 0.6
    without = {"study": "component-error", "options": {"on_chip": True, "network": False}}
    with pytest.raises(UsageError, match="on_chip: True; allowed with network = true and without phases"):
        find_plan(without, ())


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("crosstalk", ("coupling=[0.0, 0.2]", "seeds=1")),
        ("detector", ("readout_std=[0.0, 1.0]", "chips=1", "adc_bits=[0, 2]")),
        ("drift", ("drift_std_rad=[0.0, 1.0]", "chips=1", "correlation_time_s=1.0")),
    ],
)
def test_a_loaded_network_suffers_from_what_the_study_varies(tmp_path, name, settings):
    table = {"study": name, "options": LOADED}
    _, rows, _ = run(tmp_path, table, "problem=digits", "method=loaded", *settings)
    assert rows[-1]["error"] > rows[0]["error"] + 0.1


def test_own_phases_are_swept_as_random_ones_are(tmp_path):
    table = {"study": "phase-error", "chips": 2, "options": {"phases": str(EXAMPLE)}}
    plan, rows, _ = run(tmp_path / "phase", table, "sigma_phase_rad=[0.0, 1.0]")
    example = load_phases(EXAMPLE)
    best = example.test_accuracy(example.matrix())
    assert plan.grid["topology"] == ("imported",)
    assert [row["test_accuracy"] == best for row in rows] == [True, True, False, False]
    assert rows[0]["fidelity"] == pytest.approx(1.0, abs=1e-13)
    # A worker resolves the plan again, and needs no file for it.
    again = plan.to_table()
    again["options"]["phases"] = "/nowhere.npz"
    assert find_plan(again).grid == plan.grid
    table = {"study": "component-error", "chips": 1, "options": {"phases": str(EXAMPLE)}}
    _, rows, _ = run(tmp_path / "component", table, "sigma_coupler_rad=[0, 0.3]", "sigma_phase_rad=0")
    assert rows[0]["test_accuracy"] == best > rows[1]["test_accuracy"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("topology=imported",), "topology: 'imported' without phases; allowed with: phases = FILE.npz"),
        (("phases=none.npz",), "none.npz: No such file"),
    ],
)
def test_bad_imports_are_one_clear_line(settings, message):
    with pytest.raises((UsageError, PhotonicsError), match=message):
        find_plan({"study": "phase-error"}, settings)


def test_scaling_counts_the_mzis_of_its_meshes(tmp_path):
    table = {"study": "scaling", "chips": 1, "options": {"inferences": 1}}
    _, rows, _ = run(tmp_path, table, "rank=[1, 2]", "core_size=8", "width=32")
    # TT [4, 8] x [2, 1] of rank r, then [4, 1, 8] x [4, 1, 8]: blocks of 8 x 8, 56 MZIs each.
    assert [row["n_mesh_mzi"] for row in rows] == [56 * 5, 56 * 7]


def test_many_chips_answer_each_input_as_one_of_them_does():
    design, noise = get_design("tonn-tiny"), with_phase_bias(NoiseModel(), 0.3)
    chips = [fabricate(design, noise, seed, threads=1) for seed in (5, 6, 7)]
    many = ManyChips(chips)
    rng = np.random.default_rng(0)
    controls = np.stack([chips[0].initial_controls(rng) for _ in range(2)])
    inputs = rng.random((8, 3))
    answer = many.measure_features(controls, inputs)
    for k, chip in enumerate(chips):
        np.testing.assert_array_equal(answer[:, k::3], chip.measure_features(controls, inputs[k::3]))
    offsets = rng.random((4, 3))
    stencil = many.measure(controls, Stencil(inputs, offsets)).reshape(2, 8, 4)
    for k, chip in enumerate(chips):
        own = chip.measure(controls, Stencil(inputs[k::3], offsets)).reshape(2, -1, 4)
        np.testing.assert_array_equal(stencil[:, k::3], own)


def test_the_phase_bias_has_the_standard_deviation_asked_for():
    shifter = with_phase_bias(preset("published"), 0.2).phase_shifter
    drawn = shifter.draw_bias_rad(20_000, np.random.default_rng(1))
    assert drawn.std() == pytest.approx(0.2, rel=0.02)
    assert shifter.gamma_std_rad_per_v2 == 0.002
