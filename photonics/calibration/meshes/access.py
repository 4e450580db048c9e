"""What calibration asks a mesh for, and how often: vectors sent through, read by homodyne or as powers."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.meshes.model import MeshReadings
from photonzero.photonics.calibration.verdict import on_grid
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import FabricatedMesh, MeshPhases, MeshTopology

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[np.complex128]


class MeshAccess(Protocol):
    """A mesh in a laboratory, or a simulated one."""

    @property
    def topology(self) -> MeshTopology:
        """How its cells lie."""
        ...

    @property
    def step_rad(self) -> float:
        """Distance of the phases that the DAC can make, 0 for any [rad]."""
        ...

    def measure_mesh(self, phases_rad: FloatArray, fields: FieldArray) -> npt.NDArray:
        """Program P settings (P, n_shifters) and present B vectors (P, B, N) at each.

        Amplitudes of vectors are in units of the largest that a modulator makes. Phases are those of
        theta, phi and output shifters [rad].

        Returns:
            Readings (P, B, N): complex fields, or real powers.
        """
        ...


class MeshInstrument:
    """A simulated mesh between modulators and detectors.

    Homodyne receivers read both quadratures of every field against the laser that the vectors are made of;
    power detectors read ``|field|^2``. Each number errs by the noise model's `readout_noise` times the
    largest amplitude of a modulator, or its power.

    Args:
        mesh: that was fabricated.
        rng: draws the noise of readings; or a seed.
        detection: what is read.

    Raises:
        PhotonicsError: detectors that are described by parts a mesh does not have, or an unknown detection.
    """

    def __init__(
        self,
        mesh: FabricatedMesh,
        rng: np.random.Generator | int = 0,
        detection: Literal["homodyne", "power"] = "homodyne",
    ) -> None:
        if detection not in ("homodyne", "power"):
            raise PhotonicsError(f"detection: {detection!r}; allowed: 'homodyne' or 'power'")
        for name in ("optical_readout", "adc", "voltage_quantizer"):
            if getattr(mesh.noise, name) is not None:
                raise PhotonicsError(
                    f"noise model: {name}; allowed for a mesh: readout_noise, phase_quantizer"
                )
        self._mesh, self._rng, self._powers = mesh, np.random.default_rng(rng), detection == "power"

    @property
    def topology(self) -> MeshTopology:
        """How its cells lie."""
        return self._mesh.topology

    @property
    def step_rad(self) -> float:
        """Distance of the phases that the DAC can make, 0 for any [rad]."""
        grid = self._mesh.noise.phase_quantizer
        return 0.0 if grid is None else grid.step_rad

    def measure_mesh(self, phases_rad: FloatArray, fields: FieldArray) -> npt.NDArray:
        """As `MeshAccess.measure_mesh`."""
        phases = MeshPhases.from_joined(self.topology, phases_rad)
        answer = self._mesh.propagate(fields.swapaxes(1, 2), phases).swapaxes(1, 2)
        std = self._mesh.noise.readout_noise.std_of_full_scale
        if self._powers:
            return np.abs(answer) ** 2 + std * self._rng.standard_normal(answer.shape)
        noise = self._rng.standard_normal((*answer.shape, 2))
        return answer + std * (noise[..., 0] + 1j * noise[..., 1])


class MeshReader:
    """A mesh that is read: asked in whole settings, checked and counted.

    Attributes:
        inferences: vectors presented.
        settings: times that the mesh was programmed.
    """

    def __init__(self, mesh: MeshAccess) -> None:
        self._mesh, self.topology = mesh, mesh.topology
        self.inferences, self.settings = 0, 0

    def on_grid(self, phases_rad: FloatArray) -> FloatArray:
        """The nearest phases in [0, 2 pi) that the DAC can make, any shape [rad]; a whole turn is 0."""
        return on_grid(phases_rad, self._mesh.step_rad)

    def read(self, phases_rad: FloatArray, fields: FieldArray) -> npt.NDArray:
        """Readings (P, B, N) of vectors (P, B, N), or (B, N) for all settings (P, n_shifters).

        Raises:
            PhotonicsError: an answer of another shape, or not finite.
        """
        shape = (len(phases_rad), *fields.shape[-2:])
        self.inferences += shape[0] * shape[1]
        self.settings += shape[0]
        answer = np.asarray(self._mesh.measure_mesh(phases_rad, np.broadcast_to(fields, shape)))
        if answer.shape != shape or not np.isfinite(answer).all():
            raise PhotonicsError(f"readings: shape {answer.shape}; allowed: {shape}, finite")
        return answer

    def at_random(self, n_settings: int, n_vectors: int, rng: np.random.Generator) -> MeshReadings:
        """Random vectors of full amplitude in every mode, at random settings."""
        phases = self.on_grid(rng.uniform(0.0, 2.0 * np.pi, (n_settings, self.topology.n_shifters)))
        fields = random_vectors((n_settings, n_vectors, self.topology.n_modes), rng)
        answer = self.read(phases, fields)
        n_modes = self.topology.n_modes
        return MeshReadings(
            phases,
            np.repeat(np.arange(n_settings), n_vectors),
            fields.reshape(-1, n_modes).T,
            answer.reshape(-1, n_modes).T,
        )


def random_vectors(shape: tuple[int, ...], rng: np.random.Generator) -> FieldArray:
    """Every amplitude 1, every phase anywhere."""
    return np.exp(2j * np.pi * rng.random(shape))
