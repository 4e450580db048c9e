"""From a unitary matrix to the phases of a universal mesh."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.kernels.mesh_nulling import asymmetric_phases, symmetric_phases
from photonzero.photonics.mesh.phases import MeshPhases
from photonzero.photonics.mesh.topologies import nulling_of
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]

# A matrix further from unitary than this is not one with rounding errors.
_UNITARITY = 1e-9


def _checked(unitary: npt.ArrayLike, n_modes: int) -> npt.NDArray[np.complex128]:
    matrix = np.array(unitary, dtype=np.complex128, order="C")
    if matrix.shape != (n_modes, n_modes):
        raise PhotonicsError(f"unitary: shape {matrix.shape}; allowed: ({n_modes}, {n_modes})")
    if not np.isfinite(matrix).all():
        raise PhotonicsError("unitary: holds NaN or inf; allowed: finite numbers")
    return matrix


def _check_nulled(re: FloatArray, im: FloatArray) -> None:
    """A unitary matrix whose lower triangle unitary steps have nulled is diagonal, of modulus 1.

    This finds any other matrix, at a tenth of the cost of U^H U.
    """
    deviation = np.hypot(re, im)
    deviation.flat[:: re.shape[0] + 1] -= 1.0
    error = float(np.abs(deviation).max())
    if not error <= _UNITARITY:
        raise PhotonicsError(
            f"unitary: {error:.3g} away from unitary; allowed: a unitary matrix, to {_UNITARITY:g} "
            "(nearest_unitary makes one of a rounded matrix)"
        )


def nearest_unitary(matrix: npt.ArrayLike) -> npt.NDArray[np.complex128]:
    """The unitary matrix of the least distance, such as of one that was printed with three decimals.

    That is the unitary polar factor, ``U V`` of the singular value decomposition ``U diag(s) V``.

    Args:
        matrix: (N, N), regular.

    Raises:
        PhotonicsError: not square, not finite, or so far from regular that no matrix is the nearest.
    """
    given = np.asarray(matrix, dtype=np.complex128)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not np.isfinite(given).all():
        raise PhotonicsError(f"matrix: shape {given.shape}; allowed: (N, N), finite")
    left, singular, right = np.linalg.svd(given)
    if singular[-1] <= 1e-9 * singular[0]:
        raise PhotonicsError(f"matrix: smallest singular value {singular[-1]:.3g}; allowed: a regular matrix")
    return left @ right


def decompose(topology: MeshTopology, unitary: npt.ArrayLike) -> MeshPhases:
    """Phases of an ideal mesh whose transfer matrix is `unitary`, for any unitary matrix.

    Where an MZI is not needed its phases are those of the bar or cross state: zeros in the matrix
    never lead to an undefined angle.

    Args:
        topology: a universal one, such as "rectangular" [clements2016], "triangular" [reck1994] or
            "symmetric" [bell2021].
        unitary: (N, N); a real orthogonal one is welcome too.

    Returns:
        Phases in [-pi, pi] (theta of asymmetric cells in [0, pi]), with
        ``build(topology, *decompose(topology, U))`` equal to U to rounding.

    Raises:
        PhotonicsError: not square, of another size, not unitary to 1e-9, NaN, or a topology that
            is not universal.
    """
    nulling = nulling_of(topology)
    matrix = _checked(unitary, topology.n_modes)
    theta, phi, edge = (np.zeros(k) for k in (topology.n_mzi, topology.n_mzi, topology.n_edge))
    diagonal = np.empty(topology.n_modes, dtype=np.complex128)
    re, im = matrix.real.copy(), matrix.imag.copy()
    nulling.run(re, im, topology.layer_starts, theta, phi, diagonal)
    _check_nulled(re, im)
    out = np.angle(diagonal)
    gauge = np.zeros(topology.n_modes)
    if topology.cell == "asymmetric":
        asymmetric_phases(topology.row, theta, phi, gauge)
    else:
        symmetric_phases(topology.layer, topology.row, topology.edge_layer, theta, phi, edge, gauge)
    turn = 2 * np.pi
    out -= gauge
    return MeshPhases(theta, *(a - turn * np.rint(a / turn) for a in (phi, out, edge)))
