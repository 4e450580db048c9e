"""The model of a layer: readings from programmed phases, and their derivatives by every error of the chip.

A shifter that is programmed to p turns light by ``x = w + coupling sum of w of its neighbours + bias`` with
``w = gamma p``. A block is ``U diag(s_max cos x) V`` of meshes of rotations, a core is cut out of its
blocks, and a layer is the tensor train of its cores.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from photonzero.photonics.calibration.surroundings import readings_by, surroundings
from photonzero.photonics.calibration.wiring import CoreWiring, LayerWiring
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[Any]
"""Real, or complex where couplers err."""
IntArray = npt.NDArray[np.int64]


_ROUNDS = 36
"""Rounds of an inversion: each leaves coupling x neighbours (3 % as published) of the error before."""


@dataclass(frozen=True, eq=False)
class PhaseErrors:
    """What phases of a layer err by.

    Attributes:
        bias_rad: (n,) phase of each shifter when nothing is programmed [rad].
        gamma: (n,) phase of each over the programmed one.
        coupling: fraction of a neighbour's phase that each receives.
        couplers_rad: (2, n) sums and differences of the angle errors of both couplers of each cell, see
            `photonzero.photonics.mesh.orthogonal.rotation_cells` [rad]; None where all are ideal.
    """

    bias_rad: FloatArray
    gamma: FloatArray
    coupling: float
    couplers_rad: FloatArray | None = None

    @property
    def vector(self) -> FloatArray:
        """All, (2 n + 1,) or (4 n + 1,): biases, gammas, coupling, then sums and differences of couplers."""
        parts = [self.bias_rad, self.gamma, np.array([self.coupling])]
        return np.concatenate(parts if self.couplers_rad is None else [*parts, self.couplers_rad.ravel()])

    @classmethod
    def of_vector(cls, vector: FloatArray, n: int) -> PhaseErrors:
        """From `vector` of n phases."""
        couplers = vector[2 * n + 1 :].reshape(2, n) if len(vector) > 2 * n + 1 else None
        return cls(vector[:n], vector[n : 2 * n], float(vector[2 * n]), couplers)


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


def _cells(angles_rad: FloatArray, couplers_rad: FloatArray | None) -> tuple[FieldArray, FieldArray]:
    """Cells (Q, n, 2, 2) of angles (Q, n), and their derivatives (K, Q, n, 2, 2).

    Derivatives are by the angle and, where couplers err, by their sums and differences (2, n), K = 3 then:
    with sum p and difference q a cell is ``[[conj(b), -conj(x)], [x, b]]``,
    ``b = cos q cos t + i sin p sin t`` and ``x = cos p sin t + i sin q cos t``.
    """
    c, s = np.cos(angles_rad), np.sin(angles_rad)
    if couplers_rad is None:
        return _cell(c, s), _cell(-s, c)[None]
    (cos_p, cos_q), (sin_p, sin_q) = np.cos(couplers_rad), np.sin(couplers_rad)
    cell = _cell(cos_q * c + 1j * sin_p * s, cos_p * s + 1j * sin_q * c)
    by_angle = _cell(-cos_q * s + 1j * sin_p * c, cos_p * c - 1j * sin_q * s)
    by_sum = _cell(1j * cos_p * s, -sin_p * s + 0j)
    by_difference = _cell(-sin_q * c + 0j, 1j * cos_q * c)
    return cell, np.stack([by_angle, by_sum, by_difference])


def _cell(bar: FieldArray, cross: FieldArray) -> FieldArray:
    return np.stack([np.stack([bar.conj(), -cross.conj()], -1), np.stack([cross, bar], -1)], -2)


def _levels(phases_rad: FloatArray, couplers_rad: FloatArray | None) -> tuple[FieldArray, FieldArray]:
    """What attenuators (Q, k) let through, b of their cells, and derivatives (K, Q, k) as of `_cells`."""
    cells, by = _cells(phases_rad, couplers_rad)
    return cells[..., 1, 1], by[..., 1, 1]


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


def core_matrices(core: CoreWiring, x_rad: FloatArray, couplers_rad: FloatArray | None = None) -> FieldArray:
    """Cores (P, rows, columns) of phases (P, n) of the layer, as light meets them; see `core_tangents`."""
    return _assembled(core, _blocks(core, x_rad, couplers_rad).blocks)


def core_tangents(
    core: CoreWiring, x_rad: FloatArray, couplers_rad: FloatArray | None = None
) -> tuple[FieldArray, FieldArray]:
    """Cores, and what each phase changes in its own.

    Args:
        core: of the layer.
        x_rad: (P, n) phases of the layer as light meets them [rad].
        couplers_rad: (2, n) errors of its couplers, see `PhaseErrors`; None for none.

    Returns:
        (P, rows, columns) and (P, K, n_own, rows, columns), phases in the order of ``core.places``, K as of
        `_cells`. Complex where couplers err.
    """
    own = _blocks(core, x_rad, couplers_rad)
    n_settings, n_blocks, k = len(x_rad), core.n_blocks, core.size
    u, v, levels = own.u, own.v, own.levels
    right = levels[:, :, None] * v.whole
    by_u = u.leaving @ (own.by_u @ (u.entering @ right[:, None]))
    by_v = (u.whole * levels[:, None])[:, None] @ (v.leaving @ (own.by_v @ v.entering))
    outer = u.whole.swapaxes(-1, -2)[:, :, :, None] * v.whole[:, :, None, :]
    by_s = own.by_levels[..., None, None] * outer
    by_phase = np.concatenate([by_u, by_s, by_v], axis=2)
    n_kinds, _, n_own = by_phase.shape[:3]
    by_phase = by_phase.reshape(n_kinds, n_settings, n_blocks, n_own, k, k)
    shape = (n_settings, n_kinds, n_blocks, n_own, core.rows, core.columns)
    tangents = np.zeros(shape, by_phase.dtype)
    for block in range(n_blocks):
        rows, columns = core.visible(block)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        part = by_phase[:, :, block, :, :height, :width]
        tangents[:, :, block, :, rows, columns] = part.swapaxes(0, 1)
    flat = tangents.reshape(n_settings, n_kinds, -1, core.rows, core.columns)
    return _assembled(core, own.blocks), flat


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


def _blocks(core: CoreWiring, x_rad: FloatArray, couplers_rad: FloatArray | None) -> _Blocks:
    def of(part: IntArray) -> tuple[FloatArray, FloatArray | None]:
        angles = x_rad[:, part].reshape(-1, part.shape[1])
        if couplers_rad is None:
            return angles, None
        # One set of couplers a block, the same at every setting.
        return angles, np.tile(couplers_rad[:, part], (1, len(x_rad), 1))

    cells_u, by_u = _cells(*of(core.angles_u))
    cells_v, by_v = _cells(*of(core.angles_v))
    levels, by_levels = _levels(*of(core.phases_s))
    u, v = _passes(core.mesh, cells_u), _passes(core.mesh, cells_v)
    levels, by_levels = core.s_max * levels, core.s_max * by_levels
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
        ones = np.ones(wiring.receiver.size)
        self.neighbours = sparse.csr_array((ones, (wiring.receiver, wiring.source)), shape=(n, n))

    def realised(self, phases_rad: FloatArray) -> FloatArray:
        """Phases (P, n) that light meets for programmed ones (P, n) [rad]."""
        heat = phases_rad * self.errors.gamma
        received = (self.neighbours @ heat.T).T
        return heat + self.errors.coupling * received + self.errors.bias_rad

    def cores(self, phases_rad: FloatArray) -> list[FieldArray]:
        """Of each core (P, r_{k-1}, m_k, n_k, r_k) for programmed phases (P, n); the gain is in the first."""
        x = self.realised(phases_rad)
        return self._folded([core_matrices(core, x, self.errors.couplers_rad) for core in self.wiring.cores])

    def cores_and_tangents(self, phases_rad: FloatArray) -> tuple[list[FieldArray], list[FieldArray]]:
        """Cores, and (P, K, n_own, r_{k-1}, m_k, n_k, r_k) by what light meets, see `core_tangents`."""
        x = self.realised(phases_rad)
        found = [core_tangents(core, x, self.errors.couplers_rad) for core in self.wiring.cores]
        return self._folded([own for own, _ in found]), self._folded([own for _, own in found])

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
        turn = 2.0 * np.pi / errors.gamma
        programmed = np.mod((wanted_rad - errors.bias_rad) / errors.gamma, turn)
        turns: FloatArray | float = 0.0
        for step in range(_ROUNDS):
            received = errors.coupling * (self.neighbours @ (programmed * errors.gamma))
            ideal = (wanted_rad - errors.bias_rad - received) / errors.gamma
            # Another turn of one heats its neighbours, which may need other turns then, without end: after
            # some rounds turns are left as they are.
            if step < _ROUNDS // 3:
                turns = np.floor(ideal / turn) * turn
            programmed = np.clip(ideal - turns, 0.0, np.nextafter(2.0 * np.pi, 0.0))
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
        n = self.wiring.n_phases
        by_x = np.zeros((n, n))
        for some in np.array_split(vectors, max(1, len(vectors) // 8)):
            around = surroundings([own[0] for own in cores], some)
            jacobian = np.empty((n, len(some) * self.wiring.layer.n_out))
            for core, surrounding, own in zip(self.wiring.cores, around, tangents, strict=True):
                changed = np.real(readings_by(surrounding, own[0, 0]))
                jacobian[core.places.ravel()] = changed.reshape(own.shape[2], -1)
            by_x += jacobian @ jacobian.T
        spread = sparse.csr_array(sparse.eye_array(n) + self.errors.coupling * self.neighbours)
        whole = spread.T @ (spread.T @ by_x).T
        return self.errors.gamma[:, None] * whole * self.errors.gamma / len(vectors)

    def readings(self, phases_rad: FloatArray, vectors: FloatArray) -> FloatArray:
        """What detectors read, without noise: (P, B, n_out)."""
        return vectors @ self.matrices(phases_rad).swapaxes(-1, -2)


def _product(cores: Sequence[FieldArray]) -> FieldArray:
    product: FieldArray = np.ones((1, 1, 1))
    for core in cores:
        grown = np.tensordot(product, core, axes=1).transpose(0, 2, 1, 3, 4)
        rows, m, columns, n, rank = grown.shape
        product = grown.reshape(rows * m, columns * n, rank)
    return product[:, :, 0]
