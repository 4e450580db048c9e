"""One mesh that calibrates itself: identified through its modulators and receivers, kept, and loaded."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.blas import one_blas_thread
from photonzero.photonics.calibration.meshes import (
    IdentifiedMesh,
    MeshAccess,
    MeshBudget,
    MeshErrors,
    MeshInstrument,
    MeshModel,
    identify_mesh,
)
from photonzero.photonics.calibration.meshes.loading import loaded
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import FabricatedMesh, MeshPhases, mesh
from photonzero.stored import DamagedFileError, load_arrays, save_arrays

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CalibratedMesh:
    """A mesh as its own readings describe it.

    Attributes:
        model: with its errors.
        bias_std_rad: (n_shifters,) standard errors of biases [rad].
        couplers_std_rad: (2, n_mzi) those of couplers [rad].
        chi2_per_dof: of the fit, about 1 where the model holds.
        fits: whether it is so near to 1 that noise explains all that is left.
    """

    model: MeshModel
    bias_std_rad: FloatArray
    couplers_std_rad: FloatArray
    chi2_per_dof: float
    fits: bool

    @classmethod
    def of(cls, found: IdentifiedMesh) -> CalibratedMesh:
        """What to keep of a mesh."""
        return cls(found.model, *found.standard_errors, found.fit.chi2_per_dof, found.fits)

    def load(self, unitary: npt.ArrayLike) -> MeshPhases:
        """Phases to program so that the mesh comes as near to a unitary matrix as it can [rad].

        Raises:
            PhotonicsError: no unitary matrix of this size, or a mesh that is not universal.
        """
        return MeshPhases.from_joined(self.model.topology, loaded(self.model, unitary))

    def save(self, path: Path) -> None:
        """Write an npz file."""
        errors = self.model.errors
        save_arrays(
            path,
            {
                "topology": np.array(self.model.topology.name),
                "n_modes": np.array(self.model.topology.n_modes),
                "bias_rad": errors.bias_rad,
                "couplers_rad": errors.couplers_rad,
                "gamma": errors.gamma,
                "coupling": np.array(errors.coupling),
                "bias_std_rad": self.bias_std_rad,
                "couplers_std_rad": self.couplers_std_rad,
                "chi2_per_dof": np.array(self.chi2_per_dof),
                "fits": np.array(self.fits),
            },
        )

    @classmethod
    def read(cls, path: Path) -> CalibratedMesh:
        """From a file of `save`.

        Raises:
            UsageError: no such file, or one that holds something else.
        """
        try:
            arrays = load_arrays(path)
            topology = mesh(str(arrays["topology"]), int(arrays["n_modes"]))
            n, k = topology.n_shifters, topology.n_mzi
            shapes = {"bias_rad": (n,), "gamma": (n,), "bias_std_rad": (n,)}
            shapes |= {"couplers_rad": (2, k), "couplers_std_rad": (2, k)}
            for name, shape in shapes.items():
                if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                    raise ValueError(f"{name}: shape {arrays[name].shape}; allowed: {shape}, finite")
            errors = MeshErrors(
                arrays["bias_rad"], arrays["couplers_rad"], arrays["gamma"], float(arrays["coupling"])
            )
            return cls(
                MeshModel(topology, errors), arrays["bias_std_rad"], arrays["couplers_std_rad"],
                float(arrays["chi2_per_dof"]), bool(arrays["fits"]),
            )  # fmt: skip
        except FileNotFoundError as error:
            raise UsageError(f"{path}: not found") from error
        except (DamagedFileError, PhotonicsError, ValueError, KeyError) as error:
            raise UsageError(f"{path}: no calibrated mesh ({error})") from error


@dataclass(frozen=True, eq=False)
class MeshCalibration:
    """What a mesh said of itself.

    Attributes:
        found: its errors, and how well they explain what was read.
        wall_s: host and simulator together [s].
    """

    found: IdentifiedMesh
    wall_s: float

    @property
    def model(self) -> CalibratedMesh:
        """What can be kept."""
        return CalibratedMesh.of(self.found)

    def result(self) -> dict[str, Any]:
        """The content of result.json that does not depend on how the mesh was made."""
        found = self.found
        return {
            "topology": found.topology.name,
            "n_modes": found.topology.n_modes,
            "n_phases": found.topology.n_shifters,
            "rel_error_unseen": found.rel_error_unseen,
            "chi2_unseen": found.chi2_unseen,
            "chi2_per_dof": found.fit.chi2_per_dof,
            "chi2_std": found.chi2_std,
            "fits": found.fits,
            "gains_err": found.fit.gains,
            "coupling": found.fit.errors.coupling,
            "couplers_rms_rad": float(np.sqrt((found.fit.errors.couplers_rad**2).mean())),
            "reading_std": found.reading_std,
            "starts": found.starts,
            "inferences": found.inferences,
            "settings": found.settings,
            "wall_s": self.wall_s,
        }


def calibrate_mesh(
    mesh: FabricatedMesh | MeshAccess, *, seed: int = 0, budget: MeshBudget | None = None
) -> MeshCalibration:
    """Every phase bias and coupler of a mesh from vectors sent through it and read by homodyne, from nothing.

    Args:
        mesh: a simulated one, or what answers `measure_mesh` in a laboratory.
        seed: of the settings and vectors that are presented, and of a simulated mesh's receivers.
        budget: how much is read.

    Raises:
        PhotonicsError: a mesh that cannot be identified, or readings that do not fit it.
    """
    # Receivers and what they are shown are drawn apart.
    read = (
        MeshInstrument(mesh, np.random.default_rng([seed, 1])) if isinstance(mesh, FabricatedMesh) else mesh
    )
    begun = time.perf_counter()
    with one_blas_thread():
        found = identify_mesh(read, np.random.default_rng([seed, 0]), budget)
    return MeshCalibration(found, time.perf_counter() - begun)
