"""Self-configuration by nulling [hamerly2022b]: a mesh is set to one matrix, whatever its couplers are.

Nothing is known of the couplers and of the phases phi and at the outputs. The theta that make cells cross
are.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.meshes.access import MeshReader
from photonzero.photonics.calibration.meshes.propagation import layers_of
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import MeshTopology

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[np.complex128]


def self_configured(reader: MeshReader, unitary: npt.ArrayLike, cross_rad: FloatArray) -> FloatArray:
    """Phases (n_shifters,) that make a mesh do what a matrix does, set cell by cell [rad].

    The matrix is diagonalised by Givens rotations V and W from both sides, an element each. With every
    rotation one MZI is set such that the same element of ``V M W`` vanishes for the mesh M as it stands: the
    column of W is sent in, and what comes out is projected on the row of V. That number is ``A + B e^(i
    theta) + C e^(i phi) + D e^(i (theta + phi))``, so four readings tell where it vanishes. Cells that were
    not set yet cross. At last the phases between both halves are set.

    A phase on one mode inside the mesh is made by the shifters behind it: what two modes share passes through
    cells.

    Args:
        reader: of the mesh, by homodyne.
        unitary: (N, N).
        cross_rad: (n_mzi,) theta that make every cell cross [rad].

    Raises:
        PhotonicsError: neither a triangle nor a rectangle of an even number of modes.
    """
    topology = reader.topology
    n, k = topology.n_modes, topology.n_mzi
    steps = list(_steps_of(topology))
    phases = np.zeros(topology.n_shifters)
    phases[:k] = cross_rad
    left = np.array(unitary, np.complex128)
    rows, columns = np.eye(n, dtype=np.complex128), np.eye(n, dtype=np.complex128)
    last = np.zeros(n, np.int64)
    for step in steps:
        pair = [step.mode, step.mode + 1]
        turn = np.zeros(topology.n_shifters)
        if step.from_right:
            rotation = _nulling(left[step.element[0], pair])
            left[:, pair] = left[:, pair] @ rotation
            columns[:, pair] = columns[:, pair] @ rotation
            turn[k + step.cell] = 1.0
            last[pair] = np.maximum(last[pair], topology.layer[step.cell] + 1)
        else:
            rotation = _nulling(left[pair, step.element[1]][::-1])[::-1, ::-1].T
            left[pair] = rotation @ left[pair]
            rows[pair] = rotation @ rows[pair]
            turn = _pushed(topology, int(topology.layer[step.cell]) + 1, step.mode + 1)
        i, j = step.element
        tries = np.repeat(phases[None], 4, axis=0)
        tries[2:, step.cell] += math.pi
        tries[1::2] += math.pi * turn
        seen = _projected(reader, tries, columns[:, j], rows[i])
        theta, phi = _where_zero(*seen)
        phases[step.cell] += theta
        phases += phi * turn
    between = np.diag(left)
    for mode in range(n):
        seen = _projected(reader, phases[None], columns[:, mode], rows[mode])[0]
        between_rad = cmath.phase(between[mode]) - cmath.phase(seen)
        phases += between_rad * _pushed(topology, int(last[mode]), mode)
    return phases


@dataclass(frozen=True)
class _Step:
    """An element (row, column) that a rotation of two modes nulls, from right or left, and its MZI."""

    element: tuple[int, int]
    mode: int
    cell: int
    from_right: bool


def _steps_of(topology: MeshTopology) -> Iterator[_Step]:
    if topology.name == "triangular":
        return _triangle(topology)
    if topology.name == "rectangular" and topology.n_modes % 2 == 0:
        return _rectangle(topology)
    raise PhotonicsError(
        f"topology: {topology.name!r} of {topology.n_modes} modes; allowed: triangular, or rectangular of an "
        "even number"
    )


def _triangle(topology: MeshTopology) -> Iterator[_Step]:
    """Row after row from the bottom, all from the input side [reck1994]."""
    n, first = topology.n_modes, topology.layer_starts
    for row in range(n - 1, 0, -1):
        for mode in range(row):
            yield _Step((row, mode), mode, int(first[2 * (n - 1 - row) + mode]) + mode // 2, True)


def _rectangle(topology: MeshTopology) -> Iterator[_Step]:
    """Diagonals from the lower left corner, from the input and the output side by turns [clements2016]."""
    n, first = topology.n_modes, topology.layer_starts
    for i in range(n - 1):
        for j in range(i + 1):
            if i % 2 == 0:
                yield _Step((n - 1 - j, i - j), i - j, int(first[j]) + (i - j) // 2, True)
            else:
                mode = n - 2 - i + j
                yield _Step((mode + 1, j), mode, int(first[n - 1 - j]) + mode // 2, False)


def _nulling(two: FieldArray) -> FieldArray:
    """A unitary matrix (2, 2) from the right of which the first of two numbers vanishes."""
    size = float(np.linalg.norm(two))
    if not size:
        return np.eye(2, dtype=np.complex128)
    u, v = two / size
    return np.array([[v, np.conj(u)], [-u, np.conj(v)]])


def _pushed(topology: MeshTopology, layer: int, mode: int) -> FloatArray:
    """Shifters (n_shifters,) that together do what one on a mode before a layer would."""
    k = topology.n_mzi
    turn, waiting = np.zeros(topology.n_shifters), np.zeros(topology.n_modes)
    waiting[mode] = 1.0
    for own, a, b in layers_of(topology)[layer:]:
        turn[k : 2 * k][own] = waiting[a] - waiting[b]
        waiting[a] = waiting[b]
    turn[2 * k :] = waiting
    return turn


def _projected(reader: MeshReader, phases_rad: FloatArray, column: FieldArray, row: FieldArray) -> FieldArray:
    """What a column becomes at some settings, projected on a row; sent as bright as modulators can."""
    size = float(np.abs(column).max())
    return reader.read(reader.on_grid(phases_rad), (column / size)[None])[:, 0] @ row * size


def _where_zero(
    nothing: complex, by_phi: complex, by_theta: complex, by_both: complex
) -> tuple[float, float]:
    """The theta and phi at which the bilinear form through four readings, half a turn apart, is least."""
    a, c = _mean_and_turning(nothing, by_phi)
    b, d = _mean_and_turning(by_theta, by_both)
    (a, b), (c, d) = _mean_and_turning(a, b), _mean_and_turning(c, d)
    # |A + B e| = |C + D e|, or as near as it comes.
    swing = a.conjugate() * b - c.conjugate() * d
    wanted = 0.5 * (abs(c) ** 2 + abs(d) ** 2 - abs(a) ** 2 - abs(b) ** 2)
    level = max(-1.0, min(1.0, wanted / abs(swing))) if swing else 1.0
    theta = math.acos(level) - cmath.phase(swing)
    turned = cmath.exp(1j * theta)
    return theta, cmath.phase(-(a + b * turned)) - cmath.phase(c + d * turned)


def _mean_and_turning(before: complex, after: complex) -> tuple[complex, complex]:
    return 0.5 * (before + after), 0.5 * (before - after)
