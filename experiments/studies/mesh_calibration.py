"""How well meshes on their own identify themselves against their size, beside two published ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photonzero.devices.coupler import CouplerImbalance
from photonzero.devices.noise_model import NoiseModel
from photonzero.devices.phase_shifter import PhaseShifter
from photonzero.devices.readout_noise import ReadoutNoise
from photonzero.experiments.calibrate.mesh import calibrate_mesh
from photonzero.experiments.calibrate.simulated import true_mesh_errors
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.experiments.sweep.figures import BAND_TEXT, Panel, draw_panels
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Drawing, Measured, Prepared, Row, Sample, Study
from photonzero.photonics.calibration.meshes import MeshInstrument, MeshModel, MeshReader
from photonzero.photonics.calibration.meshes.external_detectors import externally_calibrated
from photonzero.photonics.calibration.meshes.loading import loaded
from photonzero.photonics.calibration.meshes.self_configuration import self_configured
from photonzero.photonics.mesh import FabricatedMesh, MeshPhases, build, fabricate_mesh, haar_phases, mesh

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[np.complex128]

PEELING, EXTERNAL, NULLING = "peeling", "external", "nulling"
_N_UNSEEN = 20

MEASURED = {
    own.name: own
    for own in (
        Measured("true_error", "error of the matrix"),
        Measured("loaded_error", "error of a loaded unitary"),
        Measured("chi2_per_dof", "chi^2 a degree of freedom"),
        Measured("explained", "readings explained", "int"),
        Measured("inferences", "inferences", "int"),
        Measured("settings", "settings", "int"),
    )
}


@dataclass(frozen=True)
class Options:
    """Settings of the study.

    Attributes:
        reading_std: noise of a quadrature, or of a power, over the largest amplitude of a modulator, or its
        power. points: of a sweep with external detectors.
    """

    reading_std: float = 1e-3
    points: int = 8

    def __post_init__(self) -> None:
        """Check the values."""
        if not 0.0 <= self.reading_std <= 0.1:
            raise UsageError(f"reading_std: {self.reading_std}; allowed: 0 to 0.1")
        if not 3 <= self.points <= 100:
            raise UsageError(f"points: {self.points}; allowed: 3 to 100")


def measure(samples: Sequence[Sample], prepared: Prepared) -> list[Row]:
    """One mesh by one method."""
    with one_blas_thread():
        # What a method does not tell stays empty.
        return [dict.fromkeys(MEASURED) | _measure(sample) for sample in samples]


def _measure(sample: Sample) -> Row:
    setting, options = sample.setting, sample.options
    topology = mesh(setting["topology"], setting["n_modes"])
    noise = NoiseModel(
        phase_shifter=PhaseShifter(bias_max_rad=setting["bias_max_rad"]),
        coupler_imbalance=CouplerImbalance(angle_std_rad=setting["sigma_coupler_rad"]),
        readout_noise=ReadoutNoise(options.reading_std),
    )
    fabricated = fabricate_mesh(topology, noise, sample.chip_seed)
    target = build(topology, *haar_phases(topology, sample.chip_rng("target")))
    readings = sample.chip_rng("readings")
    if setting["method"] == PEELING:
        found = calibrate_mesh(fabricated, seed=sample.chip_seed).found
        row: Row = {
            "chi2_per_dof": found.fit.chi2_per_dof,
            "explained": int(found.fits),
            "inferences": found.inferences,
            "settings": found.settings,
        }
        return row | _compared(fabricated, found.model, target, sample, powers=False)
    if setting["method"] == EXTERNAL:
        reader = MeshReader(MeshInstrument(fabricated, readings, "power"))
        model = MeshModel(topology, externally_calibrated(reader, options.points))
        row = _compared(fabricated, model, target, sample, powers=True)
        return row | {"inferences": reader.inferences, "settings": reader.settings}
    reader = MeshReader(MeshInstrument(fabricated, readings))
    cross_rad = -true_mesh_errors(fabricated)[0][: topology.n_mzi]
    phases = self_configured(reader, target, cross_rad)
    return {
        "loaded_error": _distance(_matrices(fabricated, phases), target, powers=False),
        "inferences": reader.inferences,
        "settings": reader.settings,
    }


def _compared(
    fabricated: FabricatedMesh, model: MeshModel, target: FieldArray, sample: Sample, powers: bool
) -> Row:
    """Errors of the matrix at settings never used, and of a random unitary that is loaded by the model."""
    n, rng = fabricated.topology.n_shifters, sample.chip_rng("unseen")
    phases = rng.uniform(0.0, 2.0 * np.pi, (_N_UNSEEN, n))
    realised = _matrices(fabricated, loaded(model, target))
    return {
        "true_error": _distance(model.matrices(phases), _matrices(fabricated, phases), powers),
        "loaded_error": _distance(realised, target, powers),
    }


def _matrices(fabricated: FabricatedMesh, phases_rad: FloatArray) -> FieldArray:
    return fabricated.matrix(MeshPhases.from_joined(fabricated.topology, phases_rad))


def _distance(found: FieldArray, true: FieldArray, powers: bool) -> float:
    """Relative, over all of the matrices; where powers are read, phases of outputs are as they fit best."""
    if powers:
        overlap = np.sum(found.conj() * true, axis=-1, keepdims=True)
        settings = tuple(range(found.ndim - 2))
        found = found * np.exp(1j * np.angle(overlap.sum(axis=settings)))
    return float(np.linalg.norm(found - true) / np.linalg.norm(true))


def draw(plan: Plan, rows: list[Row], folder: Path) -> list[Drawing]:
    """Errors and what they took against the number of modes."""
    lines = ("method", "topology", "bias_max_rad")
    columns = ("true_error", "loaded_error", "inferences")
    panels = [Panel("n_modes", column, lines, y_log=True) for column in columns]
    draw_panels(folder, "mesh-calibration", plan.study, rows, panels)
    return [
        Drawing(
            "mesh-calibration",
            "Left: relative error of the matrix at 20 settings that nothing was fitted to. Middle: of a "
            "random unitary that is loaded. Right: vectors presented, by nulling for one matrix. Peeling "
            "and nulling read by homodyne; external detectors read powers, and phases of outputs are taken "
            f"out. Nulling knows which theta cross. {plan.chips} meshes; {BAND_TEXT}.",
        )
    ]


def check(plan: Plan) -> None:
    """Refuse meshes that a method cannot do."""
    for setting in plan.settings:
        name, n, method = setting["topology"], setting["n_modes"], setting["method"]
        even = name == "rectangular" and n % 2 == 0
        if not even and (method == EXTERNAL or name == "rectangular"):
            raise UsageError(
                f"{method} on a {name} mesh of {n} modes: allowed: rectangular of an even number of modes, "
                f"or triangular with {PEELING} or {NULLING}"
            )


STUDY = Study(
    name="mesh-calibration",
    summary="Meshes on their own identify themselves, beside two published ways: errors, inferences.",
    axes=(
        Axis("topology", "topology", "text", choices=("rectangular", "triangular")),
        Axis("method", "method", "text", choices=(PEELING, EXTERNAL, NULLING)),
        Axis("bias_max_rad", "largest phase bias [rad]", high=float(np.pi)),
        Axis("sigma_coupler_rad", "std. of coupler angles [rad]", high=0.1),
        Axis("n_modes", "modes N", "int", 2, 256),
    ),
    defaults={
        "chips": 10,
        "topology": ["rectangular"],
        "method": [PEELING, EXTERNAL, NULLING],
        "bias_max_rad": [1.0],
        "sigma_coupler_rad": [0.01],
        "n_modes": [4, 8, 16, 32, 64],
    },
    quick={"chips": 3, "n_modes": [4, 8, 16]},
    measured=tuple(MEASURED.values()),
    measure=measure,
    draw=draw,
    options=Options,
    check=check,
)
