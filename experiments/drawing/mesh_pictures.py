"""What `photonzero draw` draws: a mesh set to a unitary matrix, and what fabrication makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.drawing.pictures import draw_error_map, draw_mesh, draw_transfer_matrix
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.mesh.decompose import decompose, nearest_unitary
from photonzero.photonics.mesh.fabricate import fabricate_mesh
from photonzero.photonics.mesh.phases import MeshPhases
from photonzero.photonics.mesh.topologies import mesh
from photonzero.photonics.mesh.topology import MeshTopology
from photonzero.photonics.mesh.transfer import build
from photonzero.stored import DamagedFileError, load_array

PICTURES = ("mesh", "transfer", "error")
UNITARIES = ("random", "dft", "identity")

_ROUNDED = 0.01
"""How far a printed matrix may be from the unitary one that is meant."""


def phases_of(topology: MeshTopology, unitary: str, seed: int) -> MeshPhases:
    """The setting for a named unitary matrix; "random" are uniform phases, which every mesh has.

    Raises:
        UsageError: an unknown name.
        PhotonicsError: "dft" or "identity" on a mesh that is not universal.
    """
    n = topology.n_modes
    if unitary == "random":
        drawn = MeshPhases.uniform(topology, np.random.default_rng(seed))
        return MeshPhases(*(part - np.pi for part in drawn))
    if unitary == "dft":
        return decompose(topology, np.fft.fft(np.eye(n), norm="ortho"))
    if unitary == "identity":
        return decompose(topology, np.eye(n))
    if unitary.endswith(".npy"):
        return decompose(topology, read_unitary(Path(unitary)))
    raise UsageError(f"unitary: {unitary!r}; allowed: {', '.join(UNITARIES)}, FILE.npy")


def read_unitary(path: Path) -> npt.NDArray[np.complex128]:
    """The unitary matrix in a .npy file, real or complex; of one with few decimals the nearest.

    Raises:
        UsageError: no square matrix of numbers there, or one that is far from unitary.
    """
    try:
        matrix = load_array(path)
    except (OSError, DamagedFileError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.dtype.kind not in "fiuc":
        raise UsageError(f"{path}: {matrix.dtype} {matrix.shape}; allowed: a matrix (N, N) of numbers")
    nearest = nearest_unitary(matrix)
    distance = float(np.abs(nearest - matrix).max())
    if distance > _ROUNDED:
        raise UsageError(f"{path}: {distance:.3g} away from unitary; allowed: at most {_ROUNDED:g}")
    return nearest


def draw(
    name: str,
    *,
    n_modes: int | None,
    picture: str,
    unitary: str,
    noise: NoiseModel,
    seed: int,
    out: Path,
) -> None:
    """Draw a mesh and write `out`.

    Args:
        name: of the topology, or file.py:NAME.
        n_modes: N; None takes that of the matrix in a file, or 8.
        picture: "mesh", "transfer" or "error".
        unitary: what the mesh is set to, see `phases_of`.
        noise: what the mesh is fabricated with.
        seed: of random phases and of the errors.
        out: PNG to write.

    Raises:
        UsageError: an unknown name of a picture or a matrix, not a PNG, or a folder that is not there.
        PhotonicsError: an unknown topology, or a size or a loss that the mesh cannot have.
    """
    if picture not in PICTURES:
        raise UsageError(f"picture: {picture!r}; allowed: {', '.join(PICTURES)}")
    if out.suffix.lower() != ".png":
        raise UsageError(f"out: {str(out)!r}; allowed: a name that ends in .png")
    if not out.parent.is_dir():
        raise UsageError(f"out: no folder {str(out.parent)!r}; allowed: a file in one that is there")
    if n_modes is None:
        n_modes = len(read_unitary(Path(unitary))) if unitary.endswith(".npy") else 8
    topology = mesh(name, n_modes)
    phases = phases_of(topology, unitary, seed)
    title = f"{topology.name} mesh, {n_modes} modes, {topology.n_mzi} MZIs, {Path(unitary).name}"
    if picture == "mesh":
        draw_mesh(out, topology, phases, title)
        return
    errs = f"{title}\nfabricated with {noise.describe() or 'no errors'}"
    realised = fabricate_mesh(topology, noise, np.random.default_rng([seed, 1])).matrix(phases)
    if picture == "transfer":
        draw_transfer_matrix(out, realised, errs)
    else:
        draw_error_map(out, build(topology, *phases), realised, errs)
