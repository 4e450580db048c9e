"""A foundry's crosstalk matrix from a file, and loss that differs from part to part."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.crosstalk import MeasuredCrosstalk, ThermalCrosstalk
from photonzero.devices.errors import DeviceError
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import NoiseModel, preset


def test_a_file_is_found_from_another_folder(tmp_path, monkeypatch):
    matrix = np.eye(3) + 0.01
    np.savez(tmp_path / "foundry.npz", crosstalk=matrix)
    monkeypatch.chdir(tmp_path)
    part = MeasuredCrosstalk("foundry.npz")
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(part.matrix(3), matrix)
    assert "foundry.npz" in NoiseModel(measured_crosstalk=part).describe()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"crosstalk": np.eye(4)}, r"shape \(4, 4\); allowed: \(3, 3\), a row and a column for each phase"),
        ({"crosstalk": np.full((3, 3), np.nan)}, "allowed: finite real numbers"),
        ({"crosstalk": 1j * np.eye(3)}, "allowed: finite real numbers"),
        ({"heat": np.eye(3)}, "no array 'crosstalk'"),
    ],
)
def test_a_matrix_that_does_not_fit_is_named(tmp_path, arrays, message):
    np.savez(tmp_path / "foundry.npz", **arrays)
    with pytest.raises(DeviceError, match=message) as error:
        MeasuredCrosstalk(str(tmp_path / "foundry.npz")).matrix(3)
    assert "foundry.npz" in str(error.value)


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(DeviceError, match=r"none.npz: No such file"):
        MeasuredCrosstalk(str(tmp_path / "none.npz")).matrix(3)
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(DeviceError, match=r"text.npz: no npz file"):
        MeasuredCrosstalk(str(tmp_path / "text.npz")).matrix(3)


def test_a_rule_and_a_measurement_exclude_each_other():
    with pytest.raises(DeviceError, match="both thermal_crosstalk and measured_crosstalk"):
        NoiseModel(thermal_crosstalk=ThermalCrosstalk(0.005), measured_crosstalk=MeasuredCrosstalk("a.npz"))


def test_losses_of_parts_have_the_mean_and_the_spread_they_are_given():
    loss = InsertionLoss(cell_db=0.1, cell_std_db=0.05, phase_shifter_db=0.2)
    n, rng = 20_000, np.random.default_rng(0)
    drawn = loss.draw_cell_db(n, rng)
    assert drawn.min() >= 0
    assert drawn.mean() == pytest.approx(0.1, abs=4 * 0.05 / np.sqrt(n))
    assert drawn.std() == pytest.approx(0.05, rel=0.05)
    # Without a spread nothing is drawn.
    before = rng.bit_generator.state
    np.testing.assert_array_equal(loss.draw_phase_shifter_db(n, rng), 0.2)
    assert rng.bit_generator.state == before
    assert not loss.is_uniform
    assert InsertionLoss(cell_db=0.1).is_uniform


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell_std_db": 0.1}, "insertion_loss.cell_std_db: 0.1; allowed with cell_db > 0"),
        ({"cell_db": 0.1, "cell_std_db": 0.0}, "insertion_loss.cell_std_db: 0.0; allowed"),
        ({"phase_shifter_std_db": 0.1}, "insertion_loss.phase_shifter_std_db: 0.1; allowed with"),
    ],
)
def test_a_spread_without_a_loss_is_named(change, message):
    with pytest.raises(DeviceError, match=message):
        InsertionLoss(**change)


def test_a_noise_model_says_what_is_imperfect():
    assert NoiseModel().describe() == "no imperfection"
    assert preset("published").describe() == (
        "8-bit phases, gamma +-0.002 rad/V^2, bias +-1 rad, crosstalk 0.005"
    )
    told = replace(preset("physical"), programming_std_rad=0.1, ideal_singular_values=True).describe()
    for part in ("couplers +-0.01 rad", "0.1 dB", "0.1 W of laser", "8-bit receivers", "programming error"):
        assert part in told
    assert NoiseModel().phases_are_ideal
    assert replace(preset("physical"), phase_quantizer=None).phases_are_ideal is False
