"""A mesh peeled from its outputs inward: every phase and coupler from what whole layers of shifters change.

A shifter stands on one mode, so turning it changes what a vector becomes by a number times u, u being what
light at the shifter becomes at the outputs. Cells of a layer share no mode: once what stands behind the layer
is known, the changes of all its cells lie apart, and all of them may turn at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.devices.coupler import coupler_transfer
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[np.complex128]

_QUARTER_TURN_RAD = 0.25 * np.pi


@dataclass(frozen=True, eq=False)
class Peeled:
    """What light meets in a mesh.

    Attributes:
        phases_rad: (n_shifters,) phases of theta, phi and output shifters, anywhere on the circle [rad].
        couplers_rad: (2, n_mzi) angle errors of the couplers, those that light meets first, first [rad].
    """

    phases_rad: FloatArray
    couplers_rad: FloatArray


def peel(
    topology: MeshTopology,
    vectors: FieldArray,
    base: FieldArray,
    by_theta: FieldArray,
    by_phi: FieldArray,
    largest_coupler_rad: float,
) -> Peeled:
    """Phases and couplers of a mesh of asymmetric cells, from B vectors at 1 + 2 n_layers settings.

    With the mesh behind a layer known as B, up to a phase of each column, look at ``w = B^H change`` on the
    two modes of a cell. Where the theta of the layer turn it is a number times ``(c2, i s2)``: the second
    coupler, and the phase between two columns. Where the phi turn it is the upper column of the cell itself,
    which with the second coupler taken off is ``(exp(i theta) c1, i s1)``. Then the cell joins B. Nothing is
    inverted, and B stays unitary. What is left open are the phases of columns, those of phi and outputs, one
    a cell and one an input: they are solved from the inputs outward.

    Args:
        topology: of the mesh.
        vectors: (N, B) that are presented.
        base: (N, B) what they become at the setting that is asked for.
        by_theta: (n_layers, N, B) how that changes when every theta of a layer turns.
        by_phi: (n_layers, N, B) when every phi does.
        largest_coupler_rad: bound of coupler errors, which keeps cells that were dim from doing harm.
    """
    k, n = topology.n_mzi, topology.n_modes
    behind = np.eye(n, dtype=np.complex128)
    theta, between, couplers = np.empty(k), np.empty(k), np.empty((2, k))
    ends = [*topology.layer_starts, k]
    for layer in reversed(range(topology.n_layers)):
        own = slice(ends[layer], ends[layer + 1])
        a, b = topology.row[own], topology.partner[own]
        pairs = np.stack([a, b], axis=1)
        w = _direction((behind.conj().T @ by_theta[layer])[pairs])
        couplers[1, own] = _coupler(w[:, 1], w[:, 0], largest_coupler_rad)
        between[own] = np.angle(-1j * w[:, 1] * w[:, 0].conj())
        behind[:, b] *= np.exp(1j * between[own])
        second = coupler_transfer(couplers[1, own])
        w = _direction((behind.conj().T @ by_phi[layer])[pairs])
        arms = np.einsum("kji,kj->ki", second.conj(), w)
        theta[own] = np.angle(1j * arms[:, 0] * arms[:, 1].conj())
        couplers[0, own] = _coupler(arms[:, 1], arms[:, 0], largest_coupler_rad)
        first = coupler_transfer(couplers[0, own])
        first[:, 0] *= np.exp(1j * theta[own])[:, None]
        columns = behind[:, pairs]
        behind[:, pairs] = np.einsum("nki,kij->nkj", columns, second @ first)
    found = np.einsum("ij,ij->i", behind.conj().T @ base, vectors.conj())
    phase = np.angle(found)
    phi = np.empty(k)
    for i in range(k):
        a, b = topology.row[i], topology.partner[i]
        phi[i] = phase[a] - phase[b]
        phase[a] = phase[b]
        phase[b] = phase[a] + between[i]
    return Peeled(np.concatenate([theta, phi, phase]), couplers)


def _direction(changes: FieldArray) -> FieldArray:
    """The two-vectors (n, 2) that changes (n, 2, B) are multiples of, but for noise."""
    _, vectors = np.linalg.eigh(changes @ changes.conj().swapaxes(1, 2))
    return vectors[:, :, 1]


def _coupler(crossed: FieldArray, passed: FieldArray, largest_rad: float) -> FloatArray:
    angle = np.arctan2(np.abs(crossed), np.abs(passed)) - _QUARTER_TURN_RAD
    return np.clip(angle, -largest_rad, largest_rad)
