"""Phases of a mesh of one's own in a file: with the linear layers around it, and what to test it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import TOPOLOGIES, MeshPhases, MeshTopology, build, mesh
from photonzero.stored import DamagedFileError, load_arrays, save_arrays

Array: TypeAlias = npt.NDArray[Any]
Detection: TypeAlias = Literal["power", "real", "modulus"]

FORMAT = "photonzero phases 1"

_DETECTION = {
    "power": lambda fields: np.abs(fields) ** 2,
    "real": np.real,
    "modulus": np.abs,
}
_REQUIRED = ("topology", "theta_rad", "phi_rad", "out_phase_rad")
_PLACES = ("layer", "row", "partner")
_OWN = (*_PLACES, "cell", "edge_layer", "edge_row")
_LAYERS = ("before_weight", "before_bias", "detection", "after_weight", "after_bias")
_TEST = ("test_inputs", "test_labels")
_KEYS = ("format", *_REQUIRED, "edge_phase_rad", *_OWN, *_LAYERS, *_TEST)


@dataclass(frozen=True, eq=False)
class MeshNetwork:
    """One mesh between two digital linear layers: ``after(detect(U (before x)))``.

    Attributes:
        mesh: its topology.
        phases: its setting.
        before_weight: (N, n_in) fields that an input makes; None presents inputs as fields.
        before_bias: (N,), or None.
        detection: "power" |y|^2, "real" (coherent) or "modulus" |y| of the fields.
        after_weight: (n_out, N); None answers with what is detected.
        after_bias: (n_out,), or None.
        test_inputs: (B, n_in), or None.
        test_labels: (B,) classes, or None.
    """

    mesh: MeshTopology
    phases: MeshPhases
    before_weight: Array | None = None
    before_bias: Array | None = None
    detection: Detection = "power"
    after_weight: Array | None = None
    after_bias: Array | None = None
    test_inputs: Array | None = None
    test_labels: Array | None = None

    def __post_init__(self) -> None:
        n = self.mesh.n_modes
        sizes = (self.mesh.n_mzi, self.mesh.n_mzi, n, self.mesh.n_edge)
        for name, phase, size in zip(self.phases._fields, self.phases, sizes, strict=True):
            _check(name, phase, (size,))
        if self.detection not in _DETECTION:
            raise PhotonicsError(f"detection: {self.detection!r}; allowed: {', '.join(_DETECTION)}")
        n_in = self.before_weight.shape[-1] if self.before_weight is not None else n
        n_out = self.after_weight.shape[0] if self.after_weight is not None else n
        _check("before_weight", self.before_weight, (n, n_in))
        _check("before_bias", self.before_bias, (n,))
        _check("after_weight", self.after_weight, (n_out, n))
        _check("after_bias", self.after_bias, (n_out,))
        if (self.test_inputs is None) != (self.test_labels is None):
            raise PhotonicsError("test_inputs, test_labels: one of them; allowed: both or none")
        if self.test_inputs is not None and self.test_labels is not None:
            n_samples = self.test_inputs.shape[0]
            _check("test_inputs", self.test_inputs, (n_samples, n_in))
            _check("test_labels", self.test_labels, (n_samples,))
            labels = self.test_labels
            if labels.dtype.kind not in "iu" or n_samples == 0 or labels.min() < 0 or labels.max() >= n_out:
                raise PhotonicsError(f"test_labels: allowed: at least one whole number from 0 to {n_out - 1}")

    def matrix(self) -> Array:
        """Transfer matrix (N, N) of the ideal mesh."""
        return build(self.mesh, *self.phases)

    def outputs(self, matrix: Array, inputs: Array) -> Array:
        """Answers (B, n_out) of the network with some transfer matrix, to inputs (B, n_in)."""
        fields = inputs if self.before_weight is None else inputs @ self.before_weight.T
        if self.before_bias is not None:
            fields = fields + self.before_bias
        detected = _DETECTION[self.detection](fields @ matrix.T)
        answers = detected if self.after_weight is None else detected @ self.after_weight.T
        return answers if self.after_bias is None else answers + self.after_bias

    def test_accuracy(self, matrix: Array) -> float | None:
        """Share of right answers on the test inputs; None without any."""
        if self.test_inputs is None or self.test_labels is None:
            return None
        answers = self.outputs(matrix, self.test_inputs).argmax(axis=1)
        return float((answers == self.test_labels).mean())

    def to_arrays(self) -> dict[str, Array]:
        """As the file has it; `from_arrays` takes it back."""
        arrays: dict[str, Any] = {
            "format": FORMAT,
            "topology": self.mesh.name,
            **self.phases._asdict(),
            "detection": self.detection,
        }
        if not _is_named(self.mesh):
            arrays |= {key: getattr(self.mesh, key) for key in _OWN}
        arrays |= {key: getattr(self, key) for key in (*_LAYERS, *_TEST) if key != "detection"}
        return {key: np.asarray(value) for key, value in arrays.items() if value is not None}


def _check(name: str, array: Array | None, shape: tuple[int, ...]) -> None:
    if array is None:
        return
    if array.shape != shape:
        raise PhotonicsError(f"{name}: shape {array.shape}; allowed: {shape}")
    if array.dtype.kind not in "iufc" or not np.isfinite(array).all():
        raise PhotonicsError(f"{name}: allowed: finite numbers")


def _is_named(topology: MeshTopology) -> bool:
    """Whether its name alone tells all of it, wherever the file is read."""
    try:
        return topology.name in TOPOLOGIES.builtin and topology is mesh(topology.name, topology.n_modes)
    except PhotonicsError:
        # A mesh of one's own, of a size that its namesake does not have.
        return False


@lru_cache(maxsize=8)
def _own_mesh(
    name: str, n_modes: int, cell: Literal["asymmetric", "symmetric"], *columns: bytes
) -> MeshTopology:
    """The same object for the same places: what is derived from a mesh is derived once."""
    layer, row, partner, edge_layer, edge_row = (np.frombuffer(part, dtype=np.int64) for part in columns)
    return MeshTopology(name, n_modes, layer, row, partner, cell, edge_layer, edge_row)


def _mesh_of(arrays: Mapping[str, Array]) -> MeshTopology:
    name, n_modes = str(arrays["topology"]), int(arrays["out_phase_rad"].size)
    if not any(key in arrays for key in _OWN):
        if name in TOPOLOGIES:
            return mesh(name, n_modes)
        known = ", ".join(TOPOLOGIES)
        raise PhotonicsError(f"topology: {name!r}; allowed: {known}, or any with {', '.join(_PLACES)}")
    none = np.zeros(0, dtype=np.int64)
    columns = [arrays.get(key, none) for key in (*_PLACES, "edge_layer", "edge_row")]
    if any(key not in arrays for key in _PLACES) or any(column.dtype.kind not in "iu" for column in columns):
        raise PhotonicsError(f"{', '.join(_PLACES)}: allowed: all three, whole numbers (edges likewise)")
    # Files of before cells were written have asymmetric ones.
    cell = cast(Literal["asymmetric", "symmetric"], str(arrays.get("cell", "asymmetric")))
    places = (np.ascontiguousarray(column, dtype=np.int64).tobytes() for column in columns)
    return _own_mesh(name, n_modes, cell, *places)


def from_arrays(arrays: Mapping[str, Array]) -> MeshNetwork:
    """A network from the arrays of a file.

    Raises:
        PhotonicsError: an unknown or missing name, a wrong shape, numbers that are not finite.
    """
    for key in arrays:
        if key not in _KEYS:
            raise PhotonicsError(f"unknown array {key}; allowed: {', '.join(_KEYS)}")
    if str(arrays.get("format")) != FORMAT:
        raise PhotonicsError(f"format: {str(arrays.get('format'))!r}; allowed: {FORMAT!r}")
    for key in _REQUIRED:
        if key not in arrays:
            raise PhotonicsError(f"{key} is missing; needed: {', '.join(_REQUIRED)}")
    topology = _mesh_of(arrays)
    edge = arrays.get("edge_phase_rad", np.zeros(topology.n_edge))
    phases = MeshPhases(arrays["theta_rad"], arrays["phi_rad"], arrays["out_phase_rad"], edge)
    rest = {key: arrays[key] for key in (*_LAYERS, *_TEST) if key in arrays and key != "detection"}
    detection = cast(Detection, str(arrays.get("detection", "power")))
    return MeshNetwork(topology, phases, detection=detection, **rest)


def load_phases(path: Path) -> MeshNetwork:
    """Read a file; nothing in it is executed.

    Raises:
        PhotonicsError: missing, damaged, or not of this format; names the file.
    """
    try:
        arrays = load_arrays(path)
    except OSError as error:
        raise PhotonicsError(f"{path}: {error.strerror or error}") from error
    except DamagedFileError as error:
        raise PhotonicsError(f"{path}: damaged or not an npz file ({error})") from error
    try:
        return from_arrays(arrays)
    except PhotonicsError as error:
        raise PhotonicsError(f"{path}: {error}") from error


def save_phases(path: Path, network: MeshNetwork) -> None:
    """Write a network to a file, whole or not at all.

    How a unitary matrix becomes phases of a mesh of one's own (`MeshTopology.nulling`, code) is not in the
    file: the mesh that is read computes the same matrix, and is not universal.

    Raises:
        OSError: it cannot be written.
    """
    save_arrays(path, network.to_arrays(), compressed=True)
