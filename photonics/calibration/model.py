"""The model of a layer: readings from programmed phases, and their derivatives by every error of the chip.

A shifter that is programmed to p turns light by ``x = w + coupling sum of w of its neighbours + bias`` with
``w = gamma p``. A block is ``U diag(s_max cos x) V`` of meshes of rotations, a core is cut out of its
blocks, and a layer is the tensor train of its cores.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from photonzero.photonics.calibration.surroundings import readings_by, surroundings
from photonzero.photonics.calibration.wiring import CoreWiring, LayerWiring
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]


_ROUNDS = 36
"""Rounds of an inversion: each leaves coupling x neighbours (3 % as published) of the error before."""


@dataclass(frozen=True, eq=False)
class PhaseErrors:
    """What phases of a layer err by.

    Attributes:
        bias_rad: (n,) phase of each shifter when nothing is programmed [rad].
        gamma: (n,) phase of each over the programmed one.
        coupling: fraction of a neighbour's phase that each receives.
    """

    bias_rad: FloatArray
    gamma: FloatArray
    coupling: float

    @property
    def vector(self) -> FloatArray:
        """All of them, (2 n + 1,): biases, gammas, coupling."""
        return np.concatenate([self.bias_rad, self.gamma, [self.coupling]])

    @classmethod
    def of_vector(cls, vector: FloatArray) -> PhaseErrors:
        """From `vector`."""
        n = len(vector) // 2
        return cls(vector[:n], vector[n : 2 * n], float(vector[-1]))


@dataclass(frozen=True, eq=False)
class _Passes:
    """Light in a population of Q meshes.

    Attributes:
        entering: (Q, n_mzi, 2, N) fields at both inputs of every cell, from each input of the mesh.
        leaving: (Q, n_mzi, N, 2) what either output of a cell gives at each output of the mesh.
        whole: (Q, N, N) transfer of the meshes.
    """

    entering: FloatArray
    leaving: FloatArray
    whole: FloatArray


def rotations(angles_rad: FloatArray) -> FloatArray:
    """Cells (.., 2, 2) of angles (..)."""
    c, s = np.cos(angles_rad), np.sin(angles_rad)
    return np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)


def _passes(mesh: MeshTopology, cells: FloatArray) -> _Passes:
    """Both ways through meshes of cells (Q, n_mzi, 2, 2), layer by layer."""
    n_meshes, n_mzi = cells.shape[:2]
    n = mesh.n_modes
    pairs = np.stack([mesh.row, mesh.partner], axis=1)
    bounds = [*mesh.layer_starts, n_mzi]
    entering = np.empty((n_meshes, n_mzi, 2, n))
    leaving = np.empty((n_meshes, n_mzi, 2, n))
    whole, rest = np.tile(np.eye(n), (2, n_meshes, 1, 1))
    for start, stop in itertools.pairwise(bounds):
        entering[:, start:stop] = whole[:, pairs[start:stop]]
        whole[:, pairs[start:stop]] = cells[:, start:stop] @ entering[:, start:stop]
    # Transposed, the same from the outputs inward.
    for start, stop in zip(bounds[-2::-1], bounds[:0:-1], strict=True):
        leaving[:, start:stop] = rest[:, pairs[start:stop]]
        rest[:, pairs[start:stop]] = cells[:, start:stop].swapaxes(-1, -2) @ leaving[:, start:stop]
    return _Passes(entering, leaving.swapaxes(-1, -2), whole)


_QUARTER_TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
"""What a derivative by the angle adds to a rotation."""


def core_matrices(core: CoreWiring, x_rad: FloatArray) -> FloatArray:
    """Cores (P, rows, columns) of phases (P, n) of the layer, as light meets them."""
    return _assembled(core, _blocks(core, x_rad)[0])


def core_tangents(core: CoreWiring, x_rad: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cores, and what each phase changes in its own.

    Args:
        core: of the layer.
        x_rad: (P, n) phases of the layer as light meets them [rad].

    Returns:
        (P, rows, columns) and (P, n_own, rows, columns), phases in the order of ``core.places``.
    """
    blocks, u, s, v, own = _blocks(core, x_rad)
    n_settings, n_blocks, k = len(x_rad), core.n_blocks, core.size
    level = s[:, :, None]
    right = level * v.whole[:, None].reshape(-1, k, k)
    # d cell = quarter turn @ cell, and cell @ entering is what leaves the cell.
    cells_u, cells_v = (rotations(part) for part in (own[0], own[2]))
    turned_u = _QUARTER_TURN @ cells_u @ (u.entering @ right[:, None])
    by_u = u.leaving @ turned_u
    turned_v = _QUARTER_TURN @ cells_v @ v.entering
    by_v = (u.whole * s[:, None])[:, None] @ (v.leaving @ turned_v)
    slope = -core.s_max * np.sin(own[1])
    by_s = slope[:, :, None, None] * (u.whole.swapaxes(-1, -2)[:, :, :, None] * v.whole[:, :, None, :])
    by_phase = np.concatenate([by_u, by_s, by_v], axis=1).reshape(n_settings, n_blocks, -1, k, k)
    n_own = by_phase.shape[2]
    tangents = np.zeros((n_settings, n_blocks, n_own, core.rows, core.columns))
    for block in range(n_blocks):
        rows, columns = core.visible(block)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        tangents[:, block, :, rows, columns] = by_phase[:, block, :, :height, :width]
    return _assembled(core, blocks), tangents.reshape(n_settings, -1, core.rows, core.columns)


