"""What the meshes of a study are meant to do: random unitary matrices, or a user's own phases."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.sweep.plan import Plan
from photonzero.experiments.sweep.study import Axis, Prepared, Sample
from photonzero.photonics.mesh import TOPOLOGIES, MeshPhases, MeshTopology, haar_phases, mesh
from photonzero.photonics.mesh.phase_file import MeshNetwork, from_arrays, load_phases

IMPORTED = "imported"
"""Name of the topology of a user's own mesh."""

TOPOLOGY = Axis("topology", "topology", "text", choices=(*TOPOLOGIES, IMPORTED), registry=TOPOLOGIES)
MODES = Axis("n_modes", "modes N", "int", 2, 1024)

_FILE = "phases"


@dataclass(frozen=True)
class MeshOptions:
    """Settings of a study of meshes.

    Attributes:
        phases: npz file of a mesh of one's own (docs/how-to/studies.md), to be measured instead of random
            ones. Its topology and number of modes replace those of the grid.
    """

    phases: str | None = None

    def __post_init__(self) -> None:
        """The study can be continued from another folder."""
        if self.phases is not None:
            object.__setattr__(self, "phases", str(Path(self.phases).resolve()))

    def content_hash(self) -> str:
        """Hash of the file."""
        return hashlib.sha256(Path(self.phases).read_bytes()).hexdigest() if self.phases is not None else ""

    def fixed_axes(self, grid: Mapping[str, Any]) -> dict[str, Any]:
        """Topology and number of modes of the file, unless the grid has them: workers have no file.

        Raises:
            UsageError: imported meshes without a file.
            PhotonicsError: a file that cannot be used.
        """
        named = grid["topology"] if isinstance(grid["topology"], list | tuple) else [grid["topology"]]
        if self.phases is None:
            if IMPORTED in named:
                raise UsageError(f"topology: {IMPORTED!r} without phases; allowed with: phases = FILE.npz")
            return {}
        if list(named) == [IMPORTED]:
            return {}
        return {"topology": [IMPORTED], "n_modes": [load_phases(Path(self.phases)).mesh.n_modes]}


def load_file(plan: Plan) -> dict[str, dict[str, np.ndarray]]:
    """The user's mesh, for all samples.

    Raises:
        PhotonicsError: a file that cannot be used.
        UsageError: its number of modes is not the grid's.
    """
    if plan.options.phases is None:
        return {}
    network = load_phases(Path(plan.options.phases))
    if plan.grid["n_modes"] != (network.mesh.n_modes,):
        raise UsageError(f"n_modes: {plan.grid['n_modes']}; allowed for this file: {network.mesh.n_modes}")
    return {_FILE: network.to_arrays()}


def network_of(sample: Sample, prepared: Prepared) -> MeshNetwork:
    """The mesh of a sample and its setting: the user's, Haar-random, or uniform where that is not possible.

    Raises:
        PhotonicsError: a butterfly whose number of modes is not a power of two.
    """
    if _FILE in prepared:
        return from_arrays(prepared[_FILE])
    topology = mesh_named(sample.plan, sample.setting["topology"], sample.setting["n_modes"])
    return MeshNetwork(topology, _random_phases(topology, sample.chip_rng("target")))


def mesh_named(plan: Plan, topology: str, n_modes: int) -> MeshTopology:
    """The mesh of a setting."""
    if topology == IMPORTED:
        return load_phases(Path(plan.options.phases)).mesh
    return mesh(topology, n_modes)


def _random_phases(topology: MeshTopology, rng: np.random.Generator) -> MeshPhases:
    return haar_phases(topology, rng) if topology.is_universal else MeshPhases.uniform(topology, rng)


def target_text(plan: Plan) -> str:
    """What captions say of the wanted matrices."""
    if plan.options.phases is not None:
        return f"the phases of {Path(plan.options.phases).name}"
    return "Haar-random targets, one a chip (uniform phases on a mesh that is not universal)"
