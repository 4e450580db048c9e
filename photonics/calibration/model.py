"""The model of a layer: readings from programmed phases, and their derivatives by every error of the chip.

A shifter that is programmed to p turns light by ``x = w + coupling sum of w of its neighbours + bias`` with
``w = gamma p``. A block is ``U diag(s_max cos x) V`` of meshes of rotations, a core is cut out of its
blocks, and a layer is the tensor train of its cores.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from photonzero.photonics.calibration.linear import gram
from photonzero.photonics.calibration.surroundings import passed, surroundings
from photonzero.photonics.calibration.wiring import CoreWiring, LayerWiring
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[Any]
"""Real, or complex where couplers err."""
IntArray = npt.NDArray[np.int64]


_ROUNDS = 36
"""Rounds of an inversion: each leaves coupling x neighbours (3 % as published) of the error before."""


_FURTHER = ("uneven", "couplers_rad", "log_amplitude")
"""Parts of errors that a layer may have or not."""


@dataclass(frozen=True, eq=False)
class PhaseErrors:
    """What phases and cells of a layer err by.

    Attributes:
        bias_rad: (n,) phase of each shifter when nothing is programmed [rad].
        gamma: (n,) phase of each over the programmed one; 0 of one that is stuck.
        coupling: fraction of a neighbour's phase that each receives.
        couplers_rad: (2, n) sums and differences of the angle errors of both couplers of each cell, see
            `photonzero.photonics.mesh.orthogonal.rotation_cells` [rad]; None where all are ideal.
        log_amplitude: (n,) natural logarithm of the factor on both fields that leave a cell, the receivers'
            gain for nominal loss in it; None where no light is lost.
        uneven: (n_pairs,) what the fraction differs by from pair to pair, in the order of
            `LayerWiring.receiver`; None where it is the same for all.
    """

    bias_rad: FloatArray
    gamma: FloatArray
    coupling: float
    couplers_rad: FloatArray | None = None
    log_amplitude: FloatArray | None = None
    uneven: FloatArray | None = None

    @property
    def vector(self) -> FloatArray:
        """All: biases, gammas, coupling, then what there is of uneven, couplers_rad, log_amplitude."""
        rest = [getattr(self, name) for name in _FURTHER]
        first = [self.bias_rad, self.gamma, np.array([self.coupling])]
        return np.concatenate([*first, *(own.ravel() for own in rest if own is not None)])

    @property
    def stuck(self) -> npt.NDArray[np.bool_]:
        """(n,) shifters that do not follow what is programmed."""
        return self.gamma < 0.5

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of what there is beside biases, gammas and coupling."""
        return tuple(name for name in _FURTHER if getattr(self, name) is not None)

    def place(self, part: str) -> slice:
        """Where a part of it that there is stands in `vector`: uneven, couplers_rad or log_amplitude."""
        start = 2 * len(self.bias_rad) + 1
        for name in _FURTHER:
            own = getattr(self, name)
            if name == part:
                return slice(start, start + own.size)
            start += 0 if own is None else own.size
        raise PhotonicsError(f"part: {part!r}; allowed: {', '.join(_FURTHER)}")

    def with_vector(self, vector: FloatArray) -> PhaseErrors:
        """The same parts with other values, in the order of `vector`."""
        n = len(self.bias_rad)
        rest, found = vector[2 * n + 1 :], {}
        for name in _FURTHER:
            own = getattr(self, name)
            if own is not None:
                found[name], rest = rest[: own.size].reshape(own.shape), rest[own.size :]
        return replace(
            self, bias_rad=vector[:n], gamma=vector[n : 2 * n], coupling=float(vector[2 * n]), **found
        )


@dataclass(frozen=True, eq=False)
class _Passes:
    """Light in a population of Q meshes.

    Attributes:
        entering: (Q, n_mzi, 2, N) fields at both inputs of every cell, from each input of the mesh.
        leaving: (Q, n_mzi, N, 2) what either output of a cell gives at each output of the mesh.
        whole: (Q, N, N) transfer of the meshes.
    """

    entering: FieldArray
    leaving: FieldArray
    whole: FieldArray


