"""Cores as meshes: a k x k block is ``U diag(s) V`` with s = s_max cos(phi) [zhao2023tonn]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from photonzero.devices.loss import InsertionLoss
from photonzero.photonics.controls import Response
from photonzero.photonics.cores.base import Core, FloatArray, Light, Part, require_limit
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.orthogonal import build_imperfect, build_orthogonal, decompose_orthogonal
from photonzero.photonics.mesh.topologies import mesh, nulling_of
from photonzero.photonics.mesh.topology import MeshTopology
from photonzero.registry import is_file_name, split_file_name

_HEADROOM = 1.0 + 1e-9
"""Singular values stay this far inside what a block can set, where rounding would cut them."""


@dataclass(frozen=True)
class Meshes(Core):
    """A matrix in square blocks, each a mesh V, a column of attenuators and a mesh U.

    Attributes:
        size: k of the k x k blocks that a core is padded to.
        topology: name of that of both meshes of a block, as `photonzero.photonics.mesh.topologies.mesh`
            takes it; with one that is not universal, such as a butterfly, blocks
            are trained but no wanted matrix can be loaded.
        s_max: largest singular value of a block, ``s = s_max cos(phi)``; the part above 1 is
            electronic gain, since a passive mesh cannot amplify. None for sqrt(2 k) times the standard
            deviation of the entries that keep the variance of a signal: with uniformly random phases,
            which is where fabrication leaves them, the mean of s^2 is then that of a Gaussian matrix of
            such entries.
    """

    kind: ClassVar[str] = "meshes"
    size: int = 8
    topology: str = "rectangular"
    s_max: float | None = None

    carries_fields: ClassVar[bool] = True
    response: ClassVar[Response] = "sinusoid"

    def __post_init__(self) -> None:
        if self.size < 2:
            raise PhotonicsError(f"meshes: size {self.size}; allowed: >= 2")
        if is_file_name(self.topology):
            path, name = split_file_name(self.topology)
            object.__setattr__(self, "topology", f"{path.resolve()}:{name}" if name else str(path.resolve()))
        _ = self.mesh
        require_limit("meshes", self.s_max)

    @cached_property
    def mesh(self) -> MeshTopology:
        """The topology of U and of V."""
        return mesh(self.topology, self.size)

    @property
    def names(self) -> tuple[str, ...]:
        """The topology."""
        return (self.topology,)

    def grid(self, rows: int, columns: int) -> tuple[int, int]:
        """Blocks that cover a core, (down, across)."""
        return -(-rows // self.size), -(-columns // self.size)

    def parts(self, rows: int, columns: int) -> tuple[Part, ...]:
        """Angles of the U meshes, phases of the attenuators, angles of the V meshes, of every block."""
        down, across = self.grid(rows, columns)
        n_blocks, mesh = down * across, self.mesh
        # Attenuators stand in one column, one a mode: neighbours are two checkerboard rows off.
        column, row = np.zeros(self.size, np.int64), 2 * np.arange(self.size)
        angles = (n_blocks, mesh.n_mzi)
        return (
            Part("U", "rotation", angles, mesh.layer, mesh.row),
            Part("s", "attenuator", (n_blocks, self.size), column, row),
            Part("V", "rotation", angles, mesh.layer, mesh.row),
        )

    def initial(self, rows: int, columns: int, std: float, rng: np.random.Generator) -> list[FloatArray]:
        """Gaussian blocks, singular values above the limit cut to it.

        Where the topology is universal these are decomposed into phases. Where it is not, all angles are
        uniformly random: an entry of a butterfly of N modes is a product of log2 N independent sines and
        cosines, so that it has the mean 0 and variance 1 / N of an entry of a uniformly random
        orthogonal matrix. The singular values are those of a Gaussian block, of random signs.
        """
        down, across = self.grid(rows, columns)
        blocks = [std * rng.standard_normal((self.size, self.size)) for _ in range(down * across)]
        if self.mesh.is_universal:
            return self._stacked(blocks, self.limit(std))
        phases = []
        for part in self.parts(rows, columns):
            phases.append(rng.uniform(0.0, 2.0 * math.pi, part.shape))
        s = np.stack([np.linalg.svd(block, compute_uv=False) for block in blocks]) / self.limit(std)
        phases[1] = np.arccos(rng.choice([-1.0, 1.0], s.shape) * np.minimum(s, 1.0))
        return phases

    def load(self, matrix: FloatArray, std: float) -> list[FloatArray]:
        """Phases of the blocks that cover a matrix, singular values above the limit cut to it."""
        try:
            nulling_of(self.mesh)
        except PhotonicsError as error:
            raise PhotonicsError(f"meshes to be set to a wanted matrix: {error}") from error
        return self._stacked(self._blocks(matrix), self.limit(std))

    def _stacked(self, blocks: Sequence[FloatArray] | FloatArray, s_max: float) -> list[FloatArray]:
        phases = [block_phases(self.mesh, block, s_max)[:3] for block in blocks]
        return [np.stack(part) for part in zip(*phases, strict=True)]

    def _blocks(self, matrix: FloatArray) -> FloatArray:
        """Blocks (down * across, k, k) that cover a matrix, zeros around it."""
        (down, across), k = self.grid(*matrix.shape), self.size
        full = np.zeros((down * k, across * k))
        full[: matrix.shape[0], : matrix.shape[1]] = matrix
        return full.reshape(down, k, across, k).transpose(0, 2, 1, 3).reshape(-1, k, k)

    def matrices(
        self, settings: Sequence[FloatArray], rows: int, columns: int, light: Light
    ) -> npt.NDArray[Any]:
        """Blocks beside and below each other, cut to the size of the core."""
        blocks: npt.NDArray[Any]
        if light.cells is None:
            blocks = build_blocks(self.mesh, settings, light.gain)
        else:
            blocks = build_imperfect_blocks(self.mesh, settings, light.gain, light.cells)
        (down, across), k = self.grid(rows, columns), self.size
        full = blocks.reshape(-1, down, across, k, k).transpose(0, 1, 3, 2, 4)
        return full.reshape(-1, down * k, across * k)[:, :rows, :columns]

    def limit(self, std: float) -> float:
        """s_max of every block."""
        return math.sqrt(2.0 * self.size) * std if self.s_max is None else self.s_max

    def sized(self, size: int) -> Meshes:
        """The same with other blocks."""
        return replace(self, size=size)

    def fitted(self, matrices: Sequence[FloatArray], std: float) -> Meshes:
        """The same blocks, with an s_max that holds all singular values of those of these matrices."""
        blocks = np.concatenate([self._blocks(matrix) for matrix in matrices])
        needed = _HEADROOM * max(float(np.linalg.svd(block, compute_uv=False).max()) for block in blocks)
        return replace(self, s_max=needed) if needed > self.limit(std) else self

    def gain(self, std: float, loss: InsertionLoss) -> float:
        """s_max, and what makes up for the nominal loss of the longest path through a block.

        It meets a cell in every layer of either mesh and an attenuator between them. Light on the edge of
        a mesh meets fewer and comes out a little too bright.
        """
        amplitude, depth = loss.push_pull_amplitude, 2 * self.mesh.n_layers + 1
        # What no float holds is infinite: whoever builds a chip of it says so.
        return math.inf if -depth * math.log10(amplitude) > 300 else self.limit(std) * amplitude**-depth

    def n_mzi(self, rows: int, columns: int) -> int:
        """MZIs of the U and V meshes of one copy of a core."""
        return 2 * math.prod(self.grid(rows, columns)) * self.mesh.n_mzi


def build_blocks(mesh: MeshTopology, settings: Sequence[FloatArray], s_max: float) -> FloatArray:
    """Blocks of a population.

    Args:
        mesh: topology of k modes.
        settings: angles of the output meshes (..., n_mzi), phases of the singular values (..., k) and
            angles of the input meshes (..., n_mzi) [rad].
        s_max: largest singular value.

    Returns:
        (..., k, k).
    """
    u_rad, s_rad, v_rad = settings
    k = mesh.n_modes
    u = build_orthogonal(mesh, u_rad.reshape(-1, u_rad.shape[-1]))
    v = build_orthogonal(mesh, v_rad.reshape(-1, v_rad.shape[-1]))
    s = s_max * np.cos(s_rad.reshape(-1, k))
    return ((u * s[:, None, :]) @ v).reshape(*s_rad.shape, k)


def build_imperfect_blocks(
    mesh: MeshTopology, settings: Sequence[FloatArray], s_max: float, cells: Sequence[FloatArray]
) -> npt.NDArray[np.complex128]:
    """Blocks of a population on imperfect cells.

    An attenuator is a cell of which one input and one output are used, so it leaks as cells do.

    Args:
        mesh: topology of k modes.
        settings: angles of the output meshes (P, M, n_mzi), phases of the singular values (P, M, k) and
            angles of the input meshes (P, M, n_mzi) [rad].
        s_max: largest singular value.
        cells: of the three, (M, n, 4) each, from `orthogonal.rotation_cells`.

    Returns:
        (P, M, k, k) transfer of the fields.
    """
    u_rad, s_rad, v_rad = settings
    u, v = build_imperfect(mesh, u_rad, cells[0]), build_imperfect(mesh, v_rad, cells[2])
    s = s_max * (cells[1][..., 0] * np.cos(s_rad) + 1j * cells[1][..., 1] * np.sin(s_rad))
    return (u * s[:, :, None, :]) @ v


def block_phases(
    mesh: MeshTopology, matrix: FloatArray, s_max: float
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    """Phases whose block is nearest to a matrix.

    The signs that the two meshes cannot make are those of cos(phi).

    Args:
        mesh: a universal topology of k modes.
        matrix: (k, k).
        s_max: largest singular value that can be set; larger ones are cut to it.

    Returns:
        u_rad, s_rad, v_rad [rad], and the largest singular value that was cut off (0 if none).

    Raises:
        PhotonicsError: a topology that is not universal.
    """
    left, s, right = np.linalg.svd(matrix)
    # right = diag(signs) V, left = U diag(signs): both sets of signs join the singular values.
    v_rad, v_signs = decompose_orthogonal(mesh, right)
    u_rad, u_signs = _decompose_signs_first(mesh, left)
    excess = max(float(s[0]) - s_max, 0.0)
    signed = np.minimum(s, s_max) * u_signs * v_signs
    return u_rad, np.arccos(signed / s_max), v_rad, excess


def _decompose_signs_first(mesh: MeshTopology, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Angles and signs with ``matrix = mesh(angles) @ diag(signs)``."""
    angles, signs = decompose_orthogonal(mesh, matrix)
    # diag(D) R(theta) = R(+-theta) diag(D), the sign being that of the product of the two entries.
    return angles * signs[mesh.row] * signs[mesh.partner], signs
