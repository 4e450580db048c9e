"""What the chip's arithmetic cannot hold is refused by name, whoever asks."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.converter import Adc
from photonzero.devices.errors import DeviceError
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import NoiseModel
from photonzero.devices.optical_readout import OpticalReadout
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError

DESIGN = get_design("tonn-tiny")


def test_inputs_and_readings_beyond_single_precision():
    chip = fabricate(DESIGN, NoiseModel(), 0)
    controls = chip.initial_controls(np.random.default_rng(0))
    with pytest.raises(PhotonicsError, match=r"inputs: 1e\+300; allowed: at most 3.4e\+38, a float32"):
        chip.measure(controls, np.full((1, DESIGN.n_in), 1e300))
    controls[chip.control_groups["readout/weight"].slice] = 3e38
    with pytest.raises(PhotonicsError, match="measure: a number beyond float32"):
        chip.measure(controls, np.ones((1, DESIGN.n_in)))


def test_losses_that_no_receiver_makes_up_for():
    with pytest.raises(PhotonicsError, match="insertion_loss: 80 dB a cell need receivers of gain"):
        fabricate(DESIGN, NoiseModel(insertion_loss=InsertionLoss(cell_db=80.0)), 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: InsertionLoss(cell_db=300.0),
            "insertion_loss.cell_db: 300.0; allowed: a number from 0 to 80",
        ),
        (
            lambda: OpticalReadout(link_loss_db=4000.0),
            "optical_readout.link_loss_db: 4000.0; allowed: a number",
        ),
        (
            lambda: PhaseShifter(v_pi_v=1e160),
            r"phase_shifter.v_pi_v: 1e\+160; allowed: a finite number >= 1e-06",
        ),
        (lambda: PhaseShifter(v_pi_v=10**400), "phase_shifter.v_pi_v: 10*; allowed: a finite number"),
        (lambda: Adc(full_scale=1e-46), "adc.full_scale: 1e-46; allowed: a finite number >= 1e-30"),
    ],
)
def test_a_field_beyond_what_is_computed_with_is_named(make, message):
    with pytest.raises(DeviceError, match=message):
        make()


def test_the_finest_converter_still_rounds():
    noise = NoiseModel(adc=Adc(bits=24, full_scale=1e-30))
    # 1e-30 times the smallest full scale of a layer, over 2^24 codes, is above 0 in single precision.
    assert np.float32(noise.adc.step * 1e-6) > 0


def test_a_design_wider_than_what_is_held_is_refused():
    with pytest.raises(
        PhotonicsError, match="9223372036854775807 inputs or outputs; allowed: up to 16777216"
    ):
        replace(DESIGN, n_out=2**63 - 1)
