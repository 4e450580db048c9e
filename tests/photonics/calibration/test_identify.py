"""Layers that identify themselves: what was found against what the simulator knows."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.crosstalk import ThermalCrosstalk
from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import preset
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.devices.stuck_shifter import StuckShifters
from photonzero.photonics.calibration import Budget, identify_layer, wire_layer
from photonzero.photonics.calibration.peeling import feeders, peel
from photonzero.photonics.calibration.reader import Reader
from photonzero.photonics.calibration.signs import SignSystem, signed
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Meshes
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.designs import get_design
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import mesh
from photonzero.photonics.mesh.orthogonal import build_orthogonal

NOISE = preset("published-detector")
ONE_CORE = NetworkDesign("core", "", (dense_layer(8, 8, "identity", Meshes()),), n_out=8, readout=False)


def identified(design, number, seed, noise=NOISE, budget=None):
    chip = fabricate(design, noise, seed, threads=1)
    wiring = wire_layer(design, number, noise.quantizer.step_rad if noise.quantizer else 0.0)
    return chip, identify_layer(chip, wiring, np.random.default_rng(seed), budget)


def error_at_unseen_settings(chip, found, n=20):
    """Of the layer's matrix, relative, against the same chip with silent detectors."""
    quiet = replace(chip.noise, readout_noise=ReadoutNoise())
    twin = fabricate(chip.design, quiet, chip.seed, dtype=np.float64, threads=1)
    wiring = found.wiring
    phases = wiring.on_grid(np.random.default_rng(99).uniform(0, 2 * np.pi, (n, wiring.n_phases)))
    readings = twin.measure_layer(wiring.number, wiring.settings(phases), np.eye(wiring.layer.n_in))
    wanted = readings.swapaxes(1, 2)
    return np.linalg.norm(found.model.matrices(phases) - wanted) / np.linalg.norm(wanted)


@pytest.mark.parametrize(
    ("design", "number", "seed"),
    [
        (ONE_CORE, 0, 100),
        # A first layer, whose blocks are cut to few columns, and a core of fewer rows than its block.
        (get_design("tonn-tiny"), 0, 101),
        (get_design("tonn-tiny"), 1, 102),
        (get_design("tonn-wave"), 0, 103),
        (get_design("tonn-black-scholes"), 1, 104),
    ],
    ids=["core", "tiny-1", "tiny-2", "wave-1", "black-scholes-2"],
)
def test_every_bias_gamma_and_the_crosstalk_are_found(design, number, seed):
    chip, found = identified(design, number, seed)
    assert found.fits
    # Within its noise chi^2 cannot be too small either.
    assert abs(found.fit.chi2_per_dof - 1.0) < 4.0 * found.chi2_std
    assert error_at_unseen_settings(chip, found) < 8e-4
    bias_rad, gamma = (own[found.wiring.controls] for own in chip.circuit.phase_errors())
    errors, lit = found.fit.errors, found.fit.lit
    n = len(bias_rad)
    left = np.concatenate([errors.bias_rad - bias_rad, errors.gamma - gamma])[np.tile(lit, 2)]
    stated = found.fit.standard_errors[: 2 * n][np.tile(lit, 2)]
    # Pulls are normal: the mean square of so many is 1, give or take the root of 2 over their number.
    assert abs(np.mean((left / stated) ** 2) - 1.0) < 4.0 * np.sqrt(2.0 / len(left))
    assert abs(errors.coupling - 0.005) < 5.0 * found.fit.standard_errors[-1]


def test_a_wrong_valley_is_left_by_another_start():
    # The first start ends within 3 % of the readings with some phases wrong by far.
    chip, found = identified(get_design("tonn-wave"), 0, 100)
    assert found.fits
    assert error_at_unseen_settings(chip, found) < 8e-4


def test_a_chip_without_noise_is_found_as_far_as_single_precision_goes():
    chip, found = identified(ONE_CORE, 0, 110, preset("published"))
    assert found.fits
    assert error_at_unseen_settings(chip, found) < 3e-6


def test_couplers_are_found_where_phases_alone_do_not_explain_the_readings():
    noise = replace(NOISE, coupler_imbalance=CouplerImbalance(angle_std_rad=0.01))
    chip, found = identified(ONE_CORE, 0, 120, noise)
    assert found.fits
    assert found.fit.errors.couplers_rad is not None
    assert error_at_unseen_settings(chip, found) < 1e-3


@pytest.mark.parametrize("uneven", [False, True], ids=["lossy", "uneven"])
def test_what_else_a_chip_errs_by_is_found_with_couplers(uneven):
    noise = replace(NOISE, coupler_imbalance=CouplerImbalance(angle_std_rad=0.01))
    noise = replace(noise, insertion_loss=InsertionLoss(cell_db=0.1, cell_std_db=0.1))
    if uneven:
        noise = replace(noise, thermal_crosstalk=ThermalCrosstalk(0.005, std=0.002))
    chip, found = identified(ONE_CORE, 0, 121, noise)
    assert found.fits
    assert found.worst is None
    assert found.fit.errors.log_amplitude is not None
    assert found.fit.errors.couplers_rad is not None
    if uneven:
        assert found.fit.errors.uneven is not None
    assert error_at_unseen_settings(chip, found) < 1e-3


