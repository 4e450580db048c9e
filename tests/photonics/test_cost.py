import math
from dataclasses import asdict, replace

import pytest

from photonzero.devices.hardware import THERMO_OPTIC, HardwareFigures
from photonzero.photonics.cost import (
    PRESETS,
    ArchitectureSpec,
    CoreParts,
    LayerParts,
    dense_parts,
    estimate,
    mesh_mzis,
    mesh_stages,
    preset,
    tensor_train_parts,
)
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import mesh

FIGURES = HardwareFigures()
TONN = estimate(preset("tonn-1024"))


def test_published_counts_and_ratio():
    dense = estimate(preset("onn-1024"))
    assert dense.n_mzi == 2_095_104
    assert TONN.n_mzi == 1_792
    assert round(dense.n_mzi / TONN.n_mzi) == 1169
    assert f"{dense.n_mzi / TONN.n_mzi:.2e}" == "1.17e+03"
    assert estimate(preset("tonn2-1024")).n_mzi == 56


def test_every_core_of_the_published_layer_is_eight_by_eight_on_128_lanes():
    for layer in preset("tonn-1024").layers:
        assert [(c.rows, c.cols, c.lanes) for c in layer.cores] == [(8, 8, 128)] * 4
        assert layer.wavelengths * layer.copies == 128
        assert layer.is_optical_cascade


def test_a_block_of_eight_has_64_phases():
    core = CoreParts(8, 8)
    assert (core.n_mzi, core.n_attenuators, core.n_phases(False)) == (56, 8, 64)
    # Complex: U and V of N^2 parameters each, and the attenuators.
    assert core.n_phases(True) == 64 + 64 + 8
    assert core.n_stages == 17


@pytest.mark.parametrize(
    ("topology", "n", "mzis", "stages"),
    [
        ("rectangular", 8, 28, 8),
        ("rectangular", 2, 1, 1),
        ("rectangular", 1, 0, 0),
        ("triangular", 8, 28, 13),
        ("triangular", 3, 3, 3),
        ("triangular", 2, 1, 1),
        ("butterfly", 8, 12, 3),
        ("symmetric", 8, 28, 8),
        ("butterfly", 1, 0, 0),
    ],
)
def test_mesh_counts(topology, n, mzis, stages):
    assert (mesh_mzis(n, topology), mesh_stages(n, topology)) == (mzis, stages)


def test_phases_at_the_rim_of_a_symmetric_mesh_are_counted():
    rim = mesh("symmetric", 5).n_edge
    assert rim > 0
    more = CoreParts(5, 5, topology="symmetric").n_phases(True) - CoreParts(5, 5).n_phases(True)
    assert more == 2 * rim


def test_a_dense_matrix_whole_and_in_blocks():
    whole = CoreParts(20, 12)
    assert whole.n_mzi == 20 * 19 // 2 + 12 * 11 // 2
    assert (whole.n_attenuators, whole.n_stages) == (12, 33)
    assert whole.splitting_loss_db == 0.0
    # 20 x 12 in blocks of 8: 3 x 2 blocks.
    blocked = CoreParts(20, 12, block=8)
    assert (blocked.n_mzi, blocked.n_attenuators, blocked.n_stages) == (6 * 56, 48, 17)
    assert blocked.splitting_loss_db == pytest.approx(10 * math.log10(6))


def test_lanes_of_a_tensor_train_are_the_other_indices():
    # HJB-20, first layer: 21 = 1 x 1 x 3 x 7 inputs, 512 = 8 x 4 x 4 x 4 outputs, ranks 1 2 2 2 1.
    layer = tensor_train_parts((8, 4, 4, 4), (1, 1, 3, 7), (1, 2, 2, 2, 1))
    assert [(c.rows, c.cols, c.lanes) for c in layer.cores] == [
        (8, 7, 3),
        (8, 6, 4),
        (8, 2, 16),
        (8, 2, 64),
    ]
    first, last = layer.cores[0], layer.cores[-1]
    assert first.cols * first.lanes == 21
    assert last.rows * last.lanes == 512


def test_loss_adds_up_along_the_path():
    # 4 cores of 16 mesh stages and an attenuator, 3 crossings, coupling and modulator.
    expected = 4 * (17 * 0.1 + 17 * 0.23) + 3 * 1.0 + 1.5 + 1.2
    assert TONN.insertion_loss_db == pytest.approx(expected, rel=1e-12)
    assert TONN.n_stages == 68
    complex_tonn = estimate(replace(preset("tonn-1024"), complex_meshes=True))
    assert complex_tonn.insertion_loss_db == pytest.approx(expected + 4 * 16 * 0.23, rel=1e-12)


