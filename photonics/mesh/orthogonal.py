"""Real-orthogonal meshes: one angle per MZI, for the cores of real-valued networks.

Each cell rotates the two modes that a topology brings together, ``(a, b) -> (c a - s b, s a + c b)`` with
c = cos(theta) and s = sin(theta). Its MZI is driven push-pull, so that neither external phase shifters nor
those at the rim of a mesh are needed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.kernels.jit import kernel
from photonzero.photonics.mesh.cell import coupler_pair
from photonzero.photonics.mesh.nulling import FROM_BOTH_SIDES
from photonzero.photonics.mesh.topologies import nulling_of
from photonzero.photonics.mesh.topology import MeshTopology, Nulling

FloatArray = npt.NDArray[np.float64]


@kernel()
def _build(theta_rad, row, partner, out):
    for p in range(theta_rad.shape[0]):
        u = out[p]
        n_modes = u.shape[0]
        for i in range(n_modes):
            for j in range(n_modes):
                u[i, j] = 1.0 if i == j else 0.0
        for k in range(row.size):
            c, s = np.cos(theta_rad[p, k]), np.sin(theta_rad[p, k])
            a, b = row[k], partner[k]
            for j in range(n_modes):
                upper, lower = u[a, j], u[b, j]
                u[a, j] = c * upper - s * lower
                u[b, j] = s * upper + c * lower


@kernel()
def _build_imperfect(theta_rad, row, partner, cells, out):
    n_meshes = cells.shape[0]
    for p in range(theta_rad.shape[0]):
        for m in range(n_meshes):
            u = out[p, m]
            n_modes = u.shape[0]
            for i in range(n_modes):
                for j in range(n_modes):
                    u[i, j] = 1.0 if i == j else 0.0
            for k in range(row.size):
                c, s = np.cos(theta_rad[p, m, k]), np.sin(theta_rad[p, m, k])
                cell = cells[m, k]
                bar = complex(cell[0] * c, cell[1] * s)
                cross = complex(cell[2] * s, cell[3] * c)
                a, b = row[k], partner[k]
                for j in range(n_modes):
                    upper, lower = u[a, j], u[b, j]
                    u[a, j] = bar.conjugate() * upper - cross.conjugate() * lower
                    u[b, j] = cross * upper + bar * lower


def rotation_cells(
    first_rad: FloatArray, second_rad: FloatArray, amplitude: float | FloatArray
) -> FloatArray:
    """What couplers and loss make of a rotation; no phase setting changes it.

    The cell is a push-pull MZI, ``diag(1, -1) C(e2) diag(exp(i theta), -exp(-i theta)) C(e1)`` with
    the couplers C of `photonzero.devices.coupler`: the arms are biased at a quarter wave, and the phase that
    two ideal couplers leave to both modes is taken out. Multiplied out it is
    ``[[conj(b), -conj(x)], [x, b]]``, ``b = cos(e1 - e2) cos theta + i sin(e1 + e2) sin theta``,
    ``x = cos(e1 + e2) sin theta + i sin(e1 - e2) cos theta``.

    Args:
        first_rad: angle errors e1 of the couplers that light meets first, any shape S [rad].
        second_rad: errors e2 of the second ones, the same shape [rad].
        amplitude: factor of both modes, from insertion loss; one for all, or of shape S.

    Returns:
        (*S, 4): the coefficients of cos, i sin (b) and sin, i cos (x).
    """
    return np.asarray(amplitude)[..., None] * np.stack(coupler_pair(first_rad, second_rad), axis=-1)


def build_orthogonal(topology: MeshTopology, theta_rad: FloatArray) -> FloatArray:
    """Transfer matrices of a population of meshes.

    Args:
        topology: of N modes.
        theta_rad: (P, n_mzi) angles in the order of the topology [rad].

    Returns:
        (P, N, N) orthogonal matrices of determinant 1; outputs = U @ inputs.

    Raises:
        PhotonicsError: wrong number of angles.
    """
    if theta_rad.ndim != 2 or theta_rad.shape[1] != topology.n_mzi:
        raise PhotonicsError(
            f"theta_rad: shape {theta_rad.shape}; "
            f"allowed: (P, {topology.n_mzi}) for {topology.name} of {topology.n_modes} modes"
        )
    out = np.empty((theta_rad.shape[0], topology.n_modes, topology.n_modes))
    _build(np.ascontiguousarray(theta_rad, dtype=np.float64), topology.row, topology.partner, out)
    return out


def build_imperfect(
    topology: MeshTopology, theta_rad: FloatArray, cells: FloatArray
) -> npt.NDArray[np.complex128]:
    """Transfer matrices of meshes of imperfect rotations.

    Args:
        topology: of N modes.
        theta_rad: (P, M, n_mzi) angles of M meshes in P settings [rad].
        cells: (M, n_mzi, 4) of every cell, from `rotation_cells`.

    Returns:
        (P, M, N, N); with ideal couplers and no loss that of `build_orthogonal`.

    Raises:
        PhotonicsError: shapes that do not fit together.
    """
    n = topology.n_mzi
    fits = theta_rad.ndim == 3 and theta_rad.shape[2] == n
    if not fits or cells.shape != (*theta_rad.shape[1:], 4):
        raise PhotonicsError(
            f"theta_rad: shape {theta_rad.shape} with cells {cells.shape}; "
            f"allowed: (P, M, {n}), (M, {n}, 4) for {topology.name} of {topology.n_modes} modes"
        )
    out = np.empty((*theta_rad.shape[:2], topology.n_modes, topology.n_modes), np.complex128)
    theta_rad, cells = np.ascontiguousarray(theta_rad, dtype=np.float64), np.ascontiguousarray(cells)
    _build_imperfect(theta_rad, topology.row, topology.partner, cells, out)
    return out


def decompose_orthogonal(topology: MeshTopology, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angles and signs with ``matrix = diag(signs) @ mesh(angles)``.

    Permutations, diagonals and the identity need no special case: every pair of elements gives an angle,
    (0, 0) included.

    Args:
        topology: a universal one of N modes.
        matrix: (N, N) orthogonal.

    Returns:
        Angles (n_mzi,) [rad] in the order of the topology, and signs (N,) of +-1.

    Raises:
        PhotonicsError: of another size, not orthogonal to 1e-8, or a topology that is not universal.
    """
    n, nulling = topology.n_modes, nulling_of(topology)
    if matrix.shape != (n, n):
        raise PhotonicsError(f"matrix: shape {matrix.shape}; allowed: ({n}, {n})")
    deviation = float(np.abs(matrix @ matrix.T - np.eye(n)).max())
    if not deviation <= 1e-8:
        raise PhotonicsError(f"matrix: U U^T differs from the identity by {deviation:.1e}; allowed: 1e-8")
    u = matrix.astype(np.float64, copy=True)
    if nulling is FROM_BOTH_SIDES:
        return _null_both_sides(topology, u)
    return _real_cells(topology, nulling, u)


