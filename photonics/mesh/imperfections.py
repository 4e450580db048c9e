"""Static errors of the cells of one fabricated mesh."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photonzero.devices.loss import LARGEST_DB, amplitude_transmission
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.cell import coupler_pair
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]

# The scaled form of the kernels keeps amplitudes above 2^-450 for at least one layer up to there.
_MAX_LOSS_DB = LARGEST_DB

_LARGEST_ERROR_RAD = 2.0 * np.pi
"""Couplers repeat themselves after a turn: a larger error is one in another unit."""


@dataclass(frozen=True, eq=False)
class MeshImperfections:
    """What fabrication did to the cells of one mesh; every field is a number for all, or an array.

    A coupler of nominal power splitting 1/2 that measures 1/2 + x has the angle error
    ``asin(2 x) / 2``. All defaults are an ideal part. What becomes of phases, shifters that are stuck
    among them, is settled before light meets a cell, see `photonzero.photonics.mesh.fabricate`.

    Attributes:
        coupler_in_error_rad: (n_mzi,) angle error of the coupler that light meets first, within a turn.
        coupler_out_error_rad: (n_mzi,) angle error of the second coupler, within a turn.
        cell_loss_db: (n_mzi,) insertion loss of both modes of an MZI, 0 to 80 dB.
        theta_loss_db: (n_mzi,) insertion loss of the theta shifter, on its waveguide only.
        phi_loss_db: (n_mzi,) the same for the phi shifter.
        out_loss_db: (N,) insertion loss of the output shifters.
        edge_loss_db: (n_edge,) insertion loss of the shifters outside the MZIs.

    Raises:
        PhotonicsError: a loss below 0 or above 80 dB, an angle beyond a turn, NaN.
    """

    coupler_in_error_rad: float | FloatArray = 0.0
    coupler_out_error_rad: float | FloatArray = 0.0
    cell_loss_db: float | FloatArray = 0.0
    theta_loss_db: float | FloatArray = 0.0
    phi_loss_db: float | FloatArray = 0.0
    out_loss_db: float | FloatArray = 0.0
    edge_loss_db: float | FloatArray = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = np.atleast_1d(getattr(self, item.name)).astype(np.float64)
            loss = item.name.endswith("_db")
            low, high = (0.0, _MAX_LOSS_DB) if loss else (-_LARGEST_ERROR_RAD, _LARGEST_ERROR_RAD)
            # NaN fails every comparison.
            bad = value[~((value >= low) & (value <= high))]
            if bad.size:
                allowed = f"0 to {high:g} dB" if loss else f"{low:.4g} to {high:.4g} rad"
                raise PhotonicsError(f"{item.name}: {bad[0]}; allowed: {allowed}")


@dataclass(frozen=True, eq=False)
class CellConstants:
    """What the kernels need of `MeshImperfections`, which no phase setting changes.

    Attributes:
        mixing: (n_mzi, 8) real numbers A..H: the cell, its common phase factor ``i e^{i kappa}``
            and external phase taken out, is ``[[B s - iA c, C c + iD s], [E c + iF s, H s - iG c]]``
            with c, s the cosine and sine of the half angle. (0, 8) for ideal cells.
        rim_amplitude: (N + n_edge,) of the output shifters, then of those outside the MZIs.
        layer_bits: upper bound of -log2 of the amplitude that one layer leaves.
    """

    mixing: FloatArray
    rim_amplitude: FloatArray
    layer_bits: float


def _spread(errors: MeshImperfections, topology: MeshTopology) -> dict[str, npt.NDArray]:
    lengths = {"out_loss_db": topology.n_modes, "edge_loss_db": topology.n_edge}
    spread: dict[str, npt.NDArray] = {}
    for item in fields(errors):
        value = np.asarray(getattr(errors, item.name))
        length = lengths.get(item.name, topology.n_mzi)
        if value.shape not in ((), (length,)):
            raise PhotonicsError(f"{item.name}: shape {value.shape}; allowed: () or ({length},)")
        spread[item.name] = np.broadcast_to(value.astype(np.float64), (length,))
    return spread


@lru_cache(maxsize=64)
def cell_constants(topology: MeshTopology, errors: MeshImperfections | None) -> CellConstants:
    """Work out once what a fabricated mesh keeps for life.

    Args:
        topology: the mesh.
        errors: its imperfections, or None for ideal cells.

    Raises:
        PhotonicsError: an array of the wrong length.
    """
    ones = np.ones(topology.n_modes + topology.n_edge)
    if errors is None:
        return CellConstants(np.zeros((0, 8)), ones, 0.5)
    part = _spread(errors, topology)
    cos_minus, sin_plus, cos_plus, sin_minus = coupler_pair(
        part["coupler_in_error_rad"], part["coupler_out_error_rad"]
    )
    cos_cos, sin_sin = (cos_minus - sin_plus) / 2, (cos_minus + sin_plus) / 2
    # second cosine x first sine, second sine x first cosine
    cos_sin, sin_cos = (cos_plus + sin_minus) / 2, (cos_plus - sin_minus) / 2
    loss = {key: amplitude_transmission(part[f"{key}_loss_db"]) for key in ("cell", "theta", "phi")}
    upper = loss["theta"]
    symmetric = topology.cell == "symmetric"
    lower = loss["phi"] if symmetric else np.ones(topology.n_mzi)
    outer = np.ones(topology.n_mzi) if symmetric else loss["phi"]
    mixing = np.stack(
        [
            outer * (upper * cos_cos - lower * sin_sin),
            outer * (upper * cos_cos + lower * sin_sin),
            upper * cos_sin + lower * sin_cos,
            upper * cos_sin - lower * sin_cos,
            outer * (upper * sin_cos + lower * cos_sin),
            outer * (upper * sin_cos - lower * cos_sin),
            lower * cos_cos - upper * sin_sin,
            -(upper * sin_sin + lower * cos_cos),
        ],
        axis=1,
    )
    edge = amplitude_transmission(part["edge_loss_db"])
    determinant = loss["cell"] ** 2 * upper * loss["phi"]
    # A pivot is at least 1/sqrt(2) in a unitary cell, and at least |det|/2 in any passive one.
    lossless = bool(np.all(determinant == 1.0) and np.all(edge == 1.0))
    bits = 0.5 if lossless else 1.0 - float(np.log2(determinant.min() * edge.min(initial=1.0)))
    return CellConstants(
        np.ascontiguousarray(loss["cell"][:, None] * mixing),
        np.concatenate([amplitude_transmission(part["out_loss_db"]), edge]),
        bits,
    )
