"""Real-orthogonal rectangular mesh: one angle per MZI, for the cores of real-valued networks.

Each cell rotates two neighbouring modes, ``(a, b) -> (c a - s b, s a + c b)`` with c = cos(theta) and
s = sin(theta), in the layout of Clements et al. [clements2016].
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.kernels import JIT
from photonzero.photonics.mesh.topologies import rectangular

FloatArray = npt.NDArray[np.float64]


@njit(**JIT)
def _build(theta_rad, row, out):
    for p in range(theta_rad.shape[0]):
        u = out[p]
        n_modes = u.shape[0]
        for i in range(n_modes):
            for j in range(n_modes):
                u[i, j] = 1.0 if i == j else 0.0
        for k in range(row.size):
            c, s = np.cos(theta_rad[p, k]), np.sin(theta_rad[p, k])
            a = row[k]
            for j in range(n_modes):
                upper, lower = u[a, j], u[a + 1, j]
                u[a, j] = c * upper - s * lower
                u[a + 1, j] = s * upper + c * lower


@njit(**JIT)
def _build_imperfect(theta_rad, row, cells, out):
    n_meshes = cells.shape[0]
    for p in range(theta_rad.shape[0]):
        for b in range(n_meshes):
            u = out[p, b]
            n_modes = u.shape[0]
            for i in range(n_modes):
                for j in range(n_modes):
                    u[i, j] = 1.0 if i == j else 0.0
            for k in range(row.size):
                c, s = np.cos(theta_rad[p, b, k]), np.sin(theta_rad[p, b, k])
                cell = cells[b, k]
                bar = complex(cell[0] * c, cell[1] * s)
                cross = complex(cell[2] * s, cell[3] * c)
                a = row[k]
                for j in range(n_modes):
                    upper, lower = u[a, j], u[a + 1, j]
                    u[a, j] = bar.conjugate() * upper - cross.conjugate() * lower
                    u[a + 1, j] = cross * upper + bar * lower


def rotation_cells(first_rad: FloatArray, second_rad: FloatArray, amplitude: float) -> FloatArray:
    """What couplers and loss make of a rotation; no phase setting changes it.

    The cell is a push-pull MZI, ``diag(1, -1) C(e2) diag(exp(i theta), -exp(-i theta)) C(e1)`` with
    the couplers C of `photonzero.devices.coupler`: the arms are biased at a quarter wave, and the phase that
    two ideal couplers leave to both modes is taken out. Multiplied out it is
    ``[[conj(b), -conj(x)], [x, b]]``, ``b = cos(e1 - e2) cos theta + i sin(e1 + e2) sin theta``,
    ``x = cos(e1 + e2) sin theta + i sin(e1 - e2) cos theta``.

    Args:
        first_rad: angle errors e1 of the couplers that light meets first, any shape S [rad].
        second_rad: errors e2 of the second ones, the same shape [rad].
        amplitude: factor of both modes, from insertion loss.

    Returns:
        (*S, 4): the coefficients of cos, i sin (b) and sin, i cos (x).
    """
    plus, minus = first_rad + second_rad, first_rad - second_rad
    return amplitude * np.stack([np.cos(minus), np.sin(plus), np.cos(plus), np.sin(minus)], axis=-1)


def build_imperfect(theta_rad: FloatArray, cells: FloatArray) -> npt.NDArray[np.complex128]:
    """Transfer matrices of meshes of imperfect rotations.

    Args:
        theta_rad: (P, M, N (N - 1) / 2) angles of M meshes in P settings [rad].
        cells: (M, N (N - 1) / 2, 4) of every cell, from `rotation_cells`.

    Returns:
        (P, M, N, N); with ideal couplers and no loss that of `build_orthogonal`.

    Raises:
        PhotonicsError: shapes that do not fit together.
    """
    n_modes = (1 + math.isqrt(1 + 8 * theta_rad.shape[-1])) // 2
    if theta_rad.ndim != 3 or cells.shape != (*theta_rad.shape[1:], 4):
        raise PhotonicsError(
            f"theta_rad: shape {theta_rad.shape} with cells {cells.shape}; allowed: (P, M, n), (M, n, 4)"
        )
    topology = rectangular(n_modes)
    if topology.n_mzi != theta_rad.shape[2]:
        raise PhotonicsError(f"theta_rad: {theta_rad.shape[2]} angles; allowed: N (N - 1) / 2")
    out = np.empty((*theta_rad.shape[:2], n_modes, n_modes), np.complex128)
    _build_imperfect(
        np.ascontiguousarray(theta_rad, dtype=np.float64), topology.row, np.ascontiguousarray(cells), out
    )
    return out


def n_angles(n_modes: int) -> int:
    """Angles of a mesh of N modes, N (N - 1) / 2."""
    return n_modes * (n_modes - 1) // 2


def build_orthogonal(theta_rad: FloatArray, n_modes: int) -> FloatArray:
    """Transfer matrices of a population of meshes.

    Args:
        theta_rad: (P, N (N - 1) / 2) angles in the order of `topology.rectangular` [rad].
        n_modes: N >= 2.

    Returns:
        (P, N, N) orthogonal matrices of determinant 1; outputs = U @ inputs.

    Raises:
        PhotonicsError: wrong number of angles.
    """
    topology = rectangular(n_modes)
    if theta_rad.ndim != 2 or theta_rad.shape[1] != topology.n_mzi:
        raise PhotonicsError(
            f"theta_rad: shape {theta_rad.shape}; allowed: (P, {topology.n_mzi}) for {n_modes} modes"
        )
    out = np.empty((theta_rad.shape[0], n_modes, n_modes))
    _build(np.ascontiguousarray(theta_rad, dtype=np.float64), topology.row, out)
    return out


def decompose_orthogonal(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angles and signs with ``matrix = diag(signs) @ mesh(angles)``.

    Elements are nulled alternately from both sides [clements2016], with the real rotation of
    this mesh. `numpy.arctan2` gives an angle for every pair, (0, 0) included, so permutations,
    diagonals and the identity need no special case.

    Args:
        matrix: (N, N) orthogonal.

    Returns:
        angles (N (N - 1) / 2,) [rad] in the order of `topology.rectangular`, and signs (N,) of +-1.

    Raises:
        PhotonicsError: not square, or not orthogonal to 1e-8.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise PhotonicsError(f"matrix: shape {matrix.shape}; allowed: square")
    n = matrix.shape[0]
    deviation = float(np.abs(matrix @ matrix.T - np.eye(n)).max())
    if not deviation <= 1e-8:
        raise PhotonicsError(f"matrix: U U^T differs from the identity by {deviation:.1e}; allowed: 1e-8")
    u = matrix.astype(np.float64, copy=True)
    # U = L_1^T .. L_m^T D R_n .. R_1: light meets R_1 first, then after D the left ones, last first.
    first: list[tuple[int, float]] = []
    last: list[tuple[int, float]] = []
    for i in range(n - 1):
        for j in range(i + 1):
            if i % 2 == 0:
                a, r = i - j, n - 1 - j
                theta = np.arctan2(u[r, a], u[r, a + 1])
                c, s = np.cos(theta), np.sin(theta)
                left, right = u[:, a].copy(), u[:, a + 1].copy()
                u[:, a], u[:, a + 1] = c * left - s * right, s * left + c * right
                first.append((a, float(theta)))
            else:
                a, col = n - 2 - i + j, j
                theta = np.arctan2(-u[a + 1, col], u[a, col])
                c, s = np.cos(theta), np.sin(theta)
                upper, lower = u[a].copy(), u[a + 1].copy()
                u[a], u[a + 1] = c * upper - s * lower, s * upper + c * lower
                last.append((a, float(-theta)))
    signs = np.sign(np.diag(u))
    # R diag = diag R(-theta) where the two signs differ: move D behind the left cells.
    cells = first + [(a, t * float(signs[a] * signs[a + 1])) for a, t in reversed(last)]
    topology = rectangular(n)
    place = {
        (int(layer), int(row)): k
        for k, (layer, row) in enumerate(zip(topology.layer, topology.row, strict=True))
    }
    angles = np.empty(topology.n_mzi)
    depth = np.zeros(n, dtype=np.int64)
    for a, theta in cells:
        layer = int(max(depth[a], depth[a + 1]))
        angles[place[layer, a]] = theta
        depth[a] = depth[a + 1] = layer + 1
    return angles, signs