def test_stuck_shifters_are_found_and_where_they_stand():
    stuck = StuckShifters(probability=0.02, spread_rad=np.pi)
    chip, found = identified(ONE_CORE, 0, 101, replace(NOISE, stuck_shifters=stuck))
    assert found.fits
    assert error_at_unseen_settings(chip, found) < 1e-3
    # Drawn by the chip's seed; nothing that is programmed moves them.
    assert [found.wiring.name(int(place)) for place in np.flatnonzero(found.fit.errors.stuck)] == [
        "core 0 block 0 U 5",
        "core 0 block 0 U 14",
    ]
    wanted = np.random.default_rng(0).uniform(0.0, 2 * np.pi, found.wiring.n_phases)
    programmed = found.model.programmed(wanted)
    assert (programmed[found.fit.errors.stuck] == 0.0).all()
    met = found.model.realised(programmed[None])[0]
    off = np.abs(np.exp(1j * met) - np.exp(1j * wanted))
    # Reached but for a few at the end of their range, and those that are stuck.
    assert (off[~found.fit.errors.stuck] < 1e-9).mean() > 0.9


def test_a_chip_with_light_couplers_losses_and_converters_is_found_as_far_as_they_round():
    noise = preset("physical")
    chip = fabricate(ONE_CORE, noise, 100, threads=1)
    full_scale = noise.adc.full_scale * ONE_CORE.layers[0].full_scale
    wiring = wire_layer(ONE_CORE, 0, noise.quantizer.step_rad, full_scale)
    found = identify_layer(chip, wiring, np.random.default_rng(100))
    assert found.fits
    # Rounding alone errs by a part of 1 / (32 sqrt(12)); laser and detectors add little.
    assert found.reading_std == pytest.approx(1 / (32 * np.sqrt(12)), rel=0.1)
    quiet = replace(noise, optical_readout=None, adc=None)
    twin = fabricate(ONE_CORE, quiet, 100, dtype=np.float64, threads=1)
    phases = wiring.on_grid(np.random.default_rng(99).uniform(0, 2 * np.pi, (20, wiring.n_phases)))
    wanted = twin.measure_layer(0, wiring.settings(phases), np.eye(8)).swapaxes(1, 2)
    assert np.linalg.norm(found.model.matrices(phases) - wanted) < 5e-3 * np.linalg.norm(wanted)


@pytest.mark.parametrize("std", [0.03, 0.3, 2.0])
def test_the_error_of_rounded_readings_is_told_from_repeats_however_small_their_noise(std):
    reader = Reader(fabricate(ONE_CORE, NOISE, 0, threads=1), wire_layer(ONE_CORE, 0))
    rng = np.random.default_rng(0)
    light = rng.uniform(-40.0, 40.0, 100_000)
    first, second = (0.25 * np.round(light + std * rng.standard_normal(light.size)) for _ in range(2))
    reader.notice_levels(first)
    assert reader.step == pytest.approx(0.25)
    seen = reader.variance(float(0.5 * ((first - second) ** 2).mean()))
    # A hundred thousand differences; those of little noise are rare.
    assert seen == pytest.approx(0.25**2 * (std**2 + 1.0 / 12.0), rel=0.03)


def test_readings_without_levels_have_none():
    reader = Reader(fabricate(ONE_CORE, NOISE, 0, threads=1), wire_layer(ONE_CORE, 0))
    readings = reader.read(np.zeros((4, reader.wiring.n_phases)), np.eye(8))
    reader.notice_levels(readings)
    assert reader.step == 0.0
    assert reader.variance(1e-6) == 1e-6


PARTS = """
from dataclasses import dataclass
import numpy as np

@dataclass(frozen=True)
class Bent:
    size_rad: float

    def fabricate(self, column, mode, rng):
        bends = np.arange(column.size) == 5
        return lambda phases: phases + self.size_rad * bends * np.sin(2.0 * phases)
"""


def test_a_part_that_the_model_lacks_spoils_chi2_and_where_it_is_gets_a_name(tmp_path):
    file = tmp_path / "parts.py"
    file.write_text(PARTS, encoding="utf-8")
    noise = replace(NOISE, own_parts={f"{file}:Bent": {"size_rad": 0.1}})
    _, found = identified(ONE_CORE, 0, 120, noise, Budget(attempts=1))
    assert not found.fits
    assert found.fit.chi2_per_dof > 2.0
    # The error at unseen settings, from readings alone, says how bad it is.
    assert found.rel_error_unseen > 2e-3
    assert found.worst is not None
    place, size = found.worst
    assert place == 5
    assert size > 2.0


