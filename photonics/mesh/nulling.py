"""Compiled kernels of `photonics.mesh.decompose`: null a unitary matrix with one MZI at a time.

They work with cells without their common phase, ``K = [[e^{i phi} s, c], [e^{i phi} c, -s]]`` with
s, c the sine and cosine of theta/2: a phase common to both outputs of an MZI can be moved forward
to the next ones, which `asymmetric_phases` and `symmetric_phases` do at the end. For the flags of
the compiler see `photonics.mesh.kernels`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_JIT = {"nogil": True, "cache": True, "fastmath": {"contract"}, "error_model": "numpy"}


@njit(**_JIT)
def sides(u, v):
    """Sine and cosine of the angle with tan = |u|/|v|, and e^{i(arg u - arg v)}; never NaN."""
    long_u, long_v = np.hypot(u.real, u.imag), np.hypot(v.real, v.imag)
    radius = np.hypot(long_u, long_v)
    if radius == 0.0:
        return 1.0, 0.0, 1.0 + 0.0j
    if long_u == 0.0 or long_v == 0.0:
        return long_u / radius, long_v / radius, 1.0 + 0.0j
    return long_u / radius, long_v / radius, (u / long_u) * np.conj(v / long_v)


@njit(**_JIT)
def mix_columns(matrix, m, s, c, turn, n_rows):
    """Multiply by K^H from the right: columns m and m + 1, the first `n_rows` rows.

    Args:
        matrix: (N, N) changed in place.
        m: first column.
        s: sine of theta/2.
        c: cosine of theta/2.
        turn: e^{-i phi}.
        n_rows: rows further down are zero in both columns.
    """
    for r in range(n_rows):
        a, b = matrix[r, m] * turn, matrix[r, m + 1]
        matrix[r, m] = s * a + c * b
        matrix[r, m + 1] = c * a - s * b


@njit(**_JIT)
def mix_rows(matrix, m, s, c, turn, start):
    """Multiply by K from the left: rows m and m + 1, from column `start`.

    Args:
        matrix: (N, N) changed in place.
        m: first row.
        s: sine of theta/2.
        c: cosine of theta/2.
        turn: e^{i phi}.
        start: columns further left are zero in both rows.
    """
    for k in range(start, matrix.shape[1]):
        a, b = matrix[m, k] * turn, matrix[m + 1, k]
        matrix[m, k] = s * a + c * b
        matrix[m + 1, k] = c * a - s * b


@njit(**_JIT)
def null_right(matrix, r, m, cell, theta, phi):
    """Null element (r, m) by an MZI on modes m, m + 1 at the input side; its angles to `cell`."""
    s, c, turn = sides(matrix[r, m + 1], matrix[r, m])
    # e^{i phi} = -e^{i(arg a - arg b)}: conj(a e^{-i phi} s + b c) = 0 for (a, b) = row r.
    mix_columns(matrix, m, s, c, -turn, r + 1)
    matrix[r, m] = 0.0
    theta[cell] = 2.0 * np.arctan2(s, c)
    phi[cell] = np.arctan2(turn.imag, -turn.real)


@njit(**_JIT)
def null_from_right(matrix, first, theta, phi, diagonal):
    """Triangular mesh: row after row from the bottom, all from the input side.

    Args:
        matrix: (N, N) unitary, destroyed.
        first: (n_layers,) index of the first MZI of each layer.
        theta: (n_mzi,) written.
        phi: (n_mzi,) written, for cells K.
        diagonal: (N,) written, what is left: U = diag(diagonal) K ... K.
    """
    n = matrix.shape[0]
    for sweep in range(n - 1):
        for m in range(n - 1 - sweep):
            cell = first[2 * sweep + m] + m // 2
            null_right(matrix, n - 1 - sweep, m, cell, theta, phi)
    for m in range(n):
        diagonal[m] = matrix[m, m] * (1.0 / np.abs(matrix[m, m]))


@njit(**_JIT)
def null_both_sides(matrix, first, theta, phi, diagonal):
    """Rectangular mesh: diagonals from the lower left corner, from both sides by turns.

    Args:
        matrix: (N, N) unitary, destroyed.
        first: (n_layers,) index of the first MZI of each layer.
        theta: (n_mzi,) written.
        phi: (n_mzi,) written, for cells K.
        diagonal: (N,) written, what is left: U = diag(diagonal) K ... K.
    """
    n = matrix.shape[0]
    for i in range(n - 1):
        for j in range(i + 1):
            if i % 2 == 0:
                m = i - j
                null_right(matrix, n - 1 - j, m, first[j] + m // 2, theta, phi)
            else:
                m = n - 2 - i + j
                s, c, turn = sides(matrix[m, j], matrix[m + 1, j])
                mix_rows(matrix, m, s, c, np.conj(turn), j)
                matrix[m + 1, j] = 0.0
                cell = first[n - 1 - j] + m // 2
                theta[cell] = 2.0 * np.arctan2(s, c)
                phi[cell] = np.arctan2(-turn.imag, turn.real)
    for m in range(n):
        diagonal[m] = matrix[m, m] * (1.0 / np.abs(matrix[m, m]))
    # K_1 ... K_k U = D ...: the inverses stand left of D, and K^H D = D' K' moves them to its
    # right, the last one first.
    for i in range((n - 2) - (n - 1) % 2, 0, -2):
        for j in range(i, -1, -1):
            m = n - 2 - i + j
            cell = first[n - 1 - j] + m // 2
            upper, lower = diagonal[m], diagonal[m + 1]
            diagonal[m] = lower * (np.cos(phi[cell]) - 1j * np.sin(phi[cell]))
            ratio = upper * np.conj(lower)
            phi[cell] = np.arctan2(ratio.imag, ratio.real)


@njit(**_JIT)
def asymmetric_phases(row, theta, phi, gauge):
    """Give each cell K the common phase i e^{i theta/2} that an MZI has, and take it out later.

    Args:
        row: (n_mzi,) upper modes of a planar mesh.
        theta: (n_mzi,).
        phi: (n_mzi,) of cells K, changed to those of MZIs.
        gauge: (N,) 0 at the inputs; written: phase of the mesh's outputs over that of the K's.
    """
    for k in range(row.size):
        u, v = gauge[row[k]], gauge[row[k] + 1]
        phi[k] += v - u
        common = v + 0.5 * (np.pi + theta[k])
        common -= 2.0 * np.pi * np.rint(common / (2.0 * np.pi))
        gauge[row[k]] = gauge[row[k] + 1] = common


@njit(**_JIT)
def symmetric_phases(layer, row, edge_layer, theta, phi, edge, gauge):
    """Turn cells K into cells with a phase in each arm, whose outputs can have any common phase.

    The common phases of a layer are chosen such that the fields that meet in the next layer have
    the difference that phi of a K would have made; from the second mode down that fixes one cell
    after the other. Where the last mode passes a layer by, its edge shifter does the rest.

    Args:
        layer: (n_mzi,) of the rectangular brick wall.
        row: (n_mzi,) upper modes.
        edge_layer: (n_edge,) first those of the inputs (layer 0), then those of the last mode.
        theta: (n_mzi,) of K, changed to the upper arm's phase.
        phi: (n_mzi,) of K, changed to the lower arm's phase.
        edge: (n_edge,) written.
        gauge: (N,) 0 at the inputs; written: phase of the mesh's outputs over that of the K's.
    """
    n_mzi, n_modes = row.size, gauge.size
    full = 2.0 * np.pi
    start = 0
    n_used = 0
    while start < n_mzi and layer[start] == 0:
        gauge[row[start]] = edge[n_used] = phi[start]
        n_used += 1
        start += 1
    done = 0
    while done < n_mzi:
        stop = start
        while stop < n_mzi and layer[stop] == layer[start]:
            stop += 1
        target = np.zeros(n_modes)
        target[0] = gauge[0] if row[done] == 1 else 0.0
        for m in range(1, n_modes):
            cell = start + (m - 1) // 2
            if start < stop and (m - 1) % 2 == row[start] % 2 and cell < stop:
                target[m] = target[m - 1] - phi[cell]
                target[m] -= full * np.rint(target[m] / full)
            else:
                target[m] = target[m - 1]
        for k in range(done, start):
            mean = target[row[k] + 1] - gauge[row[k] + 1] - 0.5 * np.pi
            half = 0.5 * theta[k]
            theta[k], phi[k] = mean + half, mean - half
            theta[k] -= full * np.rint(theta[k] / full)
            phi[k] -= full * np.rint(phi[k] / full)
            gauge[row[k]] = gauge[row[k] + 1] = target[row[k]]
        if n_used < edge.size and edge_layer[n_used] == layer[done] + 1:
            edge[n_used] = target[n_modes - 1] - gauge[n_modes - 1]
            gauge[n_modes - 1] = target[n_modes - 1]
            n_used += 1
        done, start = start, stop