def _real_cells(topology: MeshTopology, nulling: Nulling, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angles and signs from the nulling of a complex matrix, whose phases are 0 or pi for a real one.

    Its cells are ``diag(1, -1) R(a) diag(e, 1)`` with e = +-1, and signs move behind a rotation:
    ``R(a) diag(f, g) = diag(f, g) R(f g a)``.
    """
    theta, phi = np.empty(topology.n_mzi), np.empty(topology.n_mzi)
    diagonal = np.empty(topology.n_modes, dtype=np.complex128)
    nulling.run(u, np.zeros_like(u), topology.layer_starts, theta, phi, diagonal)
    angles = np.arctan2(-np.cos(0.5 * theta), np.sin(0.5 * theta))
    signs = np.ones(topology.n_modes)
    _move_signs(topology.row, topology.partner, np.sign(np.cos(phi)), angles, signs)
    return angles, signs * np.sign(diagonal.real)


@kernel()
def _move_signs(row, partner, flips, angles, signs):
    for k in range(row.size):
        a, b = row[k], partner[k]
        signs[a] *= flips[k]
        angles[k] *= signs[a] * signs[b]
        signs[b] = -signs[b]


@kernel(fused=False)
def _rotate(upper, lower, c, s):
    for j in range(upper.size):
        a, b = upper[j], lower[j]
        upper[j] = c * a - s * b
        lower[j] = s * a + c * b


@kernel()
def _order_of_layers(upper, depth, layer):
    """The layer of each cell, as soon as light can meet it."""
    for k in range(upper.size):
        a = upper[k]
        layer[k] = max(depth[a], depth[a + 1])
        depth[a] = depth[a + 1] = layer[k] + 1


def _null_both_sides(topology: MeshTopology, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Elements are nulled alternately from both sides [clements2016], by real rotations."""
    n = topology.n_modes
    # U = L_1^T .. L_m^T D R_n .. R_1: light meets R_1 first, then after D the left ones, last first.
    first: list[tuple[int, float]] = []
    last: list[tuple[int, float]] = []
    for i in range(n - 1):
        for j in range(i + 1):
            if i % 2 == 0:
                a, r = i - j, n - 1 - j
                theta = np.arctan2(u[r, a], u[r, a + 1])
                _rotate(u[:, a], u[:, a + 1], np.cos(theta), np.sin(theta))
                first.append((a, float(theta)))
            else:
                a, col = n - 2 - i + j, j
                theta = np.arctan2(-u[a + 1, col], u[a, col])
                _rotate(u[a], u[a + 1], np.cos(theta), np.sin(theta))
                last.append((a, float(-theta)))
    signs = np.sign(np.diag(u))
    cells = first + last[::-1]
    upper = np.array([a for a, _ in cells])
    theta_rad = np.array([theta for _, theta in cells])
    # R diag = diag R(-theta) where the two signs differ: move D behind the left cells.
    theta_rad[len(first) :] *= (signs[upper] * signs[upper + 1])[len(first) :]
    layer = np.empty_like(upper)
    _order_of_layers(upper, np.zeros(n, dtype=np.int64), layer)
    angles = np.empty(topology.n_mzi)
    # Cells of a mesh stand layer after layer, each from the top.
    angles[np.lexsort((topology.row, topology.layer))] = theta_rad[np.lexsort((upper, layer))]
    return angles, signs
