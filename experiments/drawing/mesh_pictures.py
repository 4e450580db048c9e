"""What `photonzero draw` draws: a mesh set to a unitary matrix, and what fabrication makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from photonzero.experiments.drawing.pictures import draw_error_map, draw_mesh, draw_transfer_matrix
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.mesh.decompose import decompose
from photonzero.photonics.mesh.imperfections import MeshImperfections
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
        rng = np.random.default_rng(seed)
        sizes = (topology.n_mzi, topology.n_mzi, n, topology.n_edge)
        return MeshPhases(*(rng.uniform(-np.pi, np.pi, size) for size in sizes))
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
    coupler_std_rad: float,
    cell_loss_db: float,
    seed: int,
    out: Path,
) -> None:
    """Draw a mesh and write `out`.

    Args:
        name: of the topology, or file.py:NAME.
        n_modes: N.
        picture: "mesh", "transfer" or "error".
        unitary: what the mesh is set to, see `phases_of`.
        coupler_std_rad: standard deviation of the couplers' angle errors [rad].
        cell_loss_db: loss of each MZI [dB].
        seed: of random phases and coupler errors.
        out: PNG to write.

    Raises:
        UsageError: an unknown name of a picture or a matrix, a negative standard deviation, or not a PNG.
        PhotonicsError: an unknown topology, or a size or a loss that the mesh cannot have.
    """
    if picture not in PICTURES:
        raise UsageError(f"picture: {picture!r}; allowed: {', '.join(PICTURES)}")
    if not 0.0 <= coupler_std_rad <= np.pi / 4:
        raise UsageError(f"coupler-std-rad: {coupler_std_rad}; allowed: 0 to pi/4")
    if out.suffix.lower() != ".png":
        raise UsageError(f"out: {str(out)!r}; allowed: a name that ends in .png")
    topology = mesh(name, n_modes)
    phases = phases_of(topology, unitary, seed)
    title = f"{topology.name} mesh, {n_modes} modes, {topology.n_mzi} MZIs, {unitary}"
    if picture == "mesh":
        draw_mesh(out, topology, phases, title)
        return
    rng = np.random.default_rng([seed, 1])
    errors = MeshImperfections(
        coupler_in_error_rad=coupler_std_rad * rng.standard_normal(topology.n_mzi),
        coupler_out_error_rad=coupler_std_rad * rng.standard_normal(topology.n_mzi),
        cell_loss_db=cell_loss_db,
    )
    realised = build(topology, *phases, imperfections=errors)
    if picture == "transfer":
        draw_transfer_matrix(out, realised, title)
    else:
        draw_error_map(out, build(topology, *phases), realised, title)
