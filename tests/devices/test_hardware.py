from dataclasses import fields

import numpy as np
import pytest

from photonzero.devices.errors import DeviceError
from photonzero.devices.hardware import THERMO_OPTIC, HardwareFigures


def test_every_constant_has_a_unit_and_a_source_in_the_bibliography(bibliography_keys):
    rows = HardwareFigures().table()
    assert [row.name for row in rows] == [field.name for field in fields(HardwareFigures)]
    for row in rows:
        assert row.unit
        assert row.meaning
        assert row.source.split()[0] in bibliography_keys or row.source.startswith("assumption: ")


@pytest.fixture
def bibliography_keys(request):
    text = (request.config.rootpath / "docs" / "reference" / "bibliography.md").read_text(encoding="utf-8")
    return {line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")}


def test_detector_power_reaches_full_precision():
    figures = HardwareFigures(bits=6)
    field = np.full(40_000, np.sqrt(figures.detector_power_w))
    readings = figures.photodetector.homodyne_a(field, figures.local_oscillator_w, np.random.default_rng(26))
    assert readings.mean() / readings.std() == pytest.approx(64.0, rel=4 / np.sqrt(80_000))


def test_reading_for_one_symbol_halves_the_symbol_rate():
    assert HardwareFigures(symbol_rate_hz=3e9).photodetector.bandwidth_hz == 1.5e9


def test_area_of_an_mzi():
    assert HardwareFigures(mzi_length_um=100, mzi_width_um=50).mzi_area_mm2 == pytest.approx(5e-3)


def test_a_heater_settles_to_half_a_step_of_eight_bits():
    time_constant_s = 1 / (2 * np.pi * 130e3)
    left = np.exp(-THERMO_OPTIC.phase_settling_s / time_constant_s)
    assert left == pytest.approx(0.5 / 256, rel=1e-12)


@pytest.mark.parametrize(
    ("kwargs", "field"),
    [
        ({"bits": 0}, "bits"),
        ({"cell_loss_db": -0.1}, "cell_loss_db"),
        ({"symbol_rate_hz": 0.0}, "symbol_rate_hz"),
        ({"wall_plug_efficiency": 1.1}, "wall_plug_efficiency"),
        ({"dac_energy_j": float("nan")}, "dac_energy_j"),
    ],
)
def test_bad_constants_are_named(kwargs, field):
    with pytest.raises(DeviceError, match=rf"hardware\.{field}: .*; allowed: "):
        HardwareFigures(**kwargs)


def test_the_page_shows_the_constants_in_force(request):
    page = (request.config.rootpath / "docs" / "reference" / "hardware-cost.md").read_text(encoding="utf-8")
    for row in HardwareFigures().table():
        assert f"| `{row.name}` | {row.value:.4g} | {row.unit} | {row.meaning} | {row.source} |" in page
