"""Light through the cells of a mesh, forward, with tangents, and backward, without matrix or Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]

_QUARTER_TURN_RAD = 0.25 * np.pi


@dataclass(frozen=True, eq=False)
class Couplers:
    """What stays and what crosses in both couplers of every MZI, (n_mzi, 1): cosines, and i times sines."""

    c1: FloatArray
    is1: FieldArray
    c2: FloatArray
    is2: FieldArray

    @classmethod
    def of(cls, errors_rad: FloatArray) -> Couplers:
        """From angle errors (2, n_mzi) [rad]."""
        first, second = _QUARTER_TURN_RAD + errors_rad[:, :, None]
        return cls(np.cos(first), 1j * np.sin(first), np.cos(second), 1j * np.sin(second))


Modes: TypeAlias = slice | IntArray


@lru_cache(maxsize=16)
def layers_of(topology: MeshTopology) -> tuple[tuple[slice, Modes, Modes], ...]:
    """Of every layer its cells, their upper and their lower modes."""
    ends = [*topology.layer_starts, topology.n_mzi]
    cells = [slice(int(a), int(b)) for a, b in pairwise(ends)]
    return tuple((own, _evenly(topology.row[own]), _evenly(topology.partner[own])) for own in cells)


def _evenly(modes: IntArray) -> Modes:
    """Evenly spaced modes as a slice, which copies nothing."""
    steps = np.unique(np.diff(modes))
    if steps.size > 1 or (steps.size and steps[0] < 1):
        return modes
    return slice(int(modes[0]), int(modes[-1]) + 1, int(steps[0]) if steps.size else 1)


@dataclass(frozen=True, eq=False)
class _Inside:
    """Fields (cells, R) in one layer: behind phi, behind theta on the upper arm, on the lower arm."""

    t: FieldArray
    p: FieldArray
    q: FieldArray


@dataclass(frozen=True, eq=False)
class Rays:
    """R rays on their way through a mesh of asymmetric cells.

    Attributes:
        topology: of the mesh.
        couplers: of its cells.
        turns: (n_shifters, R) factors exp(i phase) that each ray meets.
        inside: fields in the cells of every layer.
        last: fields (N, R) before the output shifters.
    """

    topology: MeshTopology
    couplers: Couplers
    turns: FieldArray
    inside: tuple[_Inside, ...]
    last: FieldArray

    @classmethod
    def sent(
        cls, topology: MeshTopology, couplers: Couplers, phases_rad: FloatArray, fields: FieldArray
    ) -> Rays:
        """Send fields (N, R) through, each ray meeting its own phases (n_shifters, R) [rad]."""
        k, c = topology.n_mzi, couplers
        turns = np.exp(1j * phases_rad)
        theta, phi = turns[:k], turns[k : 2 * k]
        x, inside = fields.astype(np.complex128), []
        for own, a, b in layers_of(topology):
            t, low = phi[own] * x[a], x[b]
            p = theta[own] * (c.c1[own] * t + c.is1[own] * low)
            q = c.is1[own] * t + c.c1[own] * low
            inside.append(_Inside(t, p, q))
            x[a], x[b] = c.c2[own] * p + c.is2[own] * q, c.is2[own] * p + c.c2[own] * q
        return cls(topology, couplers, turns, tuple(inside), x)

    @property
    def fields(self) -> FieldArray:
        """(N, R) behind the output shifters."""
        return self.turns[2 * self.topology.n_mzi :] * self.last

    def tangent(self, d_phases: FloatArray, d_couplers: FloatArray) -> FieldArray:
        """Changes (N, R) of `fields` with phases (n_shifters, R) and couplers (2, n_mzi)."""
        k, c = self.topology.n_mzi, self.couplers
        theta, phi = self.turns[:k], self.turns[k : 2 * k]
        d_theta, d_phi = 1j * d_phases[:k], 1j * d_phases[k : 2 * k]
        first, second = 1j * d_couplers[:, :, None]
        dx = np.zeros_like(self.last)
        for (own, a, b), cell in zip(layers_of(self.topology), self.inside, strict=True):
            dt = phi[own] * dx[a] + d_phi[own] * cell.t
            low, turn = dx[b], theta[own]
            dp = turn * (c.c1[own] * dt + c.is1[own] * low + first[own] * cell.q) + d_theta[own] * cell.p
            dq = c.is1[own] * dt + c.c1[own] * low + first[own] * turn.conj() * cell.p
            dp, dq = dp + second[own] * cell.q, dq + second[own] * cell.p
            dx[a], dx[b] = c.c2[own] * dp + c.is2[own] * dq, c.is2[own] * dp + c.c2[own] * dq
        return self.turns[2 * k :] * (dx + 1j * d_phases[2 * k :] * self.last)

    def pulled_back(self, weights: FieldArray) -> tuple[FloatArray, FloatArray]:
        """Slopes of ``Re sum(conj(weights) fields)`` by phases, (n_shifters, R), and couplers, (2, n_mzi)."""
        k, c = self.topology.n_mzi, self.couplers
        theta, phi = self.turns[:k], self.turns[k : 2 * k]
        by_phase = np.empty((self.topology.n_shifters, weights.shape[1]))
        by_coupler = np.empty((2, k))
        g = self.turns[2 * k :].conj() * weights
        by_phase[2 * k :] = _turned(g, self.last)
        cells = zip(layers_of(self.topology), self.inside, strict=True)
        for (own, a, b), cell in reversed(list(cells)):
            # The transfer matrix of a coupler is symmetric, and turned back by its conjugate.
            gp = c.c2[own] * g[a] - c.is2[own] * g[b]
            gq = c.c2[own] * g[b] - c.is2[own] * g[a]
            by_coupler[1, own] = _turned_sum(gp, cell.q) + _turned_sum(gq, cell.p)
            by_phase[own] = _turned(gp, cell.p)
            gp *= theta[own].conj()
            by_coupler[0, own] = _turned_sum(gp, cell.q) + _turned_sum(theta[own] * gq, cell.p)
            gt = c.c1[own] * gp - c.is1[own] * gq
            by_phase[k : 2 * k][own] = _turned(gt, cell.t)
            g[a], g[b] = phi[own].conj() * gt, c.c1[own] * gq - c.is1[own] * gp
        return by_phase, by_coupler


def _turned(weight: FieldArray, field: FieldArray) -> FloatArray:
    """Re(conj(weight) i field)."""
    return weight.imag * field.real - weight.real * field.imag


def _turned_sum(weight: FieldArray, field: FieldArray) -> FloatArray:
    """The same, summed over rays."""
    return -np.vecdot(weight, field).imag
