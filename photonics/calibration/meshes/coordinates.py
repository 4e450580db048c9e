"""Phases of a mesh as sums and differences, in which no two of them do nearly the same.

Shifters of a mesh stand on upper modes only, so that each turns all that follows, and turning many of them
smoothly changes next to nothing: the normal matrix of their phases has a condition of the order of N^2. Take
instead the phase of each input, and for each MZI the difference between its arms and that between its
outputs, half to either side. A sum on both modes of a cell passes through it unchanged: it is handed on from
cell to cell and ends in the output shifters. So there are as many numbers as shifters, and at random settings
with random light they are uncorrelated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.meshes.propagation import layers_of
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]


def phases_of(topology: MeshTopology, sums: FloatArray) -> FloatArray:
    """Phases (n_shifters, ...) of theta, phi and output shifters from those of inputs, arms and outputs.

    Linear; sums are scaled such that each changes fields as much as the others do.
    """
    n, k, half = topology.n_modes, topology.n_mzi, np.sqrt(0.5)
    waiting, arms, outputs = sums[:n].copy(), half * sums[n : n + k], half * sums[n + k :]
    phi = np.empty((k, *sums.shape[1:]))
    for own, a, b in layers_of(topology):
        upper, lower = waiting[a], waiting[b]
        phi[own] = upper - lower
        common = lower - arms[own]
        waiting[a], waiting[b] = common + outputs[own], common - outputs[own]
    return np.concatenate([2.0 * arms, phi, waiting])


def slopes_of(topology: MeshTopology, by_phase: FloatArray) -> FloatArray:
    """Slopes by sums from slopes by phases, (n_shifters, ...) both: the transposed of `phases_of`."""
    n, k, half = topology.n_modes, topology.n_mzi, np.sqrt(0.5)
    by_theta, by_phi, waiting = by_phase[:k], by_phase[k : 2 * k], by_phase[2 * k :].copy()
    arms, outputs = np.empty_like(by_theta), np.empty_like(by_theta)
    for own, a, b in reversed(layers_of(topology)):
        upper, lower = waiting[a], waiting[b]
        common = upper + lower
        outputs[own] = upper - lower
        arms[own] = 2.0 * by_theta[own] - common
        waiting[a], waiting[b] = by_phi[own], common - by_phi[own]
    return np.concatenate([waiting[:n], half * arms, half * outputs])
