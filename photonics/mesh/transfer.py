"""From phases to what light does: transfer matrices, and fields sent through a mesh."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.kernels.mesh_rows import TILE
from photonzero.photonics.kernels.mesh_transfer import CHUNK, MAX_ANGLE_RAD, run_settings
from photonzero.photonics.mesh.imperfections import MeshImperfections, cell_constants
from photonzero.photonics.mesh.schedule import MeshSchedule, mesh_schedule
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[Any]

# Binary orders of magnitude that scales may shrink by before rows are rescaled: their squares and
# those of one more layer stay normal numbers (float64), or their inverses finite (float32).
_RANGE_BITS = {np.dtype(np.complex128): 450.0, np.dtype(np.complex64): 90.0}

_LINE_BYTES = 64


def _phases(name: str, value: npt.ArrayLike, length: int) -> FloatArray:
    """(1 or P, length) finite angles of moderate size."""
    array = np.asarray(value, dtype=np.float64)
    if array.ndim not in (1, 2) or array.shape[-1] != length or array.shape[0] == 0 < length:
        raise PhotonicsError(
            f"{name}: shape {array.shape}; allowed: ({length},) or (P, {length}) for this mesh"
        )
    # One inner product instead of two passes; NaN, inf and any angle too large survive it.
    flat = array.reshape(-1)
    if not np.dot(flat, flat) <= MAX_ANGLE_RAD**2:
        largest = np.abs(array).max()
        if not np.isfinite(largest):
            raise PhotonicsError(f"{name}: holds {largest}; allowed: finite angles in rad")
        if largest > MAX_ANGLE_RAD:
            array = np.remainder(array, 2 * np.pi)
    return array if array.ndim == 2 else array[None]


def _repeat(array: FloatArray, size: int) -> FloatArray:
    """(size, n), contiguous and writable: one array type means one compiled kernel."""
    if array.shape[0] != size:
        array = np.broadcast_to(array, (size, array.shape[1]))
    flags = array.flags
    return array if flags.c_contiguous and flags.writeable else array.copy()


def _population(**phases: FloatArray) -> tuple[int, list[FloatArray]]:
    """P, and every array with P rows."""
    sizes = {name: array.shape[0] for name, array in phases.items()}
    size = max(sizes.values())
    for name, rows in sizes.items():
        if rows not in (1, size):
            raise PhotonicsError(f"{name}: {rows} settings; allowed: 1 or {size}, as the others")
    return size, [_repeat(array, size) for array in phases.values()]


def _aligned(n_rows: int, n_columns: int, real: npt.DTypeLike) -> FloatArray:
    """Uninitialised, from the start of a cache line: vectors across two lines cost up to half the speed."""
    n_bytes = n_rows * n_columns * np.dtype(real).itemsize
    raw = np.empty(n_bytes + _LINE_BYTES, dtype=np.uint8)
    start = -raw.ctypes.data % _LINE_BYTES
    return raw[start : start + n_bytes].view(real).reshape(n_rows, n_columns)


def _scratch(schedule: MeshSchedule, n_modes: int, n_rim: int, real: npt.DTypeLike) -> tuple[Any, ...]:
    """Work space of one call of `run_settings`: `schedule` keeps what is not in use, by type."""
    spare = schedule.spare.setdefault(np.dtype(real).char, [])
    try:
        return spare.pop()
    except IndexError:
        n, n_segments = schedule.place.size, schedule.segment.size - 1
        trig = (np.zeros(CHUNK), np.empty(CHUNK), np.empty(CHUNK), np.empty((2, n_modes)))
        work = (
            np.empty((n, 4), real),
            np.empty((n, 2), np.int32),
            np.empty((n_segments, n_modes, 2), real),
            np.empty(n_modes, np.int32),
        )
        return trig, work, np.empty((2, n_rim)), _aligned(n_modes, 2 * TILE, real)


def _transfer(
    topology: MeshTopology,
    fields: ComplexArray | None,
    theta_rad: npt.ArrayLike,
    phi_rad: npt.ArrayLike,
    out_phase_rad: npt.ArrayLike,
    edge_phase_rad: npt.ArrayLike | None,
    imperfections: MeshImperfections | None,
    threads: int,
    dtype: npt.DTypeLike,
) -> ComplexArray:
    kind = np.dtype(dtype)
    if kind not in _RANGE_BITS:
        raise PhotonicsError(f"dtype: {kind}; allowed: complex128 or complex64")
    if threads < 1:
        raise PhotonicsError(f"threads: {threads}; allowed: >= 1")
    constants = cell_constants(topology, imperfections)
    if edge_phase_rad is None:
        edge_phase_rad = np.zeros(topology.n_edge)
    n_settings, (theta, phi, out_phase, edge_phase) = _population(
        theta_rad=_phases("theta_rad", theta_rad, topology.n_mzi),
        phi_rad=_phases("phi_rad", phi_rad, topology.n_mzi),
        out_phase_rad=_phases("out_phase_rad", out_phase_rad, topology.n_modes),
        edge_phase_rad=_phases("edge_phase_rad", edge_phase_rad, topology.n_edge),
    )
    real = np.float64 if kind == np.complex128 else np.float32
    n_modes = topology.n_modes
    if fields is None:
        parts = np.empty((0, n_modes, 0), dtype=real)
        out = np.empty((n_settings, n_modes, n_modes), dtype=kind)
    else:
        if fields.shape[0] not in (1, n_settings) and n_settings != 1:
            raise PhotonicsError(
                f"fields: {fields.shape[0]} settings; allowed: 1 or {n_settings}, as the phases"
            )
        n_settings = max(n_settings, fields.shape[0])
        theta, phi, out_phase, edge_phase = (
            _repeat(array, n_settings) for array in (theta, phi, out_phase, edge_phase)
        )
        parts = np.require(fields, dtype=kind, requirements=["C", "W"]).view(real)
        out = np.empty((n_settings, n_modes, fields.shape[2]), dtype=kind)
    segment_layers = max(1, int(_RANGE_BITS[kind] / constants.layer_bits))
    schedule = mesh_schedule(topology, min(segment_layers, topology.n_layers))

    rim = np.concatenate([out_phase, edge_phase], axis=1)

    def run(start: int, stop: int) -> None:
        mine = slice(start, stop)
        scratch = _scratch(schedule, n_modes, rim.shape[1], real)
        run_settings(
            schedule.arrays,
            topology.cell == "symmetric",
            constants.mixing,
            theta[mine],
            phi[mine],
            rim[mine],
            constants.rim_amplitude,
            parts if parts.shape[0] < 2 else parts[mine],
            scratch,
            out[mine].view(real),
        )
        schedule.spare[np.dtype(real).char].append(scratch)

    share = -(-n_settings // min(threads, n_settings))
    starts = range(0, n_settings, share)
    if len(starts) == 1:
        run(0, n_settings)
    else:
        with ThreadPoolExecutor(max_workers=len(starts)) as pool:
            list(pool.map(lambda start: run(start, start + share), starts))
    return out


def build(
    topology: MeshTopology,
    theta_rad: npt.ArrayLike,
    phi_rad: npt.ArrayLike,
    out_phase_rad: npt.ArrayLike,
    edge_phase_rad: npt.ArrayLike | None = None,
    *,
    imperfections: MeshImperfections | None = None,
    threads: int = 1,
    dtype: npt.DTypeLike = np.complex128,
) -> ComplexArray:
    """Transfer matrices of a mesh, ``out = U @ in``, for one setting of its phases or for P.

    Args:
        topology: the mesh; `photonzero.photonics.mesh.cell` states the convention of its MZIs.
        theta_rad: (n_mzi,) or (P, n_mzi), in the order of the topology.
        phi_rad: (n_mzi,) or (P, n_mzi).
        out_phase_rad: (N,) or (P, N) phases after the last layer.
        edge_phase_rad: (n_edge,) or (P, n_edge) phases of the shifters outside the MZIs, which
            only some topologies have; None is 0.
        imperfections: of the fabricated mesh; None is ideal. Zero errors give the same bits.
        threads: at most this many share the settings; their number does not change a bit.
        dtype: complex128, or complex64 for half the memory and time and errors of 1e-6.

    Returns:
        (N, N), or (P, N, N) if any of the phases has two dimensions.

    Raises:
        PhotonicsError: a wrong number of phases, NaN, an unknown dtype, threads < 1.
    """
    out = _transfer(
        topology,
        None,
        theta_rad,
        phi_rad,
        out_phase_rad,
        edge_phase_rad,
        imperfections,
        threads,
        dtype,
    )
    single = all(a is None or np.ndim(a) < 2 for a in (theta_rad, phi_rad, out_phase_rad, edge_phase_rad))
    return out[0] if single else out


def propagate(
    topology: MeshTopology,
    fields: npt.ArrayLike,
    theta_rad: npt.ArrayLike,
    phi_rad: npt.ArrayLike,
    out_phase_rad: npt.ArrayLike,
    edge_phase_rad: npt.ArrayLike | None = None,
    *,
    imperfections: MeshImperfections | None = None,
    threads: int = 1,
) -> ComplexArray:
    """Send fields through a mesh without building its transfer matrix: ``U @ fields``.

    Worth it while there are fewer columns than about 2 N; beyond, build U and multiply.

    Args:
        topology: the mesh.
        fields: (N, B), the same for all settings, or (P, N, B): amplitudes, a column per vector.
            complex64 fields are computed in single precision, all others in double.
        theta_rad: as in `build`; so are all further arguments.
        phi_rad: as in `build`.
        out_phase_rad: as in `build`.
        edge_phase_rad: as in `build`.
        imperfections: as in `build`.
        threads: as in `build`.

    Returns:
        (N, B), or (P, N, B) if fields or any of the phases have a population axis.

    Raises:
        PhotonicsError: as `build`, and fields of a wrong shape or with NaN.
    """
    light = np.asarray(fields)
    if light.ndim not in (2, 3) or light.shape[-2] != topology.n_modes or not light.size:
        n = topology.n_modes
        raise PhotonicsError(f"fields: shape {light.shape}; allowed: ({n}, B) or (P, {n}, B)")
    if light.dtype.kind not in "fciu":
        raise PhotonicsError(f"fields: dtype {light.dtype}; allowed: real or complex numbers")
    if not np.isfinite(light.sum()):
        raise PhotonicsError("fields: not all finite; allowed: finite amplitudes")
    out = _transfer(
        topology,
        light.reshape(-1, *light.shape[-2:]),
        theta_rad,
        phi_rad,
        out_phase_rad,
        edge_phase_rad,
        imperfections,
        threads,
        light.dtype if light.dtype == np.complex64 else np.complex128,
    )
    phases = (theta_rad, phi_rad, out_phase_rad, edge_phase_rad)
    single = light.ndim == 2 and all(a is None or np.ndim(a) < 2 for a in phases)
    return out[0] if single else out