def _blocks(
    core: CoreWiring, x_rad: FloatArray
) -> tuple[FloatArray, _Passes, FloatArray, _Passes, list[FloatArray]]:
    """Blocks (P, blocks, k, k), and what they are made of, for P times blocks of them."""
    k = core.size
    own = [
        x_rad[:, part].reshape(-1, part.shape[1]) for part in (core.angles_u, core.phases_s, core.angles_v)
    ]
    u, v = _passes(core.mesh, rotations(own[0])), _passes(core.mesh, rotations(own[2]))
    s = core.s_max * np.cos(own[1])
    blocks = (u.whole * s[:, None]) @ v.whole
    return blocks.reshape(len(x_rad), core.n_blocks, k, k), u, s, v, own


def _assembled(core: CoreWiring, blocks: FloatArray) -> FloatArray:
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

    def cores(self, phases_rad: FloatArray) -> list[FloatArray]:
        """Of each core (P, r_{k-1}, m_k, n_k, r_k) for programmed phases (P, n); the gain is in the first."""
        x = self.realised(phases_rad)
        return self._folded([core_matrices(core, x) for core in self.wiring.cores])

    def cores_and_tangents(self, phases_rad: FloatArray) -> tuple[list[FloatArray], list[FloatArray]]:
        """Cores, and of each (P, n_own, r_{k-1}, m_k, n_k, r_k) by the phases that light meets in it."""
        x = self.realised(phases_rad)
        found = [core_tangents(core, x) for core in self.wiring.cores]
        return self._folded([own for own, _ in found]), self._folded([own for _, own in found])

    def _folded(self, unfolded: Sequence[FloatArray]) -> list[FloatArray]:
        cores = [
            own.reshape(*own.shape[:-2], *core.shape)
            for own, core in zip(unfolded, self.wiring.cores, strict=True)
        ]
        return [self.wiring.layer.gain * cores[0], *cores[1:]]

    def matrices(self, phases_rad: FloatArray) -> FloatArray:
        """Matrices (P, n_out, n_in) of the layer for programmed phases (P, n)."""
        cores = self.cores(phases_rad)
        return np.stack([_product([core[p] for core in cores]) for p in range(len(phases_rad))])

    def programmed(self, wanted_rad: FloatArray) -> FloatArray:
        """Phases (n,) in [0, 2 pi) to program so that light meets wanted ones (n,), modulo turns [rad].

        The heat of neighbours is taken into account. A phase just beyond the reach of its shifter gets the
        end of that reach.
        """
        errors = self.errors
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

    def metric(self, phases_rad: FloatArray, vectors: FloatArray) -> FloatArray:
        """Mean squares (n, n) of what programmed phases (n,) change in readings of vectors (B, n_in)."""
        cores, tangents = self.cores_and_tangents(phases_rad[None])
        n = self.wiring.n_phases
        by_x = np.zeros((n, n))
        for some in np.array_split(vectors, max(1, len(vectors) // 8)):
            around = surroundings([own[0] for own in cores], some)
            jacobian = np.empty((n, len(some) * self.wiring.layer.n_out))
            for core, surrounding, own in zip(self.wiring.cores, around, tangents, strict=True):
                jacobian[core.places.ravel()] = readings_by(surrounding, own[0]).reshape(own.shape[1], -1)
            by_x += jacobian @ jacobian.T
        spread = sparse.csr_array(sparse.eye_array(n) + self.errors.coupling * self.neighbours)
        whole = spread.T @ (spread.T @ by_x).T
        return self.errors.gamma[:, None] * whole * self.errors.gamma / len(vectors)

    def readings(self, phases_rad: FloatArray, vectors: FloatArray) -> FloatArray:
        """What detectors read, without noise: (P, B, n_out)."""
        return vectors @ self.matrices(phases_rad).swapaxes(-1, -2)


def _product(cores: Sequence[FloatArray]) -> FloatArray:
    product = np.ones((1, 1, 1))
    for core in cores:
        grown = np.tensordot(product, core, axes=1).transpose(0, 2, 1, 3, 4)
        rows, m, columns, n, rank = grown.shape
        product = grown.reshape(rows * m, columns * n, rank)
    return product[:, :, 0]