def test_ten_decibels_more_loss_take_ten_times_the_signal_light():
    reference = 2048 * FIGURES.local_oscillator_w * 10**0.15
    more = estimate(preset("tonn-1024"), HardwareFigures(modulator_loss_db=11.2))
    ratio = (more.optical_power_w - reference) / (TONN.optical_power_w - reference)
    assert ratio == pytest.approx(10.0, rel=1e-9)


def test_light_at_a_lossless_detector_is_what_its_precision_needs():
    clear = HardwareFigures(
        cell_loss_db=0.0, phase_shifter_loss_db=0.0, modulator_loss_db=0.0, coupling_loss_db=0.0
    )
    cost = estimate(ArchitectureSpec((dense_parts(8, 8),)), clear)
    assert cost.insertion_loss_db == 0.0
    per_detector = clear.detector_power_w + clear.local_oscillator_w
    assert cost.optical_power_w == pytest.approx(8 * per_detector, rel=1e-12)


def test_dense_1024_cannot_be_lit_and_says_so():
    dense = estimate(preset("onn-1024"))
    assert dense.n_stages == 2049
    assert dense.insertion_loss_db > 600
    assert not dense.is_feasible
    assert TONN.is_feasible
    hopeless = estimate(preset("onn-1024"), HardwareFigures(cell_loss_db=3.0))
    assert hopeless.optical_power_w == math.inf
    assert not hopeless.is_feasible


def test_footprint_counts_meshes_modulators_and_detectors():
    assert TONN.footprint_mm2 == pytest.approx((1792 + 256 + 2048) * 0.0052 + 2048 * 0.001)


def test_latency_of_one_layer_is_conversion_flight_symbol_and_electronics():
    cost = estimate(ArchitectureSpec((dense_parts(8, 8),)))
    flight_s = 17 * 260e-6 * 4.2 / 299792458.0
    assert cost.latency_s == pytest.approx(20e-9 + 10e-9 + 1e-9 + flight_s, rel=1e-12)
    assert cost.inferences_per_s == pytest.approx(1e9)


def test_power_by_part_adds_up_and_is_energy_times_rate():
    for name in PRESETS:
        cost = estimate(preset(name))
        assert sum(cost.power_by_part_w.values()) == pytest.approx(cost.electrical_power_w)
        energy_w = cost.energy_per_inference_j * cost.inferences_per_s
        assert energy_w == pytest.approx(cost.electrical_power_w)
    # 1024 values in and out of each of two layers, at 4.02 and 1.48 pJ, a billion times a second.
    converters = 2 * 1024 * (50e-3 / 14e9 + 450e-15 + 14.8e-3 / 10e9) * 1e9
    assert TONN.power_by_part_w["converters"] == pytest.approx(converters, rel=1e-9)


def test_fewer_lanes_side_by_side_take_more_time_and_fewer_devices():
    full = LayerParts((CoreParts(8, 8, lanes=128),), wavelengths=32, copies=4)
    half = LayerParts((CoreParts(8, 8, lanes=128),), wavelengths=32, copies=2)
    assert (full.slots(full.cores[0]), half.slots(half.cores[0])) == (1, 2)
    fast, slow = (estimate(ArchitectureSpec((layer,))) for layer in (full, half))
    assert slow.n_mzi * 2 == fast.n_mzi
    assert slow.inferences_per_s * 2 == pytest.approx(fast.inferences_per_s)
    assert slow.latency_s == pytest.approx(fast.latency_s + 1e-9)


def test_lanes_in_turn_break_the_optical_cascade():
    cores = (CoreParts(8, 8, lanes=4), CoreParts(8, 8, lanes=4))
    cascade = estimate(ArchitectureSpec((LayerParts(cores, wavelengths=4),)))
    stored = estimate(ArchitectureSpec((LayerParts(cores, wavelengths=2),)))
    assert (cascade.n_stages, stored.n_stages) == (34, 17)
    assert stored.insertion_loss_db < cascade.insertion_loss_db
    assert stored.latency_s > cascade.latency_s + 30e-9


def test_time_multiplexing_trades_speed_for_devices():
    shared = estimate(preset("tonn2-1024"))
    assert shared.n_mzi * 32 == TONN.n_mzi
    assert shared.footprint_mm2 < TONN.footprint_mm2 / 10
    assert shared.latency_s > 10 * TONN.latency_s
    assert shared.inferences_per_s < TONN.inferences_per_s / 10
    # 8 cores in turn: settle, convert, fly, 4 slots for each of 100 inferences, electronics.
    flight_s = 17 * 260e-6 * 4.2 / 299792458.0
    stream_s = 8 * (1e-9 + 20e-9 + flight_s + 400e-9 + 10e-9)
    assert shared.latency_s == pytest.approx(stream_s, rel=1e-12)
    assert shared.inferences_per_s == pytest.approx(100 / stream_s, rel=1e-12)


