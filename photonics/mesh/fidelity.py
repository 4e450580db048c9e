"""How near a realised transfer matrix is to the wanted one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]


def fidelity(wanted: npt.ArrayLike, realised: npt.ArrayLike) -> FloatArray:
    """Normalised overlap ``|tr(W^H R)|^2 / (tr(W^H W) tr(R^H R))``, the measure of [clements2016].

    A phase or a loss that all modes share changes nothing: neither changes what the mesh computes
    but for a factor.

    Args:
        wanted: (..., N, N), W.
        realised: (..., N, N), R; leading axes broadcast against those of W.

    Returns:
        The leading shape, in [0, 1]; 1 if and only if R is a multiple of W.

    Raises:
        PhotonicsError: matrices of different sizes, or one that is zero or not finite.
    """
    w, r = np.asarray(wanted), np.asarray(realised)
    if w.ndim < 2 or w.shape[-2:] != r.shape[-2:]:
        raise PhotonicsError(f"realised: shape {r.shape}; allowed: matrices of shape {w.shape[-2:]}")
    # Sums without temporary arrays: these follow every matrix of a study.
    overlap = np.abs(np.vecdot(_flat(w), _flat(r))) ** 2
    norm = _power(w) * _power(r)
    if not np.all((norm > 0) & np.isfinite(norm)):
        raise PhotonicsError("wanted, realised: zero or not finite; allowed: finite, not zero")
    return np.asarray(overlap / norm)


def matrix_error(wanted: npt.ArrayLike, realised: npt.ArrayLike) -> FloatArray:
    """Relative distance ``||R - W|| / ||W||`` in the Frobenius norm; a common phase or loss counts.

    Args:
        wanted: (..., N, N), W.
        realised: (..., N, N), R; leading axes broadcast against those of W.

    Returns:
        The leading shape; sqrt(2) for two unrelated unitary matrices, in the mean square.

    Raises:
        PhotonicsError: matrices of different sizes, or a W that is zero or not finite.
    """
    w, r = np.asarray(wanted), np.asarray(realised)
    if w.ndim < 2 or w.shape[-2:] != r.shape[-2:]:
        raise PhotonicsError(f"realised: shape {r.shape}; allowed: matrices of shape {w.shape[-2:]}")
    power = _power(w)
    if not np.all((power > 0) & np.isfinite(power)):
        raise PhotonicsError("wanted: zero or not finite; allowed: finite, not zero")
    return np.asarray(np.sqrt(_power(r - w) / power))


def _power(matrix: npt.NDArray[Any]) -> FloatArray:
    """Sum of the squared moduli of the entries, over the last two axes."""
    parts = _flat(matrix).view(np.float64)
    return np.asarray(np.vecdot(parts, parts))


def _flat(matrix: npt.NDArray[Any]) -> npt.NDArray[np.complex128]:
    """(..., N * N)."""
    return np.ascontiguousarray(matrix, dtype=np.complex128).reshape(*matrix.shape[:-2], -1)


def expected_fidelity(topology: MeshTopology, phase_std_rad: float) -> float:
    """Mean fidelity of an ideal mesh whose phase shifters all have small independent errors.

    A shifter sits on one mode, so its generator in U is a projector P of rank one. To second order
    a set of errors e_k costs ``sum_kl e_k e_l (tr(P_k P_l) / N - tr(P_k) tr(P_l) / N^2)``, of which
    the mean leaves ``std^2 (N - 1) / N^2`` per shifter, whatever the setting.

    Args:
        topology: of n shifters, those at the outputs and outside the MZIs counted.
        phase_std_rad: standard deviation of every phase [rad].

    Returns:
        ``1 - n std^2 (N - 1) / N^2``; what is neglected is of order ``(1 - fidelity)^2``.

    Raises:
        PhotonicsError: a standard deviation that is negative, NaN, or so large that nothing is left.
    """
    n_modes = topology.n_modes
    lost = topology.n_shifters * phase_std_rad**2 * (n_modes - 1) / n_modes**2
    if not (phase_std_rad >= 0.0 and lost <= 1.0):
        limit = n_modes / np.sqrt(topology.n_shifters * (n_modes - 1))
        raise PhotonicsError(f"phase_std_rad: {phase_std_rad}; allowed: 0 to {limit:.3g} for this mesh")
    return 1.0 - lost
