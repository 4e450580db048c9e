"""Cores as meshes: a k x k block is ``U diag(s) V`` with s = s_max cos(phi) [zhao2023tonn]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photonzero.photonics.chip.layout import CoreLayout
from photonzero.photonics.mesh.orthogonal import build_imperfect, build_orthogonal, decompose_orthogonal
from photonzero.photonics.mesh.topologies import rectangular

FloatArray = npt.NDArray[np.float64]


def build_blocks(u_rad: FloatArray, s_rad: FloatArray, v_rad: FloatArray, s_max: float) -> FloatArray:
    """Blocks of a population.

    Args:
        u_rad: (..., k (k - 1) / 2) angles of the output mesh [rad].
        s_rad: (..., k) phases of the singular values [rad].
        v_rad: (..., k (k - 1) / 2) angles of the input mesh [rad].
        s_max: largest singular value.

    Returns:
        (..., k, k).
    """
    k = s_rad.shape[-1]
    u = build_orthogonal(u_rad.reshape(-1, u_rad.shape[-1]), k)
    v = build_orthogonal(v_rad.reshape(-1, v_rad.shape[-1]), k)
    s = s_max * np.cos(s_rad.reshape(-1, k))
    return ((u * s[:, None, :]) @ v).reshape(*s_rad.shape, k)


def build_imperfect_blocks(
    u_rad: FloatArray,
    s_rad: FloatArray,
    v_rad: FloatArray,
    s_max: float,
    cells: tuple[FloatArray, FloatArray, FloatArray],
) -> npt.NDArray[np.complex128]:
    """Blocks of a population on imperfect cells.

    An attenuator is a cell of which one input and one output are used, so it leaks as cells do.

    Args:
        u_rad: (P, M, k (k - 1) / 2) angles of the output meshes [rad].
        s_rad: (P, M, k) phases of the singular values [rad].
        v_rad: (P, M, k (k - 1) / 2) angles of the input meshes [rad].
        s_max: largest singular value.
        cells: of the three, (M, n, 4) each, from `orthogonal.rotation_cells`.

    Returns:
        (P, M, k, k) transfer of the fields.
    """
    u, v = build_imperfect(u_rad, cells[0]), build_imperfect(v_rad, cells[2])
    s = s_max * (cells[1][..., 0] * np.cos(s_rad) + 1j * cells[1][..., 1] * np.sin(s_rad))
    return (u * s[:, :, None, :]) @ v


def split_quadratures(matrix: npt.NDArray[np.complex128], core: CoreLayout) -> FloatArray:
    """A complex core as the real one that carries both quadratures as one more index of each rank.

    Args:
        matrix: (P, r_{k-1} m_k, n_k r_k) unfolded cores.
        core: their shape, and the quadratures that come in and go out.

    Returns:
        (P, r_{k-1} q_out m_k, n_k r_k q_in): ``[[Re, -Im], [Im, Re]]``, or the first row or column of it.
    """
    left, m, n, right = core.shape
    z = matrix.reshape(-1, left, m, n, right)
    pairs = np.stack([np.stack([z.real, -z.imag], axis=-1), np.stack([z.imag, z.real], axis=-1)], axis=2)
    quadratures_in, quadratures_out = core.quadratures
    return pairs[:, :, :quadratures_out, ..., :quadratures_in].reshape(
        -1, core.stage_rows, core.stage_columns
    )


def block_phases(matrix: FloatArray, s_max: float) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Phases whose block is nearest to a matrix.

    The signs that the two meshes cannot make are those of cos(phi).

    Args:
        matrix: (k, k).
        s_max: largest singular value that can be set; larger ones are cut to it.

    Returns:
        u_rad, s_rad, v_rad [rad], and the largest singular value that was cut off (0 if none).
    """
    left, s, right = np.linalg.svd(matrix)
    # right = diag(signs) V, left = U diag(signs): both sets of signs join the singular values.
    v_rad, v_signs = decompose_orthogonal(right)
    u_rad, u_signs = _decompose_signs_first(left)
    excess = max(float(s[0]) - s_max, 0.0)
    signed = np.minimum(s, s_max) * u_signs * v_signs
    return u_rad, np.arccos(signed / s_max), v_rad, excess


def _decompose_signs_first(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angles and signs with ``matrix = mesh(angles) @ diag(signs)``."""
    angles, signs = decompose_orthogonal(matrix)
    # diag(D) R(theta) = R(+-theta) diag(D), the sign being that of the product of the two entries.
    row = rectangular(matrix.shape[0]).row
    return angles * signs[row] * signs[row + 1], signs