def test_longer_streams_share_the_settling_of_heaters():
    short, long = (estimate(replace(preset("tonn2-1024"), stream_length=n), THERMO_OPTIC) for n in (1, 1000))
    assert long.inferences_per_s > 100 * short.inferences_per_s
    assert long.energy_per_inference_j < short.energy_per_inference_j / 10
    assert long.latency_s > short.latency_s


def test_shared_meshes_are_as_large_as_the_largest_core():
    layers = (LayerParts((CoreParts(4, 4),)), LayerParts((CoreParts(8, 6), CoreParts(4, 8)), copies=2))
    cost = estimate(ArchitectureSpec(layers, time_multiplexed=True))
    assert cost.n_mzi == 2 * CoreParts(8, 6).n_mzi
    assert (cost.n_modulators, cost.n_detectors) == (8, 8)


def test_training_run_in_closed_form():
    time_s, energy_j = TONN.training_run(2_000_000_000, settings=1000)
    idle_s = 1000 * (1e-9 + TONN.latency_s)
    assert time_s == pytest.approx(2.0 + idle_s, rel=1e-12)
    expected = 2.0 * TONN.electrical_power_w + idle_s * TONN.static_power_w
    assert energy_j == pytest.approx(expected + 1000 * TONN.programming_energy_j, rel=1e-12)
    assert TONN.training_run(0, settings=0) == (0.0, 0.0)


def test_heaters_make_every_setting_expensive():
    capacitors_s, _ = TONN.training_run(1_000_000, settings=100_000)
    heaters_s, _ = estimate(preset("tonn-1024"), THERMO_OPTIC).training_run(1_000_000, 100_000)
    # 7.6 us against 1 ns, 100,000 times.
    assert heaters_s - capacitors_s == pytest.approx(0.7636, rel=1e-3)


def test_a_cost_becomes_a_plain_dictionary():
    plain = asdict(TONN)
    assert plain["n_mzi"] == 1792
    assert set(plain["power_by_part_w"]) >= {"lasers", "receivers", "converters"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: preset("onn"), r"architecture: 'onn'; allowed: onn-1024, tonn-1024, tonn2-1024"),
        (lambda: mesh_mzis(0), r"n_modes: 0; allowed: an integer >= 1"),
        (
            lambda: mesh_stages(6, "butterfly"),
            r"n_modes: 6; allowed: a power of two",
        ),
        (lambda: mesh_stages(6, "ring"), r"topology: 'ring'; allowed: butterfly, rectangular"),
        (lambda: CoreParts(0, 8), r"core rows: 0; allowed"),
        (lambda: CoreParts(8, 8, lanes=2.5), r"core lanes: 2\.5; allowed"),
        (lambda: CoreParts(8, 8, block=0), r"core block: 0; allowed"),
        (lambda: CoreParts(6, 8, topology="butterfly"), r"n_modes: 6"),
        (lambda: LayerParts(()), r"layer cores: none"),
        (lambda: LayerParts((CoreParts(2, 2),), wavelengths=0), r"layer wavelengths: 0"),
        (lambda: LayerParts((CoreParts(2, 2),), copies=0), r"layer copies: 0"),
        (lambda: ArchitectureSpec(()), r"architecture layers: none"),
        (
            lambda: ArchitectureSpec((dense_parts(2, 2),), stream_length=0),
            r"architecture stream_length: 0",
        ),
        (
            lambda: tensor_train_parts((2, 2), (2,), (1, 1)),
            r"2 output modes, 1 input modes, 2 ranks",
        ),
        (
            lambda: tensor_train_parts((2,), (2,), (1, 2)),
            r"ranks: \[1, 2\]; allowed: first and last",
        ),
        (lambda: TONN.training_run(-1), r"inferences: -1; allowed: >= 0"),
        (lambda: TONN.training_run(1, settings=-1), r"settings: -1; allowed: >= 0"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(PhotonicsError, match=message):
        make()


@pytest.mark.parametrize("name", ["tonn-1024", "tonn2-1024"])
def test_the_page_shows_the_results_in_force(name, request):
    page = (request.config.rootpath / "docs" / "reference" / "hardware-cost.md").read_text(encoding="utf-8")
    line = next(line for line in page.splitlines() if line.startswith(f"| `{name}`"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    cost = estimate(preset(name))
    assert cells[1:3] == [f"{cost.n_mzi:,}", f"{cost.n_stages:,}"]
    shown = [float(cells[k]) for k in (3, 4, 5, 6)]
    figures = (cost.insertion_loss_db, cost.footprint_mm2, cost.optical_power_w, cost.electrical_power_w)
    assert shown == [pytest.approx(figure, rel=0.03) for figure in figures]
    assert float(cells[8]) == pytest.approx(cost.inferences_per_s, rel=0.02)
    assert float(cells[9].split()[0]) * 1e-9 == pytest.approx(cost.energy_per_inference_j, rel=0.02)
