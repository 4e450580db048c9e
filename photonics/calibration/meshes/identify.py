"""A mesh identifies itself: peeled from its outputs, fitted at random settings, checked at others."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.meshes.access import MeshAccess, MeshReader, random_vectors
from photonzero.photonics.calibration.meshes.coordinates import phases_of
from photonzero.photonics.calibration.meshes.fit import MeshFit, Normal, fitted
from photonzero.photonics.calibration.meshes.model import MeshErrors, MeshModel, MeshReadings
from photonzero.photonics.calibration.meshes.peeling import peel
from photonzero.photonics.calibration.verdict import SINGLE_PRECISION, chi2_std, explains, explains_unseen
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import MeshTopology

FloatArray = npt.NDArray[np.float64]

_LARGEST_COUPLER_RAD = 0.2
"""Angle errors of couplers that a start may find; further from half a coupler makes no MZI."""

_COUPLINGS = np.linspace(0.0, 0.03, 61)
"""Crosstalk to begin with, six times what has been published at most, close enough for a fit."""

_COLUMNS = 256
"""Shifters whose standard errors are worked out at once."""


@dataclass(frozen=True)
class MeshBudget:
    """How much is read.

    Attributes:
        vectors: at every setting of the start, of which there are two a layer and the base.
        base_repeats: times that the base is read, at least 2, to know the noise of a reading.
        settings_per_mode: random settings for the fit.
        vectors_per_setting: presented at each of them.
        n_unseen: settings kept for the check alone, one vector each.
        attempts: starts at most, each with twice the vectors of the one before.
    """

    vectors: int = 4
    base_repeats: int = 4
    settings_per_mode: int = 4
    vectors_per_setting: int = 2
    n_unseen: int = 20
    attempts: int = 3


@dataclass(frozen=True, eq=False)
class IdentifiedMesh:
    """What was found of a mesh.

    Attributes:
        topology: of the mesh.
        fit: its errors.
        start: errors before the fit.
        reading_std: standard deviation of one real number that was read.
        n_repeats: differences of equal readings that it was estimated from.
        n_fitted: vectors that the fit knows.
        starts: that were tried until the fit explained the readings, or all were.
        inferences: vectors presented.
        settings: times that the mesh was programmed.
        rel_error_unseen: of readings at settings that nothing was fitted to, root mean square over that of
            the readings, what noise explains taken out.
        chi2_unseen: mean square of the residuals there over what noise explains.
        n_unseen: real numbers read there.
    """

    topology: MeshTopology
    fit: MeshFit
    start: MeshErrors
    reading_std: float
    n_repeats: int
    n_fitted: int
    starts: int
    inferences: int = 0
    settings: int = 0
    rel_error_unseen: float = math.nan
    chi2_unseen: float = math.nan
    n_unseen: int = 0

    @property
    def model(self) -> MeshModel:
        """The mesh with its errors."""
        return MeshModel(self.topology, self.fit.errors)

    @property
    def chi2_std(self) -> float:
        """Standard deviation of `MeshFit.chi2_per_dof` where the model holds, noise being estimated."""
        return chi2_std(self.n_repeats, self.fit)

    @property
    def fits(self) -> bool:
        """Whether readings are explained within three standard deviations of chi^2, those kept apart too."""
        # What errors of the fit add at other settings.
        expected = 1.0 / (1.0 - self.fit.n_parameters / self.fit.n_readings)
        return explains(self.n_repeats, self.fit) and explains_unseen(
            self.chi2_unseen, expected, self.n_unseen, self.n_repeats
        )

    @property
    def standard_errors(self) -> tuple[FloatArray, FloatArray]:
        """Of biases (n_shifters,) and of couplers (2, n_mzi), read by homodyne [rad].

        In the coordinates of the fit the normal matrix is that of random vectors, the number of vectors times
        the unit matrix on average; its inverse is larger than the inverse of the average by what fitting
        costs.
        """
        topology, n = self.topology, self.topology.n_shifters
        share = 1.0 - self.fit.n_parameters / self.fit.n_readings
        variance = self.reading_std**2 / (self.n_fitted * share)
        squares = np.zeros(n)
        for first in range(0, n, _COLUMNS):
            some = np.eye(n, min(_COLUMNS, n - first), -first)
            squares += (phases_of(topology, some) ** 2).sum(axis=1)
        if self.fit.gains:
            # Gammas turn about half a turn, and so move what is left at none.
            squares += 3.0
        couplers = np.full((2, topology.n_mzi), math.sqrt(0.5 * variance))
        return np.sqrt(variance * squares), couplers


def check_topology(topology: MeshTopology) -> None:
    """Refuse a mesh that cannot be peeled.

    Raises:
        PhotonicsError: cells with shifters in both arms, or shifters outside the cells.
    """
    if topology.cell != "asymmetric" or topology.n_edge:
        raise PhotonicsError(
            f"topology: {topology.name!r} has {topology.cell} cells and {topology.n_edge} shifters outside "
            "them; allowed: asymmetric cells only, such as rectangular, triangular or butterfly"
        )


def identify_mesh(
    mesh: MeshAccess, rng: np.random.Generator, budget: MeshBudget | None = None
) -> IdentifiedMesh:
    """Every phase bias and coupler of a mesh, from nothing but vectors sent through it and read by homodyne.

    Where these do not explain what is read, gammas of all shifters and the crosstalk between neighbours are
    fitted too.

    Args:
        mesh: to be read.
        rng: draws vectors and settings.
        budget: how much is read.

    Raises:
        PhotonicsError: a mesh that cannot be peeled, or readings that do not fit it.
    """
    budget, reader = budget or MeshBudget(), MeshReader(mesh)
    check_topology(mesh.topology)
    if min(budget.vectors, budget.vectors_per_setting, budget.settings_per_mode, budget.attempts) < 1:
        raise PhotonicsError(f"budget: {budget}; allowed: at least one of each")
    if budget.base_repeats < 2:
        raise PhotonicsError(f"base_repeats: {budget.base_repeats}; allowed: at least 2")
    data = _random(reader, budget, rng)
    found: IdentifiedMesh | None = None
    more: MeshReadings | None = None
    variance, n_repeats = 0.0, 0
    for attempt in range(budget.attempts):
        start, own_variance, own_repeats = _started(
            reader, budget.vectors << attempt, budget.base_repeats, rng
        )
        total = n_repeats + own_repeats
        variance = (n_repeats * variance + own_repeats * own_variance) / total
        n_repeats = total
        for gains in (False, True):
            if gains and more is None:
                # More unknowns take more readings.
                more = MeshReadings.joined([data, _random(reader, budget, rng)])
            known = more if gains and more is not None else data
            begun = _heated(mesh.topology, start, known) if gains else start
            fit = fitted(MeshModel(mesh.topology, begun), known, variance, gains=gains)
            own = IdentifiedMesh(
                mesh.topology, fit, start, math.sqrt(variance), n_repeats, known.setting.size, attempt + 1
            )
            if found is None or own.fit.chi2_per_dof < found.fit.chi2_per_dof:
                found = own
            if explains(n_repeats, fit):
                return _checked(own, reader, budget, rng)
    assert found is not None
    return _checked(found, reader, budget, rng)


def _heated(topology: MeshTopology, start: MeshErrors, data: MeshReadings) -> MeshErrors:
    """The same errors with the crosstalk that explains readings best: it moves everything, so it is tried."""
    tried = [replace(start, coupling=coupling) for coupling in _COUPLINGS]
    return min(tried, key=lambda errors: Normal(MeshModel(topology, errors), data, gains=True).squares)


def _random(reader: MeshReader, budget: MeshBudget, rng: np.random.Generator) -> MeshReadings:
    n_settings = budget.settings_per_mode * reader.topology.n_modes
    return reader.at_random(n_settings, budget.vectors_per_setting, rng)


def _started(
    reader: MeshReader, n_vectors: int, repeats: int, rng: np.random.Generator
) -> tuple[MeshErrors, float, int]:
    """Errors by peeling, the variance of a real number that is read, and the degrees of freedom of that."""
    topology = reader.topology
    n, k, n_layers = topology.n_shifters, topology.n_mzi, topology.n_layers
    vectors = random_vectors((n_vectors, topology.n_modes), rng)
    turned = np.zeros((2 * n_layers, n))
    turned[topology.layer, np.arange(k)] = 1.0
    turned[n_layers + topology.layer, k + np.arange(k)] = 1.0
    half = float(reader.on_grid(np.array(math.pi)))
    readings = reader.read(np.concatenate([np.zeros((repeats, n)), half * turned]), vectors)
    if not np.iscomplexobj(readings):
        raise PhotonicsError(
            "readings: real numbers; allowed: complex fields, as homodyne receivers read them"
        )
    fields = readings.swapaxes(1, 2)
    base = fields[:repeats].mean(axis=0)
    scatter = fields[:repeats] - base
    n_repeats = 2 * base.size * (repeats - 1)
    variance = float((scatter.real**2 + scatter.imag**2).sum()) / n_repeats
    variance = max(variance, SINGLE_PRECISION**2 * float((np.abs(base) ** 2).mean()))
    changes = fields[repeats:] - base
    peeled = peel(topology, vectors.T, base, changes[:n_layers], changes[n_layers:], _LARGEST_COUPLER_RAD)
    return MeshErrors(peeled.phases_rad, peeled.couplers_rad, np.ones(n)), variance, n_repeats


def _checked(
    found: IdentifiedMesh, reader: MeshReader, budget: MeshBudget, rng: np.random.Generator
) -> IdentifiedMesh:
    """With what it says of settings that nothing was fitted to."""
    unseen = reader.at_random(budget.n_unseen, 1, rng)
    check = Normal(found.model, unseen, gains=False)
    mean_square = check.squares / check.n_readings
    size = float((np.abs(unseen.readings) ** 2).sum()) / check.n_readings
    variance = found.reading_std**2
    return replace(
        found,
        inferences=reader.inferences,
        settings=reader.settings,
        rel_error_unseen=math.sqrt(max(mean_square - variance, 0.0) / size),
        chi2_unseen=mean_square / variance,
        n_unseen=check.n_readings,
    )
