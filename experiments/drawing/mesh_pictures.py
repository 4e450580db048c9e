"""What `photonzero draw` draws: a mesh set to a unitary matrix, and what fabrication makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.drawing.pictures import draw_error_map, draw_mesh, draw_transfer_matrix
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.mesh.decompose import decompose
from photonzero.photonics.mesh.fabricate import fabricate_mesh
from photonzero.photonics.mesh.phases import MeshPhases
from photonzero.photonics.mesh.topologies import mesh
from photonzero.photonics.mesh.topology import MeshTopology
from photonzero.photonics.mesh.transfer import build

PICTURES = ("mesh", "transfer", "error")
UNITARIES = ("random", "dft", "identity")


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
    raise UsageError(f"unitary: {unitary!r}; allowed: {', '.join(UNITARIES)}")


def draw(
    name: str,
    *,
    n_modes: int,
    picture: str,
    unitary: str,
    noise: NoiseModel,
    seed: int,
    out: Path,
) -> None:
    """Draw a mesh and write `out`.

    Args:
        name: of the topology, or file.py:NAME.
        n_modes: N.
        picture: "mesh", "transfer" or "error".
        unitary: what the mesh is set to, see `phases_of`.
        noise: what the mesh is fabricated with.
        seed: of random phases and of the errors.
        out: PNG to write.

    Raises:
        UsageError: an unknown name of a picture or a matrix, or not a PNG.
        PhotonicsError: an unknown topology, or a size or a loss that the mesh cannot have.
    """
    if picture not in PICTURES:
        raise UsageError(f"picture: {picture!r}; allowed: {', '.join(PICTURES)}")
    if out.suffix.lower() != ".png":
        raise UsageError(f"out: {str(out)!r}; allowed: a name that ends in .png")
    topology = mesh(name, n_modes)
    phases = phases_of(topology, unitary, seed)
    title = f"{topology.name} mesh, {n_modes} modes, {topology.n_mzi} MZIs, {unitary}"
    if picture == "mesh":
        draw_mesh(out, topology, phases, title)
        return
    realised = fabricate_mesh(topology, noise, np.random.default_rng([seed, 1])).matrix(phases)
    if picture == "transfer":
        draw_transfer_matrix(out, realised, title)
    else:
        draw_error_map(out, build(topology, *phases), realised, title)