def _cells(
    angles_rad: FloatArray, couplers_rad: FloatArray | None, log_amplitude: FloatArray | None
) -> tuple[FieldArray, FieldArray]:
    """Cells (Q, n, 2, 2) of angles (Q, n), and their derivatives (K, Q, n, 2, 2).

    Derivatives are by the angle; where couplers err, by their sums and differences (2, Q, n); where light is
    lost, by the logarithm of the amplitude (Q, n). With sum p and difference q a cell is
    ``[[conj(b), -conj(x)], [x, b]]``, ``b = cos q cos t + i sin p sin t`` and
    ``x = cos p sin t + i sin q cos t``, times the amplitude.
    """
    c, s = np.cos(angles_rad), np.sin(angles_rad)
    if couplers_rad is None:
        found = [_cell(c, s), _cell(-s, c)]
    else:
        (cos_p, cos_q), (sin_p, sin_q) = np.cos(couplers_rad), np.sin(couplers_rad)
        found = [
            _cell(cos_q * c + 1j * sin_p * s, cos_p * s + 1j * sin_q * c),
            _cell(-cos_q * s + 1j * sin_p * c, cos_p * c - 1j * sin_q * s),
            _cell(1j * cos_p * s, -sin_p * s + 0j),
            _cell(-sin_q * c + 0j, 1j * cos_q * c),
        ]
    if log_amplitude is not None:
        found = [np.exp(log_amplitude)[..., None, None] * own for own in (*found, found[0])]
    return found[0], np.stack(found[1:])


def _cell(bar: FieldArray, cross: FieldArray) -> FieldArray:
    return np.stack([np.stack([bar.conj(), -cross.conj()], -1), np.stack([cross, bar], -1)], -2)


def _passes(mesh: MeshTopology, cells: FieldArray) -> _Passes:
    """Both ways through meshes of cells (Q, n_mzi, 2, 2), layer by layer."""
    n_meshes, n_mzi = cells.shape[:2]
    n = mesh.n_modes
    pairs = np.stack([mesh.row, mesh.partner], axis=1)
    bounds = [*mesh.layer_starts, n_mzi]
    entering = np.empty((n_meshes, n_mzi, 2, n), cells.dtype)
    leaving = np.empty((n_meshes, n_mzi, 2, n), cells.dtype)
    whole, rest = np.tile(np.eye(n, dtype=cells.dtype), (2, n_meshes, 1, 1))
    for start, stop in itertools.pairwise(bounds):
        entering[:, start:stop] = whole[:, pairs[start:stop]]
        whole[:, pairs[start:stop]] = cells[:, start:stop] @ entering[:, start:stop]
    # Transposed, the same from the outputs inward.
    for start, stop in zip(bounds[-2::-1], bounds[:0:-1], strict=True):
        leaving[:, start:stop] = rest[:, pairs[start:stop]]
        rest[:, pairs[start:stop]] = cells[:, start:stop].swapaxes(-1, -2) @ leaving[:, start:stop]
    return _Passes(entering, leaving.swapaxes(-1, -2), whole)


def core_matrices(core: CoreWiring, x_rad: FloatArray, errors: PhaseErrors) -> FieldArray:
    """Cores (P, rows, columns) of phases (P, n) of the layer, as light meets them; see `core_tangents`."""
    return _assembled(core, _blocks(core, x_rad, errors).blocks)


