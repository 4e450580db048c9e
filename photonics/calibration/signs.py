"""Signs that hang together: which half turns and which signs of bonds explain what was seen.

Taking a mesh apart tells its angles modulo half a turn, and the gauge of a bond is found up to signs. Every
choice is a bit. Half a turn more in a cell turns the sign of both of its modes, which shows further inward
as cells that turn the wrong way, or as an attenuator of the wrong sign: sums of bits that are 0 or 1, so
that linear equations modulo 2 tell all of them. What they leave open changes no reading: half a turn in a
whole layer of cells, or in a cell and the two attenuators beside it, is the same chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.peeling import Peeled

FloatArray = npt.NDArray[np.float64]


@dataclass
class SignSystem:
    """Bits, and what is known of their sums; a sum is an integer with a one at the place of each of its bits.

    Attributes:
        n_bits: so far.
        seen: (sum, value, weight) of what was seen.
        believed: (sum, value) of what biases are expected to be.
    """

    n_bits: int = 0
    seen: list[tuple[int, int, float]] = field(default_factory=list)
    believed: list[tuple[int, int]] = field(default_factory=list)

    def new(self) -> int:
        """A bit of its own, as a sum of one."""
        self.n_bits += 1
        return 1 << (self.n_bits - 1)

    def solve(self, *, believing: bool) -> int:
        """All bits, as one integer; bits that nothing is known of are 0.

        Args:
            believing: what is believed comes before what was seen, instead of after it; of what was seen the
                larger weight goes first. What contradicts earlier equations is left out.
        """
        seen = [(mask, value) for mask, value, _ in sorted(self.seen, key=lambda own: -own[2])]
        pivots: dict[int, tuple[int, int]] = {}
        for mask, value in [*self.believed, *seen] if believing else [*seen, *self.believed]:
            while mask:
                top = mask.bit_length()
                if top not in pivots:
                    pivots[top] = (mask, value)
                    break
                mask, value = mask ^ pivots[top][0], value ^ pivots[top][1]
        bits = 0
        for top in sorted(pivots):
            mask, value = pivots[top]
            below = mask ^ (1 << (top - 1))
            bits |= (value ^ parity(below & bits)) << (top - 1)
        return bits


def parity(bits: int) -> int:
    """Sum of bits modulo 2."""
    return bits.bit_count() & 1


@dataclass(frozen=True, eq=False)
class SignedMesh:
    """A mesh that was taken apart, and what signs its angles have.

    Attributes:
        angles_rad: (n,) as taken apart [rad].
        turned: (n,) sums whose parity says whether an angle has the other sign.
        flipped: (n,) sums whose parity says whether it is half a turn more.
        ends: (N,) sums whose parity says whether light of a mode at the inner end has the other sign.
    """

    angles_rad: FloatArray
    turned: Sequence[int]
    flipped: Sequence[int]
    ends: Sequence[int]

    def angles(self, bits: int) -> FloatArray:
        """(n,) angles once all bits are known [rad]."""
        sign = np.array([1.0 - 2.0 * parity(own & bits) for own in self.turned])
        half = np.array([np.pi * parity(own & bits) for own in self.flipped])
        return sign * self.angles_rad + half


def signed(
    system: SignSystem,
    pairs: Sequence[tuple[int, int]],
    peeled: Peeled,
    starts: Sequence[int],
    expected_rad: FloatArray,
) -> SignedMesh:
    """Bits of a mesh, and what its own cells say of them.

    Args:
        system: to add them to.
        pairs: modes of its cells, in the order light meets them.
        peeled: the mesh, taken apart from its outputs.
        starts: (N,) sums of the signs of its outputs.
        expected_rad: (n,) what angles are believed to be, to within a quarter turn [rad].
    """
    sums = list(starts)
    n = len(pairs)
    turned, flipped = [0] * n, [0] * n
    for j in range(n - 1, -1, -1):
        a, b = pairs[j]
        both = sums[a] ^ sums[b]
        sense = float(peeled.senses[j])
        if both and sense:
            system.seen.append((both, int(sense < 0), abs(sense)))
        turned[j], flipped[j] = both, system.new()
        angle, expected = peeled.angles_rad[j], expected_rad[j]
        # Half a turn more where the angle, or its negative, is not the one that is expected.
        far, far_negative = (int(np.cos(own - expected) < 0) for own in (angle, -angle))
        system.believed.append((flipped[j] ^ (both if far != far_negative else 0), far))
        sums[a] ^= flipped[j]
        sums[b] ^= flipped[j]
    return SignedMesh(peeled.angles_rad, turned, flipped, sums)
