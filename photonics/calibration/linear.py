"""Slopes and normal matrices of readings, without writing down what every phase changes in every reading.

A reading is linear in each core, and what surrounds a core is the same for all rows of its own index. So the
normal matrix of the *entries* of two cores is one product of their surroundings, and tangents turn it into
that of phases: a reading more costs little, and as many vectors as one likes are as fast as a few.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.wiring import CoreWiring, LayerWiring

FloatArray = npt.NDArray[np.float64]
FieldArray = npt.NDArray[Any]
"""Real, or complex where couplers err."""


def gram(
    wiring: LayerWiring, around: Sequence[FieldArray], tangents: Sequence[Sequence[FieldArray]]
) -> FloatArray:
    """Sums (K n, K n) over readings of products of what errors change in them.

    Args:
        wiring: of the layer.
        around: S of every core, see `surroundings`.
        tangents: of every block of every core (K, n_own, h, w), K kinds of errors of a cell.
    """
    n_kinds, n = tangents[0][0].shape[0], wiring.n_phases
    sides = [_real(own) for own in around]
    flat = [[_flat(block, side) for block in own] for own, side in zip(tangents, sides, strict=True)]
    found = np.zeros((n_kinds, n, n_kinds, n))
    for k, first in enumerate(wiring.cores):
        for other in range(k, len(wiring.cores)):
            second = wiring.cores[other]
            if k == other:
                entries = _of_one_core(first, sides[k])
            else:
                entries = _of_two_cores(wiring.cores, k, other, sides)
            for a in range(first.n_blocks):
                for b in range(a if k == other else 0, second.n_blocks):
                    (rows, columns), (rows_b, columns_b) = first.visible(a), second.visible(b)
                    part = entries[:, rows, columns, :, rows_b, columns_b]
                    if not part.any():
                        continue
                    left, right = flat[k][a], flat[other][b]
                    product = (left @ part.reshape(left.shape[1], -1)) @ right.T
                    at_a, at_b = first.places[a], second.places[b]
                    product = product.reshape(n_kinds, at_a.size, n_kinds, at_b.size)
                    kinds = np.arange(n_kinds)
                    found[np.ix_(kinds, at_a, kinds, at_b)] = product
                    if k != other or a != b:
                        found[np.ix_(kinds, at_b, kinds, at_a)] = product.transpose(2, 3, 0, 1)
    return found.reshape(n_kinds * n, n_kinds * n)


def slope(
    wiring: LayerWiring,
    around: Sequence[FieldArray],
    tangents: Sequence[Sequence[FieldArray]],
    residual: FloatArray,
) -> FloatArray:
    """Sums (K n,) over readings of what errors change in them times a residual (B, n_out).

    Args:
        wiring: of the layer.
        around: S of every core, see `surroundings`.
        tangents: of every block of every core (K, n_own, h, w), K kinds of errors of a cell.
        residual: of the readings.
    """
    n_kinds, n = tangents[0][0].shape[0], wiring.n_phases
    found = np.zeros((n_kinds, n))
    for core, surrounding, own in zip(wiring.cores, around, tangents, strict=True):
        n_vectors, before, after, r, columns = surrounding.shape
        m = core.shape[1]
        split = residual.reshape(n_vectors, before, m, after).transpose(0, 1, 3, 2)
        by_entry = surrounding.reshape(-1, r * columns).T @ split.reshape(-1, m)
        by_entry = by_entry.reshape(r, columns, m).swapaxes(1, 2).reshape(r * m, columns)
        for block, part in enumerate(own):
            rows, own_columns = core.visible(block)
            seen = by_entry[rows, own_columns].ravel()
            found[:, core.places[block]] = np.real(part.reshape(*part.shape[:2], -1) @ seen)
    return found.ravel()


def _real(surrounding: FieldArray) -> FloatArray:
    """S of real and, unless it is real, imaginary parts of a core, (B, m_<k, m_>k, z, r, c), z of them."""
    if np.iscomplexobj(surrounding):
        return np.stack([np.real(surrounding), -np.imag(surrounding)], axis=3)
    return surrounding[:, :, :, None]


def _flat(tangents: FieldArray, side: FloatArray) -> FloatArray:
    """Tangents (K, n_own, h, w) as rows (K n_own, z h w) of as many parts as S of their core has."""
    rows = tangents.reshape(tangents.shape[0] * tangents.shape[1], -1)
    return np.hstack([np.real(rows), np.imag(rows)]) if side.shape[3] == 2 else np.real(rows)


def _of_one_core(core: CoreWiring, side: FloatArray) -> FloatArray:
    """Normal matrix (z, rows, columns, z, rows, columns) of the entries of a core."""
    z, r, columns = side.shape[3:]
    m = core.shape[1]
    flat = side.reshape(-1, z * r * columns)
    product = (flat.T @ flat).reshape(z, r, columns, z, r, columns)
    found = np.zeros((z, r, m, columns, z, r, m, columns))
    for i in range(m):
        # Its rows of one index are read by detectors of their own.
        found[:, :, i, :, :, :, i] = product
    return found.reshape(z, r * m, columns, z, r * m, columns)


def _of_two_cores(cores: Sequence[CoreWiring], k: int, other: int, sides: Sequence[FloatArray]) -> FloatArray:
    """Normal matrix (z, rows, columns, z, rows, columns) of the entries of core k and of one behind it."""
    m, m_other = cores[k].shape[1], cores[other].shape[1]
    n_vectors, before, _, z, r, c = sides[k].shape
    _, _, after, _, r_other, c_other = sides[other].shape
    # Outputs are (before, i of core k, between, j of the other, after).
    first = sides[k].reshape(n_vectors, before, -1, m_other, after, z, r, c)
    second = sides[other].reshape(n_vectors, before, m, -1, after, z, r_other, c_other)
    first = first.transpose(3, 5, 6, 7, 0, 1, 2, 4).reshape(m_other * z * r * c, -1)
    second = second.transpose(0, 1, 3, 4, 2, 5, 6, 7).reshape(-1, m * z * r_other * c_other)
    product = (first @ second).reshape(m_other, z, r, c, m, z, r_other, c_other)
    product = product.transpose(1, 2, 4, 3, 5, 6, 0, 7)
    return product.reshape(z, r * m, c, z, r_other * m_other, c_other)
