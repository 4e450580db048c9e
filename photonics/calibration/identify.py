"""A layer identifies itself: a start from probes, a fit to readings at random settings, a check at others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.linalg import hadamard

from photonzero.photonics.calibration.fit import Fit, Readings, fitted, squares
from photonzero.photonics.calibration.model import LayerModel, PhaseErrors
from photonzero.photonics.calibration.parts import completed, told_by, worst_phase
from photonzero.photonics.calibration.reader import Reader, random_readings
from photonzero.photonics.calibration.start import (
    CoreProbes,
    UndeterminedError,
    attenuators_from,
    phases_from_probes,
)
from photonzero.photonics.calibration.surroundings import (
    amplification,
    core_behind,
    readings_by,
    surroundings,
)
from photonzero.photonics.calibration.verdict import SINGLE_PRECISION, chi2_std, explains, explains_unseen
from photonzero.photonics.calibration.wiring import CoreWiring, LayerAccess, LayerWiring
from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]

_DRAWS = 8
_LARGEST_AMPLIFICATION = 3.0
"""Draws of probe vectors to choose from, and the noise of a core's entry over that from evenly spread
readings, above which another vector is worth its inferences."""

_CLEARLY_WORSE = 1.3
"""Squares of one start over those of another that speak against it."""

_CLOSE = 0.1
"""Relative error of readings below which phases are about right, or nearly all of them."""

_SAME = 2.0
"""Factor between what two starts leave, either way, within which both ended at what the model can explain."""

_NEAR, _LOSSY = 0.3, 10.0
"""The same where light is lost, and what losses must explain then, see `told_by`."""

_STILL = 0.1
"""Change of a core over the median one below which a shifter may be stuck."""

_HELD_PLACES, _HELD_SWEEPS = 8, 2
"""Places on the circle that are tried for one, and times that all of them are."""

_ROOM = 0.7
"""Largest reading of a start over what receivers can tell."""

_MORE_SETTINGS, _MORE_VECTORS = 40, 4
"""Random settings, and vectors at each, at least, where phases alone do not explain the readings."""

_HALF_RANGE = 0.49 * 2.0 * math.pi
"""Phases up to here can be turned by half a turn more [rad]."""


@dataclass(frozen=True)
class Budget:
    """How much is read.

    Attributes:
        base_repeats: times that the layer's matrix is weighed, at least 2, to know the noise of a reading.
        probe_readings: readings over numbers of a core, at least, behind every probe.
        readings_per_parameter: readings at random settings over unknowns.
        min_settings: random settings at least.
        n_unseen: settings kept for the check alone.
        attempts: starts at most, each with twice the probe readings of the one before.
        max_inferences: no start is made that would need more in all, but for the first one.
    """

    base_repeats: int = 2
    probe_readings: float = 1.0
    readings_per_parameter: float = 12.0
    min_settings: int = 24
    n_unseen: int = 20
    attempts: int = 8
    max_inferences: int = 20_000


@dataclass(frozen=True, eq=False)
class IdentifiedLayer:
    """What was found of a layer.

    Attributes:
        wiring: of the layer.
        fit: its errors.
        start_bias_rad: (n,) biases before the fit [rad].
        reading_std: standard deviation of one reading.
        n_repeats: differences of equal readings that it was estimated from.
        starts: that were tried until the fit explained the readings, or all were.
        rel_error_unseen: of readings at settings that nothing was fitted to, root mean square over that of
            the readings, what noise explains taken out.
        chi2_unseen: mean square of the residuals there over what noise explains.
        chi2_unseen_expected: what it should be, as well as errors are known.
        claimed_error: relative error of readings there that the fit expects of itself.
        n_unseen: readings there.
        worst: place of the phase that fits worst and how badly, see `worst_phase`; None where all fit.
    """

    wiring: LayerWiring
    fit: Fit
    start_bias_rad: FloatArray
    reading_std: float
    n_repeats: int
    starts: int
    rel_error_unseen: float = math.nan
    chi2_unseen: float = math.nan
    chi2_unseen_expected: float = math.nan
    claimed_error: float = math.nan
    n_unseen: int = 0
    worst: tuple[int, float] | None = None

    @property
    def model(self) -> LayerModel:
        """The layer with its errors."""
        return LayerModel(self.wiring, self.fit.errors)

    @property
    def chi2_std(self) -> float:
        """Standard deviation of `Fit.chi2_per_dof` where the model holds, the noise being estimated too."""
        return chi2_std(self.n_repeats, self.fit)

    @property
    def fits(self) -> bool:
        """Whether readings are explained within three standard deviations of chi^2, those kept apart too."""
        return explains(self.n_repeats, self.fit) and explains_unseen(
            self.chi2_unseen, self.chi2_unseen_expected, self.n_unseen, self.n_repeats
        )


def identify_layer(
    chip: LayerAccess, wiring: LayerWiring, rng: np.random.Generator, budget: Budget | None = None
) -> IdentifiedLayer:
    """Every phase error of a layer, from nothing but forward readings of it.

    Args:
        chip: to be read.
        wiring: of the layer.
        rng: draws vectors and settings.
        budget: how much is read.

    Raises:
        PhotonicsError: a design whose blocks cannot be told apart, or readings of another shape.
    """
    budget = budget or Budget()
    reader = Reader(chip, wiring)
    n = wiring.n_phases
    n_random = math.ceil(budget.readings_per_parameter * (2 * n + 1) / wiring.layer.n_out)
    n_settings = max(budget.min_settings, math.ceil(n_random / wiring.layer.n_in))
    n_vectors = math.ceil(n_random / n_settings)
    data = [random_readings(reader, n_settings, n_vectors, rng)]
    found: IdentifiedLayer | None = None
    variance, n_repeats, spent = 0.0, 0, 0
    undetermined: UndeterminedError | None = None
    for attempt in range(budget.attempts):
        used = reader.inferences
        if attempt and used + 2 * spent > budget.max_inferences:
            break
        standing = np.zeros(n)
        if attempt:
            # Elsewhere light takes other ways: what was too dim to tell may be bright.
            standing = wiring.on_grid(rng.uniform(0.0, _HALF_RANGE, n))
        more = replace(budget, probe_readings=budget.probe_readings * 2**attempt)
        # Light that is dim in a cut block shows too little of it; of whole blocks the first start needs none.
        dim = [k for k, core in enumerate(wiring.cores) if attempt or core.is_cut]
        still = np.zeros(n, bool)
        try:
            if dim:
                at = _Standing(standing, _tensor_train(_weigh(reader, standing, 1), wiring))
                standing = _bright(reader, at, dim, rng, more)
            weighed = _weigh(reader, standing, budget.base_repeats)
            own_variance, own_repeats = _reading_variance(reader, weighed)
            total = n_repeats + own_repeats
            variance = (n_repeats * variance + own_repeats * own_variance) / total
            n_repeats = total
            at = _Standing(standing, _tensor_train(weighed, wiring))
            biases, still = _starts(reader, at, rng, more)
            candidates = [PhaseErrors(own, np.ones(n), 0.0) for own in biases]
        except UndeterminedError as error:
            undetermined = error
            continue
        finally:
            spent = reader.inferences - used
            reader.size = reader.full_size
        near, anywhere = (squares(wiring, own, data) for own in candidates)
        # Either may be the same chip by another name; what was expected is the better name.
        start = candidates[int(near > _CLEARLY_WORSE * anywhere)]
        fit = fitted(wiring, start, data, variance)
        own = IdentifiedLayer(wiring, fit, start.bias_rad, math.sqrt(variance), n_repeats, attempt + 1)
        if not own.fits and (still & fit.lit).any():
            tried = _held(wiring, start, standing, np.flatnonzero(still & fit.lit), data)
            held = fitted(wiring, tried, data, variance)
            if held.chi2 < fit.chi2:
                fit, own = held, replace(own, fit=held)
        missed = _relative(fit, data, variance)
        if not own.fits and (missed < _CLOSE or (missed < _NEAR and _lossy(wiring, fit, data, variance))):
            # Phases are about right, and something is missing.
            if len(data) == 1:
                data = [*data, _more(reader, budget, rng)]
            fit = fitted(wiring, fit.errors, data, variance)
            fit = completed(wiring, fit, data, variance, partial(explains, n_repeats), rng)
            own = replace(own, fit=fit)
            missed = _relative(fit, data, variance)
        chi2 = own.fit.chi2_per_dof
        before = math.inf if found is None else found.fit.chi2_per_dof
        # A wrong valley may be as close, but another start does not end in it.
        same = missed < _CLOSE and before < _SAME * chi2 < _SAME**2 * before
        if found is None or chi2 < before:
            found = own
        if found.fits or same:
            break
    if found is None:
        raise undetermined or UndeterminedError("attempts: 0; allowed: >= 1")
    fit = found.fit
    unseen = random_readings(reader, budget.n_unseen, 1, rng)
    left = unseen.left(LayerModel(wiring, fit.errors).readings(unseen.phases_rad, unseen.vectors))
    mean_square = float((left**2).mean())
    # Few settings were fitted to: others show errors that those do not.
    told = fitted(wiring, fit.errors, [unseen], variance, max_steps=0).information
    expected = 1.0 + fit.explained_by_errors(told) / left.size
    size = float((unseen.readings**2).mean())
    found = replace(
        found,
        rel_error_unseen=math.sqrt(max(mean_square - variance, 0.0) / size),
        chi2_unseen=mean_square / variance,
        chi2_unseen_expected=expected,
        claimed_error=math.sqrt(variance * (expected - 1.0) / size),
        n_unseen=left.size,
    )
    return found if found.fits else replace(found, worst=worst_phase(wiring, fit, data))


def _relative(fit: Fit, data: Sequence[Readings], variance: float) -> float:
    """What a fit leaves over what was read."""
    return math.sqrt(fit.chi2 * variance / sum(float((own.readings**2).sum()) for own in data))


def _held(
    wiring: LayerWiring,
    start: PhaseErrors,
    standing_rad: FloatArray,
    still: npt.NDArray[np.int64],
    data: Sequence[Readings],
) -> PhaseErrors:
    """Errors with those shifters stuck where readings say so, each at the best of some places.

    Args:
        wiring: of the layer.
        start: errors as if none was stuck.
        standing_rad: (n,) what was programmed when they were found.
        still: places of the phases that changed nothing when they were turned.
        data: readings.
    """
    best, least = start, squares(wiring, start, data)
    for _ in range(_HELD_SWEEPS):
        for place in still:
            for angle in np.arange(_HELD_PLACES) * (2.0 * math.pi / _HELD_PLACES):
                bias_rad, gamma = best.bias_rad.copy(), best.gamma.copy()
                bias_rad[place] = start.bias_rad[place] + standing_rad[place] + angle
                gamma[place] = 0.0
                tried = replace(best, bias_rad=bias_rad, gamma=gamma)
                left = squares(wiring, tried, data)
                if left < least:
                    best, least = tried, left
    return best


def _lossy(wiring: LayerWiring, fit: Fit, data: Sequence[Readings], variance: float) -> bool:
    """Whether losses would explain far more of what is left than anything else."""
    return told_by("log_amplitude", wiring, fit, data, variance)[0] > _LOSSY


def _more(reader: Reader, budget: Budget, rng: np.random.Generator) -> Readings:
    """Enough readings for everything that a chip may err by."""
    wiring = reader.wiring
    # Bias, gamma, loss and two couplers of every cell, and the pairs of neighbours.
    unknown = 5 * wiring.n_phases + wiring.receiver.size
    n_random = math.ceil(budget.readings_per_parameter * unknown / wiring.layer.n_out)
    n_vectors = min(max(_MORE_VECTORS, math.ceil(n_random / _MORE_SETTINGS)), wiring.layer.n_in)
    return random_readings(reader, max(_MORE_SETTINGS, math.ceil(n_random / n_vectors)), n_vectors, rng)


def _weigh(reader: Reader, standing_rad: FloatArray, repeats: int) -> FloatArray:
    """Readings (repeats, B, n_out) of a weighing design of the layer's matrix at one setting.

    Inputs are made smaller until receivers have room for other settings.
    """
    vectors, settings = _design(reader.wiring.layer.n_in), np.repeat(standing_rad[None], repeats, axis=0)
    readings = reader.read(settings, vectors)
    while np.abs(readings).max() > _ROOM * reader.limit:
        reader.size *= 0.5
        readings = reader.read(settings, vectors)
    return readings


def _design(n_in: int) -> FloatArray:
    """Orthogonal columns of +-1, (B, n_in)."""
    return hadamard(1 << (n_in - 1).bit_length())[:, :n_in].astype(np.float64)


def _reading_variance(reader: Reader, weighed: FloatArray) -> tuple[float, int]:
    """Variance of a reading of whole inputs, and its degrees of freedom.

    Args:
        reader: of the layer.
        weighed: (repeats, B, n_out) two or more repeats at its present size of inputs.
    """
    variance = reader.variance(float(weighed.var(axis=0, ddof=1).mean()))
    floor = SINGLE_PRECISION**2 * float((weighed**2).mean())
    # Errors are those of receivers: inputs of half the size make readings of twice the relative error.
    scale = (reader.size / reader.full_size) ** 2
    return scale * max(variance, floor), weighed[0].size * (len(weighed) - 1)


def _tensor_train(weighed: FloatArray, wiring: LayerWiring) -> list[FloatArray]:
    """Cores behind readings of `_weigh` in some gauge, by one SVD after the other, without gain."""
    layer = wiring.layer
    matrix = weighed.mean(axis=0).T @ _design(layer.n_in) / weighed.shape[1]
    d = len(layer.out_modes)
    pairs = [axis for k in range(d) for axis in (k, d + k)]
    rest = (matrix / layer.gain).reshape(*layer.out_modes, *layer.in_modes).transpose(pairs).reshape(1, -1)
    cores, rank = [], 1
    for m, n, kept in zip(layer.out_modes[:-1], layer.in_modes[:-1], layer.ranks[1:-1], strict=True):
        left, s, right = np.linalg.svd(rest.reshape(rank * m * n, -1), full_matrices=False)
        if len(s) < kept:
            raise PhotonicsError(
                f"ranks: {layer.ranks}; allowed: what the modes can tell, {len(s)} at this bond"
            )
        # Both sides alike, so that cores are about as large as each other.
        root = np.sqrt(s[:kept])
        cores.append((left[:, :kept] * root).reshape(rank, m, n, kept))
        rest, rank = root[:, None] * right[:kept], kept
    cores.append(rest.reshape(rank, layer.out_modes[-1], layer.in_modes[-1], 1))
    return cores


@dataclass(frozen=True, eq=False)
class _Standing:
    """A layer at one setting.

    Attributes:
        phases_rad: (n,) what is programmed [rad].
        cores: in some gauge, without the layer's gain.
    """

    phases_rad: FloatArray
    cores: Sequence[FloatArray]

    def changes(
        self,
        reader: Reader,
        k: int,
        places: npt.NDArray[np.int64],
        turn_rad: float,
        probes: Sequence[FloatArray],
    ) -> FloatArray:
        """Changes (blocks q, r, m, n, s) of core k when each of its phases at places (blocks, q) turns.

        The blocks of each column of blocks are read by vectors of their own, see `_probe_vectors`: whatever
        the gauge of the bonds, they change no other columns of the core.
        """
        wiring, core = reader.wiring, reader.wiring.cores[k]
        found = np.zeros((*places.shape, *core.shape))
        for column, vectors in enumerate(probes):
            modes = _modes(core, column)
            around = surroundings(self.cores, vectors)[k]
            turned = places[column :: core.grid[1]].ravel()
            phases = np.repeat(self.phases_rad[None], len(turned), axis=0)
            phases[np.arange(len(turned)), turned] += turn_rad
            before = readings_by(around, self.cores[k][None])
            after = reader.read(phases, vectors) / wiring.layer.gain
            r, m, _, s = core.shape
            shape = (r, m, modes.stop - modes.start, s)
            own = core_behind(_seen(around, modes, s), after - before, shape)
            found[column :: core.grid[1], :, :, :, modes] = own.reshape(-1, places.shape[1], *shape)
        return found.reshape(-1, *core.shape)


def _starts(
    reader: Reader, standing: _Standing, rng: np.random.Generator, budget: Budget
) -> tuple[list[FloatArray], npt.NDArray[np.bool_]]:
    """Biases (n,) of a layer from probes of each phase: within a quarter turn, and anywhere [rad].

    And which of them changed nothing when they were turned, for want of light or because they are stuck.

    Args:
        reader: of the layer.
        standing: where it stands.
        rng: draws vectors.
        budget: how much is read.
    """
    wiring, at = reader.wiring, standing.phases_rad
    turn, twice = _turns(wiring)
    probes, still = [], np.zeros(wiring.n_phases, bool)
    for k, core in enumerate(wiring.cores):
        vectors = _probe_vectors(standing.cores, core, k, rng, budget.probe_readings)
        once = standing.changes(reader, k, core.places, turn, vectors)
        sizes = np.sqrt((once**2).sum(axis=(1, 2, 3, 4)))
        still[core.places.ravel()] = sizes < _STILL * np.median(sizes)
        double = np.zeros_like(once)
        of_attenuators = np.isin(core.places.ravel(), core.phases_s)
        double[of_attenuators] = standing.changes(reader, k, core.phases_s, twice, vectors)
        probes.append(CoreProbes(standing.cores[k], once, double, turn, twice, at[core.places]))
    found = []
    for believing in (True, False):
        bias_rad = np.zeros(wiring.n_phases)
        parts = phases_from_probes(wiring.cores, probes, believing=believing)
        for core, own in zip(wiring.cores, parts, strict=True):
            bias_rad[core.places] = own - at[core.places]
        found.append(np.mod(bias_rad + math.pi, 2.0 * math.pi) - math.pi)
    return found, still


def _turns(wiring: LayerWiring) -> tuple[float, float]:
    """A quarter and a half turn, as the DAC can make them [rad]."""
    once, twice = (float(wiring.on_grid(np.array(angle))) for angle in (0.5 * math.pi, math.pi))
    return once, twice


def _bright(
    reader: Reader, standing: _Standing, dim: Sequence[int], rng: np.random.Generator, budget: Budget
) -> FloatArray:
    """The same setting (n,) but with every attenuator of some cores open, in either sign [rad]."""
    phases, wiring = standing.phases_rad.copy(), reader.wiring
    turn, twice = _turns(wiring)
    for k in dim:
        core = wiring.cores[k]
        vectors = _probe_vectors(standing.cores, core, k, rng, budget.probe_readings)
        places = core.phases_s.ravel()
        once, double = (standing.changes(reader, k, core.phases_s, angle, vectors) for angle in (turn, twice))
        _, phase_rad = attenuators_from(once, double, turn, twice)
        opened = np.mod(phases[places] - phase_rad, math.pi)
        phases[places] = wiring.on_grid(np.minimum(opened, _HALF_RANGE))
    return phases


def _modes(core: CoreWiring, column: int) -> slice:
    """Values of the index n of a core (r, m, n, s) that the blocks of a column of blocks touch."""
    columns, s = core.visible(column)[1], core.shape[3]
    return slice(columns.start // s, -(-columns.stop // s))


def _seen(surrounding: FloatArray, modes: slice, s: int) -> FloatArray:
    """The part of a surrounding (B, m_<k, m_>k, r, n s) that belongs to some values of n."""
    return surrounding[..., modes.start * s : modes.stop * s]


def _probe_vectors(
    cores: Sequence[FloatArray],
    core: CoreWiring,
    k: int,
    rng: np.random.Generator,
    readings_per_number: float,
) -> list[FloatArray]:
    """For each column of blocks of core k vectors (B, n_in) of +-1 that determine what its blocks change.

    Rows of a Hadamard matrix are Kronecker products and would leave most of a core undetermined; the best of
    some draws of the least number of random ones is taken.
    """
    return [
        _determining(cores, k, _modes(core, column), rng, readings_per_number)
        for column in range(core.grid[1])
    ]


def _determining(
    cores: Sequence[FloatArray], k: int, modes: slice, rng: np.random.Generator, readings_per_number: float
) -> FloatArray:
    """Vectors (B, n_in) that determine what core k is at some values of its index n, the rest being known."""
    n, s = math.prod(core.shape[2] for core in cores), cores[k].shape[3]
    n_own = modes.stop - modes.start
    n_numbers = cores[k].size * n_own / cores[k].shape[2]
    if len(cores) == 1:
        # All that there is to know takes every input, and orthogonal vectors spread them evenly.
        n_vectors = 1 << (n_own - 1).bit_length()
        repeats = max(1, math.ceil(readings_per_number * n_numbers / (n_vectors * cores[k].shape[1])))
        own = hadamard(n_vectors)[:, np.arange(n) % n_vectors].astype(np.float64)
        return np.tile(own, (repeats, 1))
    n_out = math.prod(core.shape[1] for core in cores)
    # What all inputs one by one would leave: a bond whose singular values differ much is not to be helped.
    whole = _seen(surroundings(cores, np.eye(n))[k], modes, s)
    allowed = max(_LARGEST_AMPLIFICATION, 1.5 * amplification(whole))
    fewest = max(1, math.ceil(readings_per_number * n_numbers / n_out))
    for n_vectors in range(fewest, fewest + 4 * n + 1):
        draws = [rng.choice([-1.0, 1.0], (n_vectors, n)) for _ in range(_DRAWS)]
        worst = [amplification(_seen(surroundings(cores, own)[k], modes, s)) for own in draws]
        best = int(np.argmin(worst))
        if worst[best] < allowed < math.inf:
            return draws[best]
    raise UndeterminedError(f"core {k}: no input vectors determine it")
