"""The best distance of nodes: truncation falls with it, amplified detector noise grows with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, Self, TypeAlias

import numpy as np

from photonzero.training.checks import checked_count, is_number, one_of, plain, require
from photonzero.training.errors import ArgumentError
from photonzero.training.stencils.base import DerivativeRequest, DerivativeStencil

Target: TypeAlias = Literal["gradient", "hessian", "laplacian"]
TARGETS: tuple[Target, ...] = ("gradient", "hessian", "laplacian")
NO_REQUEST = DerivativeRequest()

_SHORTEST, _LONGEST = 1e-12, 1e12
"""Of lengths in units of the input: powers of them are finite."""


@dataclass(frozen=True)
class ErrorModel:
    """Leading-order error of an estimated derivative as a function of the spacing h.

    Squared error = ``(truncation h^order)^2 + (noise_gain s / h^derivative)^2`` with s the standard
    deviation of the detector noise.

    Attributes:
        derivative: order q of the derivative, 1 or 2.
        order: order p of the truncation.
        truncation: factor of the truncation error, in units of u / length^(p + q).
        noise_gain: Euclidean norm of the weights at unit spacing.
    """

    derivative: int
    order: int
    truncation: float
    noise_gain: float

    def bias(self, spacing: float) -> float:
        """Size of the truncation error."""
        return self.truncation * spacing**self.order

    def noise(self, spacing: float, noise_std: float) -> float:
        """Standard deviation that detector noise of `noise_std` leaves on the derivative."""
        return self.noise_gain * noise_std / spacing**self.derivative

    def rms_error(self, spacing: float, noise_std: float) -> float:
        """Root of the expected squared error."""
        return float(np.hypot(self.bias(spacing), self.noise(spacing, noise_std)))

    def best_spacing(self, noise_std: float) -> float:
        """Spacing of the least squared error, ``(q/p (N s / C)^2)^(1 / (2 p + 2 q))``."""
        p, q = self.order, self.derivative
        ratio = self.noise_gain * noise_std / self.truncation
        return float((q / p * ratio**2) ** (1 / (2 * (p + q))))


@dataclass(frozen=True, kw_only=True)
class SpacedRule(ABC):
    """A rule whose nodes scale with one length, given as a number or as "auto".

    "auto" takes the spacing of least squared error for a function whose n-th derivatives in each
    coordinate are about ``amplitude / length_scale^n``, added up coherently. Without noise the
    rounding of double precision takes its place; `with_rounding` states another one, and a run that of its
    chip's arithmetic.

    Attributes:
        noise_std: standard deviation of the detector noise, in units of u.
        target: derivative the automatic spacing is best for.
        amplitude: typical size of u.
        length_scale: length over which u changes by its size, in units of the input.
    """

    noise_std: float = 0.0
    target: Target = "laplacian"
    amplitude: float = 1.0
    length_scale: float = 1.0

    def __post_init__(self) -> None:
        length, name = self._length()
        if isinstance(length, str):
            if length != "auto":
                raise ArgumentError(f"{name}: {length!r}; allowed: 'auto' or a finite number > 0")
        else:
            _check_length(length, name)
        valid = is_number(self.noise_std) and 0 <= plain(self.noise_std) <= _LONGEST
        require(self, "noise_std", valid, "finite numbers >= 0")
        one_of(self, target=TARGETS)
        _check_length(self.amplitude, "amplitude")
        _check_length(self.length_scale, "length_scale")

    @property
    @abstractmethod
    def name(self) -> str:
        """The name the command knows it by."""

    @property
    def random(self) -> bool:
        """Whether each stencil is a new draw."""
        return False

    @property
    def one_sided(self) -> bool:
        """Whether it works on a face of a closed domain, with values on one side only."""
        return True

    def stencil(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest | None = None
    ) -> DerivativeStencil:
        """A stencil in `dim` dimensions; a rule that is not random makes it once and keeps it.

        Args:
            dim: number of coordinates, >= 1.
            rng: what a random rule draws from.
            request: what is needed beyond u, grad u and the diagonal Hessian.

        Raises:
            ArgumentError: dim below 1, or a request outside the coordinates or the rule's powers.
        """
        checked_count(dim, "dim")
        request = NO_REQUEST if request is None else request
        request.check(dim)
        self._check_sides(request)
        if self.random:
            return self._build(dim, rng, request, self.resolved_spacing(dim, request))
        return _kept_stencil(self, dim, request)

    def resolved_spacing(self, dim: int, request: DerivativeRequest | None = None) -> float:
        """The spacing in use: the number given, or the best one for the noise."""
        length, name = self._length()
        if isinstance(length, str):
            length = self.best_spacing(dim, request)
            _check_length(length, f"{name} 'auto'")
        return length

    def with_rounding(self, relative: float) -> Self:
        """The rule for answers that are rounded: to "auto" the rounding is noise like any other.

        Args:
            relative: distance of neighbouring numbers around 1, such as 1.2e-7 of single precision.
        """
        return replace(self, noise_std=max(self.noise_std, relative * self.amplitude))

    def best_spacing(self, dim: int, request: DerivativeRequest | None = None) -> float:
        """The spacing of least squared error for this rule's noise, target and function scales."""
        noise = max(self.noise_std, float(np.finfo(float).eps) * self.amplitude)
        return self.error_model(dim, request).best_spacing(noise)

    def error_model(self, dim: int, request: DerivativeRequest | None = None) -> ErrorModel:
        """Truncation and noise of the target derivative as functions of the spacing.

        Raises:
            ArgumentError: the rule does not estimate the target.
        """
        request = NO_REQUEST if request is None else request
        self._check_sides(request)
        stencil = self._build(dim, np.random.default_rng(0), request, 1.0)
        dims = tuple(range(dim)) if request.laplacian is None else request.laplacian
        derivative = 1 if self.target == "gradient" else 2
        order, _ = self._truncation(derivative)
        sides = Counter(abs(request.sides.get(i, 0)) for i in dims)
        constants = {side: abs(self._truncation(derivative, side)[1]) for side in sides}
        if self.target == "laplacian":
            gain = float(np.linalg.norm(stencil.laplacian_weights(dims)))
            truncation = sum(count * constants[side] for side, count in sides.items())
        else:
            # The largest row stands for all: sampling coordinates leaves some rows empty.
            rows = [stencil.partial_weights((i,) * derivative) for i in dims]
            gain = max(float(np.linalg.norm(row)) for row in rows)
            truncation = max(constants.values()) * self._row_scale(len(dims))
        scale = self.amplitude / self.length_scale ** (derivative + order)
        return ErrorModel(derivative, order, truncation * scale, gain)

    def _check_sides(self, request: DerivativeRequest) -> None:
        if request.one_sided and not self.one_sided:
            # The registry knows the rules, and they know it not: it is asked where there is something to say.
            from photonzero.training.stencils.registry import RULES

            rules = [(name, RULES.get(name).make()) for name in RULES.builtin]
            able = ", ".join(name for name, rule in rules if isinstance(rule, SpacedRule) and rule.one_sided)
            raise ArgumentError(
                f"derivatives: {self.name!r} on a face of a closed domain, where one side has no values; "
                f"allowed: {able}"
            )

    def _row_scale(self, n_dims: int) -> float:
        """Factor by which a row that is present exceeds its derivative."""
        return 1.0

    @abstractmethod
    def _length(self) -> tuple[float | str, str]:
        """The length as given, and what the rule calls it."""

    @abstractmethod
    def _truncation(self, derivative: int, side: int = 0) -> tuple[int, float]:
        """Order p and factor c of the leading error ``c h^p u^(derivative + p)`` in a coordinate.

        Side 0 is a coordinate with values on both sides, 1 or -1 one with values on one.
        """

    @abstractmethod
    def _build(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest, spacing: float
    ) -> DerivativeStencil:
        """The stencil of a given spacing; arguments are checked."""


def auto_spacing(rule: SpacedRule, dim: int, request: DerivativeRequest | None = None) -> float:
    """The spacing of least squared error for a rule's ``noise_std``, whatever its own spacing is.

    Args:
        rule: states noise_std, target, amplitude and length_scale.
        dim: number of coordinates.
        request: what the PDE asks for; its Laplacian coordinates count.

    Raises:
        ArgumentError: dim below 1, or a target that the rule does not estimate.
    """
    checked_count(dim, "dim")
    return rule.best_spacing(dim, request)


def _check_length(number: float, name: str) -> None:
    if not (is_number(number) and _SHORTEST <= plain(number) <= _LONGEST):
        raise ArgumentError(f"{name}: {number!r}; allowed: finite numbers > 0, {_SHORTEST:g} to {_LONGEST:g}")


@lru_cache(maxsize=64)
def _kept_stencil(rule: SpacedRule, dim: int, request: DerivativeRequest) -> DerivativeStencil:
    spacing = rule.resolved_spacing(dim, request)
    stencil = rule._build(dim, np.random.default_rng(0), request, spacing)
    stencil.freeze()
    return stencil
