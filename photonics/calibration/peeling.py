"""Angles of a mesh from what each of its cells changes: layer after layer is taken off, outermost first.

Turning cell k of ``U = L_n .. L_2 L_1`` changes the block ``C = U S V`` by ``O_k (R' - R) I_k S V``, whose
columns lie in the span of ``O_k e_a`` and ``O_k e_b``, O_k being the cells behind it and a, b its two
modes. With the cells behind a cell j known, B their product, the rows a and b of ``B^T dC`` of a cell
before it that feeds its mode a alone are ``R(theta_j) e_a`` times a row: their direction is theta_j, modulo
half a turn. No matrix is inverted and nothing small is divided by, so that dim light weighs little instead
of doing harm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_NONE = -(10**6)


@dataclass(frozen=True, eq=False)
class Peeled:
    """A mesh, taken apart.

    Attributes:
        angles_rad: (n,) of its cells, modulo half a turn [rad].
        product: (N, N) of all cells.
        strength: (n,) size of what each angle was read from.
        senses: (n,) size of each cell's own change in the direction in which its angle grows; it is negative
            where its two modes have been given different signs, and its angle too has the other sign then.
    """

    angles_rad: FloatArray
    product: FloatArray
    strength: FloatArray
    senses: FloatArray


def feeders(pairs: Sequence[tuple[int, int]], n_modes: int) -> IntArray:
    """(n, 2) what feeds either mode of each cell and no other of its modes.

    A cell k >= 0 that is met before, or -1 - x for mode x straight from the input; a large negative
    number where light comes to both modes of the cell.
    """
    found = np.full((len(pairs), 2), _NONE)
    last = [-1 - x for x in range(n_modes)]
    for j, pair in enumerate(pairs):
        for side, mode in enumerate(pair):
            k = last[mode]
            if k < 0:
                found[j, side] = k
                continue
            other = pairs[k][0] + pairs[k][1] - mode
            reached = {other}
            for between in pairs[k + 1 : j]:
                if reached & set(between):
                    reached |= set(between)
            if pair[1 - side] not in reached:
                found[j, side] = k
        for mode in pair:
            last[mode] = j
    return found


def peel(
    pairs: Sequence[tuple[int, int]],
    block: FloatArray,
    changes: FloatArray,
    entering: FloatArray,
    turn_rad: float,
) -> Peeled:
    """Take a mesh of N modes apart from its outputs inward.

    Args:
        pairs: modes that meet in each of the n cells, in the order light meets them.
        block: (N, c), the mesh times whatever stands before it.
        changes: (n, N, c) of the block when one cell is turned.
        entering: (N, N, c) for every input x of the mesh a matrix whose columns are multiples of the mesh's
            column x; zeros where none is known.
        turn_rad: by how much cells were turned [rad].
    """
    n_modes = len(block)
    feeding = feeders(pairs, n_modes)
    product_t = np.eye(n_modes)
    n = len(pairs)
    angles, strength, senses = np.zeros(n), np.zeros(n), np.zeros(n)
    turn_c, turn_s = math.cos(turn_rad) - 1.0, math.sin(turn_rad)
    for j in range(n - 1, -1, -1):
        own = list(pairs[j])
        rows = product_t[own]
        gram = np.zeros((2, 2))
        for side in (0, 1):
            k = int(feeding[j, side])
            if k == _NONE:
                continue
            seen = rows @ (changes[k] if k >= 0 else entering[-1 - k])
            if side:
                # R e_b is R e_a a quarter turn further.
                seen = np.stack([seen[1], -seen[0]])
            gram += seen @ seen.T
        values, vectors = np.linalg.eigh(gram)
        c, s = vectors[:, 1] if values[1] > 0 else (1.0, 0.0)
        angles[j], strength[j] = math.atan2(s, c), math.sqrt(max(values[1], 0.0))
        here = rows @ block
        moved = rows @ changes[j] - turn_c * here
        senses[j] = float((moved[1] * here[0] - moved[0] * here[1]).sum()) / turn_s
        product_t[own] = np.array([[c, s], [-s, c]]) @ rows
    return Peeled(angles, product_t.T, strength, senses)