def test_settings_kept_apart_show_what_repeats_take_for_noise():
    # Errors of programming make repeats of one setting differ too, and pass for noise of the detectors.
    _, found = identified(ONE_CORE, 0, 120, replace(NOISE, programming_std_rad=0.003), Budget(attempts=1))
    assert found.reading_std > 3e-3
    assert not found.fits


def test_a_block_that_is_cut_on_both_sides_is_refused():
    design = NetworkDesign("cut", "", (dense_layer(5, 5, "identity", Meshes()),), n_out=5, readout=False)
    with pytest.raises(
        PhotonicsError, match="core 0: block 0: 5 x 5 of 8 x 8 seen; allowed: cut on one side"
    ):
        identified(design, 0, 0)


def test_readings_of_another_shape_are_refused():
    class Short:
        largest_input, n_controls = 1.0, 72

        def measure_layer(self, layer, controls, vectors):
            return np.zeros((len(controls), len(vectors), 3))

    with pytest.raises(PhotonicsError, match=r"readings: shape .* allowed: \(2, 8, 8\)|readings: shape"):
        identify_layer(Short(), wire_layer(ONE_CORE, 0), np.random.default_rng(0))


@pytest.mark.parametrize("name", ["rectangular", "triangular"])
def test_a_mesh_is_taken_apart_from_its_own_changes(name):
    topology = mesh(name, 6)
    pairs = list(zip(topology.row.tolist(), topology.partner.tolist(), strict=True))
    rng = np.random.default_rng(0)
    angles = rng.uniform(-1, 1, topology.n_mzi)
    behind = rng.standard_normal((6, 4))
    turn = 1.5

    def block(theta):
        return build_orthogonal(topology, theta[None])[0] @ behind

    changes = np.stack([block(angles + turn * own) - block(angles) for own in np.eye(topology.n_mzi)])
    whole = build_orthogonal(topology, angles[None])[0]
    entering = np.stack([np.outer(whole[:, x], behind[x]) for x in range(6)])
    found = peel(pairs, block(angles), changes, entering, turn)
    np.testing.assert_allclose(np.abs(np.tan(found.angles_rad)), np.abs(np.tan(angles)), rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.product), np.abs(whole), atol=1e-9)
    system = SignSystem()
    signs = signed(system, pairs, found, [0] * 6, np.zeros(topology.n_mzi))
    for believing in (True, False):
        told = signs.angles(system.solve(believing=believing))
        np.testing.assert_allclose(np.exp(1j * told), np.exp(1j * angles), atol=1e-9)


def test_feeders_are_cells_whose_light_comes_to_one_mode_only():
    # Two cells on the same pair: the second is fed at both modes by the first, which tells nothing.
    fed = feeders([(0, 1), (0, 1), (1, 2)], 3)
    assert fed[0].tolist() == [-1, -2]
    assert (fed[1] < -100).all()
    assert fed[2].tolist() == [1, -3]


@pytest.mark.parametrize(
    ("design", "number"), [(ONE_CORE, 0), (get_design("tonn-tiny"), 1)], ids=["core", "tiny"]
)
def test_biases_anywhere_on_the_circle_are_found_or_the_same_chip_by_another_name(design, number):
    chip, found = identified(design, number, 130, preset("harsh"))
    assert found.fits
    assert error_at_unseen_settings(chip, found) < 1e-3
    assert found.fit.errors.coupling == pytest.approx(0.01, abs=1e-4)


def test_a_chip_whose_meshes_do_nothing_is_read_at_another_setting():
    # Without errors all cells stand at 0: cores are diagonal, and probes tell little.
    design = get_design("tonn-tiny")
    chip, found = identified(design, 1, 0, preset("ideal"))
    assert found.starts > 1
    assert error_at_unseen_settings(chip, found) < 1e-5


def test_a_bond_of_one_row_a_rank_is_told_from_both_sides():
    # All four rows of the last core mix in its first cells: columns of the core before tell them apart.
    design = NetworkDesign(
        "one-row", "", (TTLayer((2, 1), (8, 8), (1, 4, 1), "identity", Meshes()),), n_out=2, readout=False
    )
    budget = Budget(probe_readings=3.0, max_inferences=100_000)
    chip, found = identified(design, 0, 141, budget=budget)
    assert found.fits
    assert error_at_unseen_settings(chip, found) < 1e-3


def test_no_start_is_made_beyond_the_budget():
    noise = replace(NOISE, insertion_loss=InsertionLoss(cell_db=1.0, cell_std_db=1.0))
    asked = []

    class Counting:
        largest_input = 1.0

        def __init__(self, chip):
            self.chip = chip

        def measure_layer(self, layer, controls, vectors):
            asked.append(len(controls) * len(vectors))
            return self.chip.measure_layer(layer, controls, vectors)

    chip = Counting(fabricate(ONE_CORE, noise, 0, threads=1))
    wiring = wire_layer(ONE_CORE, 0, noise.quantizer.step_rad)
    found = identify_layer(chip, wiring, np.random.default_rng(0), Budget(max_inferences=3000))
    assert found.starts == 1 or not found.fits
    assert sum(asked) <= 3000 + 20
