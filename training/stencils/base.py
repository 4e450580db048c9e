"""What a derivative stencil is: offsets, and linear maps from measured values to derivatives."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.oracle import Array
from photonzero.training.stencils.rows import SparseRows

Rows: TypeAlias = Array | SparseRows
"""A (d, K) map: dense, or sparse with a row shared by all."""


@dataclass(frozen=True)
class DerivativeRequest:
    """What a PDE needs beyond u, grad u and the diagonal Hessian. The default is nothing.

    Attributes:
        laplacian: coordinates the Laplacian and the squared gradient run over; None means all of
            them. Rules that estimate a trace by random directions draw them in these coordinates
            alone and treat the others (time) one by one.
        mixed: partial derivatives by the coordinates they are taken in: (0, 1) is
            d2u/dx_0dx_1, (0, 0, 1) is d3u/dx_0^2dx_1. Order within a tuple is free.
        directions: vectors a, each a tuple of d numbers, whose second derivative a^T H a is needed.
        one_sided: coordinates with values on one side only, as on a face of a closed domain, each
            with that side: (0, 1) takes no node below the centre in coordinate 0, (0, -1) none above.
    """

    laplacian: tuple[int, ...] | None = None
    mixed: tuple[tuple[int, ...], ...] = ()
    directions: tuple[tuple[float, ...], ...] = ()
    one_sided: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        # Tuples throughout: a request is part of the key under which a stencil is kept.
        if self.laplacian is not None:
            object.__setattr__(self, "laplacian", tuple(sorted(int(i) for i in self.laplacian)))
        mixed = tuple(tuple(int(i) for i in entry) for entry in self.mixed)
        directions = tuple(tuple(float(a) for a in entry) for entry in self.directions)
        object.__setattr__(self, "mixed", mixed)
        object.__setattr__(self, "directions", directions)
        one_sided = tuple(sorted((int(i), int(side)) for i, side in self.one_sided))
        object.__setattr__(self, "one_sided", one_sided)

    @property
    def sides(self) -> dict[int, int]:
        """Side of each coordinate that has values on one side only, 1 or -1."""
        return dict(self.one_sided)

    def check(self, dim: int) -> None:
        """Reject coordinates outside 0..dim-1 and directions of another length.

        Raises:
            ArgumentError: names the entry and what is allowed.
        """
        if self.laplacian is not None:
            checked_dims(self.laplacian, dim, "request laplacian")
        for coordinates in self.mixed:
            if not coordinates:
                raise ArgumentError("request mixed: (); allowed: at least one coordinate")
            for coordinate in coordinates:
                checked_dims((coordinate,), dim, "request mixed")
        for direction in self.directions:
            if len(direction) != dim or not np.isfinite(direction).all() or not any(direction):
                raise ArgumentError(
                    f"request directions: {direction}; allowed: {dim} finite numbers, not all zero"
                )
        if self.one_sided:
            checked_dims((i for i, _ in self.one_sided), dim, "request one_sided")
        for entry in self.one_sided:
            if entry[1] not in (-1, 1):
                raise ArgumentError(f"request one_sided: {entry}; allowed: side 1 or -1")


@dataclass(frozen=True)
class TraceEstimate:
    """An estimate of a Laplacian and a squared gradient that needs no single second derivative.

    Attributes:
        dims: coordinates the trace runs over, ascending.
        trace: weights of the Laplacian, (K,), ``laplacian u ~ trace @ u``.
        slopes: weights of m slopes, (m, K), with
        slope_weights: weights of their squares, (m,):
            ``|grad u|^2 ~ sum over j of slope_weights[j] (slopes[j] @ u)^2``.
    """

    dims: tuple[int, ...]
    trace: Array
    slopes: Array
    slope_weights: Array


@dataclass(frozen=True)
class DerivativeStencil:
    """Offsets of K points around a centre and the weights that turn values into derivatives.

    With ``u[k] = u(x + offsets[k])``: ``u(x) ~ value @ u``, ``du/dx_i ~ gradient[i] @ u``,
    ``d2u/dx_i2 ~ hessian_diagonal[i] @ u``. Use the ``apply_*`` methods: they take values of any
    leading shape and hide whether a map is dense or sparse.

    Attributes:
        offsets: places of the nodes relative to the centre, (K, d).
        value: weights of u itself, (K,).
        gradient: weights of the first derivatives, (d, K).
        hessian_diagonal: weights of the pure second derivatives, (d, K), or None for a rule that has no
            single ones.
        trace: how Laplacian and squared gradient over certain coordinates are estimated when not by
            adding single derivatives.
        partials: weights (K,) of further partial derivatives, by ascending coordinates.
        curvatures: weights (n, K) of a^T H a for each direction that was requested.
    """

    offsets: Array
    value: Array
    gradient: Rows
    hessian_diagonal: Rows | None
    trace: TraceEstimate | None = None
    partials: Mapping[tuple[int, ...], Array] = field(default_factory=dict)
    curvatures: Array | None = None

    def __post_init__(self) -> None:
        n_nodes, dim = self.offsets.shape
        expected = {
            "value": (n_nodes,),
            "gradient": (dim, n_nodes),
            "hessian_diagonal": (dim, n_nodes),
        }
        for name, shape in expected.items():
            rows = getattr(self, name)
            if rows is not None and rows.shape != shape:
                raise ArgumentError(f"derivative stencil {name}: shape {rows.shape}; allowed: {shape}")

    @property
    def n_nodes(self) -> int:
        """Inferences per collocation point, K."""
        return self.offsets.shape[0]

    @property
    def dim(self) -> int:
        """Number of coordinates, d."""
        return self.offsets.shape[1]

    @property
    def reach(self) -> Array:
        """Largest distance from the centre in each coordinate, (d,).

        A collocation point nearer to the boundary than this asks for values outside the domain.
        """
        return self.extent.max(axis=0)

    @property
    def extent(self) -> Array:
        """How far nodes lie below and above the centre in each coordinate, (2, d), both >= 0."""
        low, high = self.offsets.min(axis=0), self.offsets.max(axis=0)
        return np.stack([np.maximum(-low, 0.0), np.maximum(high, 0.0)])

    def apply_value(self, values: Array) -> Array:
        """Estimate u at the centre: values (..., K) to (...)."""
        return self._checked(values) @ self.value

    def apply_gradient(self, values: Array) -> Array:
        """Estimate grad u at the centre: values (..., K) to (..., d)."""
        return _apply(self.gradient, self._checked(values))

    def apply_hessian_diagonal(self, values: Array) -> Array:
        """Estimate d2u/dx_i2 for all i: values (..., K) to (..., d).

        Raises:
            ArgumentError: the rule estimates the trace only.
        """
        return _apply(self._hessian_rows(), self._checked(values))

    def laplacian(self, values: Array, dims: Iterable[int] | None = None) -> Array:
        """Estimate the Laplacian over `dims` (all by default): values (..., K) to (...).

        Raises:
            ArgumentError: a coordinate out of range or named twice, or, for a rule that estimates
                the trace only, other coordinates than it was asked for.
        """
        return self._checked(values) @ self.laplacian_weights(dims)

    def laplacian_weights(self, dims: Iterable[int] | None = None) -> Array:
        """Weights of the Laplacian over `dims` (all by default), (K,). Errors as `laplacian`."""
        chosen = checked_dims(range(self.dim) if dims is None else dims, self.dim, "dims")
        if self.trace is not None and chosen == self.trace.dims:
            return self.trace.trace
        rows = self._hessian_rows()
        if isinstance(rows, SparseRows):
            return rows.sum(chosen)
        return rows[list(chosen)].sum(axis=0)

    def squared_gradient(self, values: Array, dims: Iterable[int] | None = None) -> Array:
        """Estimate |grad u|^2 over `dims` (all by default): values (..., K) to (...).

        Random rules answer with an estimate whose mean over the draws is right, which the square of
        their gradient is not.

        Raises:
            ArgumentError: as `laplacian`.
        """
        values = self._checked(values)
        chosen = checked_dims(range(self.dim) if dims is None else dims, self.dim, "dims")
        if self.trace is None:
            return (self.apply_gradient(values)[..., list(chosen)] ** 2).sum(axis=-1)
        if chosen == self.trace.dims:
            return (values @ self.trace.slopes.T) ** 2 @ self.trace.slope_weights
        raise ArgumentError(
            f"dims: {chosen}; allowed: {self.trace.dims}, which this rule drew its directions in "
            "(ask for others with DerivativeRequest(laplacian=...))"
        )

    def apply_directional(self, values: Array, direction: Sequence[float] | Array) -> Array:
        """Estimate the slope along `direction` (d,), a . grad u: values (..., K) to (...)."""
        vector = np.asarray(direction, dtype=float)
        if vector.shape != (self.dim,):
            raise ArgumentError(f"direction: shape {vector.shape}; allowed: ({self.dim},)")
        return self.apply_gradient(values) @ vector

    def apply_curvatures(self, values: Array) -> Array:
        """Estimate a^T H a for the n requested directions: values (..., K) to (..., n).

        Raises:
            ArgumentError: no direction was requested.
        """
        if self.curvatures is None:
            raise ArgumentError(
                "curvatures: none; allowed: stencils made with DerivativeRequest(directions=...)"
            )
        return self._checked(values) @ self.curvatures.T

    def apply_partial(self, values: Array, coordinates: Sequence[int]) -> Array:
        """Estimate one partial derivative, such as (0,), (1, 1) or (0, 0, 1): (..., K) to (...).

        Raises:
            ArgumentError: a derivative that was not requested.
        """
        return self._checked(values) @ self.partial_weights(coordinates)

    def partial_weights(self, coordinates: Sequence[int]) -> Array:
        """Weights of one partial derivative, (K,); () is u itself. Errors as `apply_partial`."""
        key = tuple(sorted(int(i) for i in coordinates))
        for coordinate in key:
            checked_dims((coordinate,), self.dim, "coordinates")
        if key in self.partials:
            return self.partials[key]
        if not key:
            return self.value
        if len(key) == 1:
            return _row(self.gradient, key[0])
        if len(key) == 2 and key[0] == key[1]:
            return _row(self._hessian_rows(), key[0])
        raise ArgumentError(
            f"coordinates: {key}; allowed: {sorted(self.partials)} and first and pure second "
            "derivatives (ask for others with DerivativeRequest(mixed=...))"
        )

    def freeze(self) -> None:
        """Make the arrays read-only, for a stencil that several users share."""
        arrays = [self.offsets, self.value, *self.partials.values()]
        for rows in (self.gradient, self.hessian_diagonal, self.curvatures):
            if isinstance(rows, SparseRows):
                arrays += [rows.matrix.data, rows.matrix.indices, rows.matrix.indptr]
                rows = rows.shared
            if rows is not None:
                arrays.append(rows)
        for array in arrays:
            array.flags.writeable = False

    def _hessian_rows(self) -> Rows:
        if self.hessian_diagonal is None:
            dims = () if self.trace is None else self.trace.dims
            raise ArgumentError(
                f"second derivatives: of single coordinates; allowed: the Laplacian over {dims}, "
                "which is all this rule estimates (or another rule, such as central)"
            )
        return self.hessian_diagonal

    def _checked(self, values: Array) -> Array:
        values = np.asarray(values)
        if values.ndim == 0 or values.shape[-1] != self.n_nodes:
            raise ArgumentError(f"values: shape {values.shape}; allowed: (..., {self.n_nodes})")
        return values


@runtime_checkable
class DerivativeRule(Protocol):
    """Makes stencils. A random rule draws a new one each time, the others ignore `rng`."""

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        ...

    def stencil(
        self, dim: int, rng: np.random.Generator, request: DerivativeRequest | None = None
    ) -> DerivativeStencil:
        """A stencil in `dim` dimensions that offers what `request` asks for."""
        ...


@dataclass(frozen=True)
class RuleEntry:
    """A rule as it is registered.

    Attributes:
        summary: what the rule is and what it costs, in one line.
        make: makes the rule; called with options by name, each of which has a default.
        fixed: names of arguments of `make` that are no options.
    """

    summary: str
    make: Callable[..., DerivativeRule]
    fixed: tuple[str, ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The options with their defaults."""
        known = inspect.signature(self.make).parameters.values()
        return {option.name: option.default for option in known if option.name not in self.fixed}


def checked_dims(dims: Iterable[int], dim: int, name: str) -> tuple[int, ...]:
    """Coordinates in ascending order, each in 0..dim-1 and named once.

    Raises:
        ArgumentError: names the argument, the coordinates and what is allowed.
    """
    chosen = tuple(sorted(int(i) for i in dims))
    if not chosen or chosen[0] < 0 or chosen[-1] >= dim or len(set(chosen)) < len(chosen):
        raise ArgumentError(f"{name}: {chosen}; allowed: at least one of 0..{dim - 1}, each at most once")
    return chosen


def _apply(rows: Rows, values: Array) -> Array:
    return rows.apply(values) if isinstance(rows, SparseRows) else values @ rows.T


def _row(rows: Rows, index: int) -> Array:
    return rows.sum((index,)) if isinstance(rows, SparseRows) else rows[index]