def core_tangents(
    core: CoreWiring, x_rad: FloatArray, errors: PhaseErrors
) -> tuple[FieldArray, list[FieldArray]]:
    """Cores, and what each phase changes in its own block.

    Args:
        core: of the layer.
        x_rad: (P, n) phases of the layer as light meets them [rad].
        errors: of the layer, whose couplers and losses matter here.

    Returns:
        (P, rows, columns), and of every block (P, K, n_own, h, w) in what it covers, phases in the order of
        ``core.places``, K as of `_cells`. Complex where couplers err.
    """
    own = _blocks(core, x_rad, errors)
    n_settings, n_blocks, k = len(x_rad), core.n_blocks, core.size
    u, v, levels = own.u, own.v, own.levels
    right = levels[:, :, None] * v.whole
    by_u = u.leaving @ (own.by_u @ (u.entering @ right[:, None]))
    by_v = (u.whole * levels[:, None])[:, None] @ (v.leaving @ (own.by_v @ v.entering))
    outer = u.whole.swapaxes(-1, -2)[:, :, :, None] * v.whole[:, :, None, :]
    by_s = own.by_levels[..., None, None] * outer
    by_phase = np.concatenate([by_u, by_s, by_v], axis=2)
    n_kinds, _, n_own = by_phase.shape[:3]
    by_phase = by_phase.reshape(n_kinds, n_settings, n_blocks, n_own, k, k).swapaxes(0, 1)
    tangents = []
    for block in range(n_blocks):
        rows, columns = core.visible(block)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        tangents.append(by_phase[:, :, block, :, :height, :width])
    return _assembled(core, own.blocks), tangents


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Blocks (P, blocks, k, k), and what they are made of, for Q = P times blocks of them."""

    blocks: FieldArray
    u: _Passes
    v: _Passes
    levels: FieldArray
    by_u: FieldArray
    by_v: FieldArray
    by_levels: FieldArray


def _blocks(core: CoreWiring, x_rad: FloatArray, errors: PhaseErrors) -> _Blocks:
    def cells(part: IntArray) -> tuple[FieldArray, FieldArray]:
        # One set of couplers and losses a block, the same at every setting.
        couplers, log_amplitude = (
            None if own is None else np.tile(own[..., part], (len(x_rad), 1))
            for own in (errors.couplers_rad, errors.log_amplitude)
        )
        return _cells(x_rad[:, part].reshape(-1, part.shape[1]), couplers, log_amplitude)

    (cells_u, by_u), (cells_s, by_s), (cells_v, by_v) = (
        cells(part) for part in (core.angles_u, core.phases_s, core.angles_v)
    )
    # Of an attenuator one input and one output are used.
    levels, by_levels = core.s_max * cells_s[..., 1, 1], core.s_max * by_s[..., 1, 1]
    u, v = _passes(core.mesh, cells_u), _passes(core.mesh, cells_v)
    blocks = ((u.whole * levels[:, None]) @ v.whole).reshape(len(x_rad), core.n_blocks, core.size, core.size)
    return _Blocks(blocks, u, v, levels, by_u, by_v, by_levels)


def _assembled(core: CoreWiring, blocks: FieldArray) -> FieldArray:
    """Blocks (P, blocks, k, k) beside and below each other, cut to the core."""
    (down, across), k = core.grid, core.size
    full = blocks.reshape(-1, down, across, k, k).transpose(0, 1, 3, 2, 4)
    return full.reshape(-1, down * k, across * k)[:, : core.rows, : core.columns]


class LayerModel:
    """A layer with errors.

    Args:
        wiring: of the layer.
        errors: of its phases.
    """

    def __init__(self, wiring: LayerWiring, errors: PhaseErrors) -> None:
        self.wiring, self.errors = wiring, errors
        n = wiring.n_phases
        pairs = (wiring.receiver, wiring.source)
        ones = np.ones(wiring.receiver.size)
        self.neighbours = sparse.csr_array((ones, pairs), shape=(n, n))
        received = errors.coupling * ones if errors.uneven is None else errors.coupling + errors.uneven
        heated = sparse.csr_array((received, pairs), shape=(n, n))
        self.spread = sparse.csr_array(sparse.eye_array(n) + heated)

    def realised(self, phases_rad: FloatArray) -> FloatArray:
        """Phases (P, n) that light meets for programmed ones (P, n) [rad]."""
        return (self.spread @ (phases_rad * self.errors.gamma).T).T + self.errors.bias_rad

    def cores(self, phases_rad: FloatArray) -> list[FieldArray]:
        """Of each core (P, r_{k-1}, m_k, n_k, r_k) for programmed phases (P, n); the gain is in the first."""
        x = self.realised(phases_rad)
        return self._folded([core_matrices(core, x, self.errors) for core in self.wiring.cores])

    def cores_and_tangents(self, phases_rad: FloatArray) -> tuple[list[FieldArray], list[list[FieldArray]]]:
        """Cores, and of every block of each (P, K, n_own, h, w) by what light meets, see `core_tangents`."""
        x = self.realised(phases_rad)
        found = [core_tangents(core, x, self.errors) for core in self.wiring.cores]
        first, *rest = (list(own) for _, own in found)
        first = [self.wiring.layer.gain * block for block in first]
        return self._folded([own for own, _ in found]), [first, *rest]

    def _folded(self, unfolded: Sequence[FieldArray]) -> list[FieldArray]:
        cores = [
            own.reshape(*own.shape[:-2], *core.shape)
            for own, core in zip(unfolded, self.wiring.cores, strict=True)
        ]
        return [self.wiring.layer.gain * cores[0], *cores[1:]]

    def matrices(self, phases_rad: FloatArray) -> FloatArray:
        """Matrices (P, n_out, n_in) of the layer for programmed phases (P, n)."""
        cores = self.cores(phases_rad)
        return np.stack([np.real(_product([core[p] for core in cores])) for p in range(len(phases_rad))])

    def programmed(self, wanted_rad: FloatArray) -> FloatArray:
        """Phases (n,) in [0, 2 pi) to program so that light meets wanted ones (n,), modulo turns [rad].

        The heat of neighbours is taken into account. A phase just beyond the reach of its shifter gets the
        end of that reach.
        """
        errors = self.errors
        if errors.couplers_rad is not None:
            wanted_rad = self._undone(wanted_rad, errors.couplers_rad)
        # Nothing moves a shifter that is stuck.
        free = ~errors.stuck
        gamma = np.where(free, errors.gamma, 1.0)
        turn = 2.0 * np.pi / gamma
        programmed = np.where(free, np.mod((wanted_rad - errors.bias_rad) / gamma, turn), 0.0)
        turns: FloatArray | float = 0.0
        for step in range(_ROUNDS):
            heat = programmed * gamma
            received = self.spread @ heat - heat
            ideal = (wanted_rad - errors.bias_rad - received) / gamma
            # Another turn of one heats its neighbours, which may need other turns then, without end: after
            # some rounds turns are left as they are.
            if step < _ROUNDS // 3:
                turns = np.floor(ideal / turn) * turn
            programmed = np.where(free, np.clip(ideal - turns, 0.0, np.nextafter(2.0 * np.pi, 0.0)), 0.0)
        return programmed

    def _undone(self, wanted_rad: FloatArray, couplers_rad: FloatArray) -> FloatArray:
        """Phases whose cells have real parts in the ratio of those of wanted phases without errors."""
        cos_p, cos_q = np.cos(couplers_rad)
        c, s = np.cos(wanted_rad), np.sin(wanted_rad)
        found = np.arctan2(s / cos_p, c / cos_q)
        for core in self.wiring.cores:
            places = core.phases_s
            level = np.clip(c[places] / cos_q[places], -1.0, 1.0)
            found[places] = np.copysign(np.arccos(level), s[places])
        return found

    def metric(self, phases_rad: FloatArray, vectors: FloatArray) -> FloatArray:
        """Mean squares (n, n) of what programmed phases (n,) change in readings of vectors (B, n_in)."""
        cores, tangents = self.cores_and_tangents(phases_rad[None])
        around = surroundings([own[0] for own in cores], vectors)
        by_x = gram(self.wiring, around, [[block[0, :1] for block in own] for own in tangents])
        whole = self.spread.T @ (self.spread.T @ by_x).T
        return self.errors.gamma[:, None] * whole * self.errors.gamma / len(vectors)

    def readings(self, phases_rad: FloatArray, vectors: FloatArray) -> FloatArray:
        """What detectors read, without noise, (P, B, n_out), of vectors (B, n_in) or (P, B, n_in)."""
        cores = self.cores(phases_rad)
        each = np.broadcast_to(vectors, (len(phases_rad), *vectors.shape[-2:]))
        return np.stack([np.real(passed([core[p] for core in cores], own)) for p, own in enumerate(each)])


def _product(cores: Sequence[FieldArray]) -> FieldArray:
    product: FieldArray = np.ones((1, 1, 1))
    for core in cores:
        grown = np.tensordot(product, core, axes=1).transpose(0, 2, 1, 3, 4)
        rows, m, columns, n, rank = grown.shape
        product = grown.reshape(rows * m, columns * n, rank)
    return product[:, :, 0]
