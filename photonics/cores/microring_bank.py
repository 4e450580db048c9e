"""A row of weights as a row of microrings: one wavelength an input, one ring a weight.

All inputs travel on one bus, each on its own wavelength. Ring i sends a share of wavelength i to
the drop bus and lets the rest through; a balanced detector subtracts the two totals, so that
``drop - through`` is a weight from -1 (ring far from its channel) to +1 (on it) [tait2017].
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from photonzero.devices.microring import Microring
from photonzero.photonics.errors import PhotonicsError

FloatArray = npt.NDArray[np.float64]

# The inverse map contracts by the crosstalk each round; six rounds do for telecom spacings.
_WEIGHT_TOLERANCE = 1e-12
_MAX_ROUNDS = 200


@dataclass(frozen=True)
class MicroringBank:
    """A 1 x n weight bank with thermally tuned rings.

    The light of every channel passes every ring, in order: neighbours take a little of it, which is
    the inter-channel crosstalk. Powers add, fields do not: the channels have different wavelengths,
    and light that was dropped is taken to stay on the drop bus.

    Attributes:
        channel_nm: (n,) wavelengths of the inputs, increasing [nm].
        ring: the ring that all positions are copies of.
        max_detuning_nm: furthest that a ring may be tuned from its channel to the red [nm], less
            than the channel spacing. It bounds the most negative weight.
        cold_offset_nm: distance of a cold resonance below its channel [nm]; a heater makes it up.
    """

    channel_nm: tuple[float, ...]
    ring: Microring = field(default_factory=Microring)
    max_detuning_nm: float = 0.4
    cold_offset_nm: float = 0.0

    def __post_init__(self) -> None:
        channels = np.asarray(self.channel_nm, dtype=np.float64)
        if channels.ndim != 1 or channels.size == 0:
            raise PhotonicsError(f"channel_nm: shape {channels.shape}; allowed: (n,), n >= 1")
        spacing = np.diff(channels)
        if not (np.isfinite(channels).all() and channels[0] > 0 and (spacing > 0).all()):
            raise PhotonicsError(f"channel_nm: {self.channel_nm}; allowed: positive and increasing")
        limit_nm = float(spacing.min()) if spacing.size else float("inf")
        if not 0 < self.max_detuning_nm < limit_nm:
            raise PhotonicsError(
                f"max_detuning_nm: {self.max_detuning_nm}; "
                f"allowed: > 0 and less than the channel spacing, {limit_nm:g}"
            )
        if not 0 <= self.cold_offset_nm < float("inf"):
            raise PhotonicsError(f"cold_offset_nm: {self.cold_offset_nm}; allowed: finite, >= 0")

    @property
    def n_weights(self) -> int:
        """n, as many as channels and rings."""
        return len(self.channel_nm)

    @property
    def weight_range(self) -> tuple[float, float]:
        """Lowest and highest weight of a ring on its own, without its neighbours."""
        low, high = self.isolated_weights([self.max_detuning_nm, 0.0])
        return float(low), float(high)

    def isolated_weights(self, detuning_nm: npt.ArrayLike) -> FloatArray:
        """``drop - through`` of rings that see their own channel only.

        Args:
            detuning_nm: resonance minus channel, any shape [nm].

        Returns:
            Same shape; ``2 L - 1`` for a lossless ring with Lorentzian L.
        """
        return self.ring.drop(detuning_nm) - self.ring.through(detuning_nm)

    def weights(self, detuning_nm: npt.ArrayLike, offset_nm: float = 0.0) -> FloatArray:
        """Weights that the bank really applies, crosstalk included.

        Args:
            detuning_nm: resonance of ring i minus channel i, (..., n), from 0 to `max_detuning_nm`
                [nm].
            offset_nm: what all light is off its channel by [nm].

        Returns:
            (..., n).

        Raises:
            PhotonicsError: wrong length, or a detuning out of reach.
        """
        lorentzian = self._ring_by_channel(self._check_detuning(detuning_nm) - offset_nm)
        before, after, dropped_before, dropped_after = self._passage(lorentzian)
        own = np.diagonal(lorentzian, axis1=-2, axis2=-1)
        base, slope = self._weight_line(before, after, dropped_before, dropped_after)
        return base + slope * own

    def multiply(self, power_w: npt.ArrayLike, detuning_nm: npt.ArrayLike) -> FloatArray:
        """Power difference at the balanced detector, ``sum_i weight_i power_i`` [W].

        Args:
            power_w: input powers, (B, n), >= 0 [W].
            detuning_nm: one setting of the bank, (n,) [nm].

        Returns:
            (B,).

        Raises:
            PhotonicsError: wrong shapes, negative powers, or a detuning out of reach.
        """
        power = np.asarray(power_w, dtype=np.float64)
        if power.ndim != 2 or power.shape[1] != self.n_weights:
            raise PhotonicsError(f"power_w: shape {power.shape}; allowed: (B, {self.n_weights})")
        if not (power >= 0).all():
            raise PhotonicsError("power_w: negative or NaN; allowed: >= 0, the sign is in the weight")
        weights = self.weights(detuning_nm)
        if weights.ndim != 1:
            raise PhotonicsError(f"detuning_nm: shape {weights.shape}; allowed: ({self.n_weights},)")
        return power @ weights

    def detuning_for(self, weight: npt.ArrayLike, *, compensate_crosstalk: bool = True) -> FloatArray:
        """Detunings that apply given weights: the inverse of `weights`.

        A weight is linear in its ring's own Lorentzian, with coefficients set by the other rings.
        Solving for each ring with the others held (Jacobi) converges where crosstalk is weak: each
        round shrinks the error by it. Rings that can be tuned onto their neighbour's channel make
        weights that no unique setting applies; then this raises rather than return a wrong one.

        Args:
            weight: (..., n), within reach: see `weight_range`.
            compensate_crosstalk: allow for the neighbours; False inverts `isolated_weights`, in
                closed form.

        Returns:
            (..., n), from 0 to `max_detuning_nm` [nm].

        Raises:
            PhotonicsError: wrong length, or a weight that the bank cannot apply.
        """
        target = np.asarray(weight, dtype=np.float64)
        if target.ndim == 0 or target.shape[-1] != self.n_weights:
            raise PhotonicsError(f"weight: shape {target.shape}; allowed: (..., {self.n_weights})")
        slope = self.ring.peak_drop + 1.0 - self.ring.floor_through
        detuning = self._nearest_detuning((target + 1.0) / slope)
        reached = self.isolated_weights(detuning)
        if compensate_crosstalk:
            for _ in range(_MAX_ROUNDS):
                lorentzian = self._ring_by_channel(detuning)
                base, slope = self._weight_line(*self._passage(lorentzian))
                reached = base + slope * np.diagonal(lorentzian, axis1=-2, axis2=-1)
                if np.abs(reached - target).max() <= _WEIGHT_TOLERANCE:
                    break
                detuning = self._nearest_detuning((target - base) / slope)
        bad = ~(np.abs(reached - target) <= _WEIGHT_TOLERANCE)
        if bad.any():
            low, high = self.weight_range
            raise PhotonicsError(
                f"weight: {target[bad][0]}, reached {reached[bad][0]:.6g}; "
                f"allowed: from {low:.6g} to {high:.6g}, less where crosstalk is strong"
            )
        return detuning

    def heater_power_w(self, detuning_nm: npt.ArrayLike) -> FloatArray:
        """Heater power of each ring [W].

        Args:
            detuning_nm: (..., n) [nm].

        Returns:
            (..., n).

        Raises:
            PhotonicsError: wrong length, or a detuning out of reach.
        """
        return self.ring.heater_power_w(self.cold_offset_nm + self._check_detuning(detuning_nm))

    def _check_detuning(self, detuning_nm: npt.ArrayLike) -> FloatArray:
        detuning = np.asarray(detuning_nm, dtype=np.float64)
        if detuning.ndim == 0 or detuning.shape[-1] != self.n_weights:
            raise PhotonicsError(f"detuning_nm: shape {detuning.shape}; allowed: (..., {self.n_weights})")
        bad = ~((detuning >= 0.0) & (detuning <= self.max_detuning_nm))
        if bad.any():
            raise PhotonicsError(
                f"detuning_nm: {detuning[bad][0]}; allowed: from 0 to {self.max_detuning_nm:g}"
            )
        return detuning

    def _nearest_detuning(self, lorentzian: FloatArray) -> FloatArray:
        """Detuning within reach whose Lorentzian is nearest to a wanted one."""
        lowest = float(self.ring.lorentzian(self.max_detuning_nm))
        inside = np.clip(np.nan_to_num(lorentzian, nan=1.0), lowest, 1.0)
        return np.minimum(self.ring.detuning_nm(inside), self.max_detuning_nm)

    def _ring_by_channel(self, detuning_nm: FloatArray) -> FloatArray:
        """Lorentzian of ring i at channel j, (..., n, n)."""
        channel = np.asarray(self.channel_nm)
        # Distance of channels first: 1550 nm plus a detuning would round the detuning to 1e-13 nm.
        distance = channel[:, None] - channel
        return self.ring.lorentzian(distance + detuning_nm[..., :, None])

    def _passage(self, lorentzian: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """What the other rings do to each channel, each (..., n).

        Returns:
            Transmission of the rings before a channel's own ring and of those after it, power
            dropped before it, and power dropped after it per unit of power that leaves it.
        """
        through = 1.0 - (1.0 - self.ring.floor_through) * lorentzian
        drop = self.ring.peak_drop * lorentzian
        n = self.n_weights
        ring = np.arange(n)
        earlier = ring[:, None] < ring  # ring i (row) comes before the own ring of channel j
        later = ring[:, None] > ring

        def passed(mask: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
            factor = np.where(mask, through, 1.0)
            reaching = np.ones_like(factor)
            np.cumprod(factor[..., :-1, :], axis=-2, out=reaching[..., 1:, :])
            left = reaching[..., -1, :] * factor[..., -1, :]
            return left, (np.where(mask, drop, 0.0) * reaching).sum(axis=-2)

        before, dropped_before = passed(earlier)
        after, dropped_after = passed(later)
        return before, after, dropped_before, dropped_after

    def _weight_line(
        self,
        before: FloatArray,
        after: FloatArray,
        dropped_before: FloatArray,
        dropped_after: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """Intercept and slope of a weight as a function of the own ring's Lorentzian."""
        beyond = dropped_after - after
        base = dropped_before + before * beyond
        slope = before * (self.ring.peak_drop - (1.0 - self.ring.floor_through) * beyond)
        return base, slope
