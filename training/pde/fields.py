"""What a residual is written in: u and its derivatives by name, computed from measured values.

A derivative that a stencil gives is a *quantity*, a linear map of u. A residual asks for quantities
by name (`u.t`, `u.xx`, `u.laplacian`); which ones is found out by running it once on made-up numbers
(`recorded`), so a problem never declares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from photonzero.training.errors import ProblemError
from photonzero.training.oracle import Array
from photonzero.training.pde.space import Space
from photonzero.training.stencils import DerivativeRequest, DerivativeStencil

Kind: TypeAlias = Literal["partial", "gradient", "hessian", "laplacian", "slopes", "curvature"]
Key: TypeAlias = tuple[Kind, tuple[Any, ...]]
"""A quantity: one partial derivative by its coordinates, the first or pure second derivatives in some
coordinates, a Laplacian over some, the slopes whose weighted squares make |grad u|^2 over some, or the
second derivative along a vector."""

_SINGLE = ("partial", "laplacian", "curvature")
"""Kinds that stand for one number a point."""

VALUE: Key = ("partial", ())


class Source(Protocol):
    """Gives quantities of one output."""

    def quantity(self, key: Key) -> Array:
        """(P, B), or (P, B, n) for a key that stands for n numbers."""
        ...

    def squared_gradient(self, dims: tuple[int, ...]) -> Array:
        """|grad u|^2 over some coordinates, (P, B)."""
        ...


class Field(NDArrayOperatorsMixin):
    """One output of the network after the ansatz, for P candidates at B points.

    In arithmetic it is its value: ``u * u.x``. Derivatives by name: ``u.t``, ``u.xx``, ``u.xt``; for a
    vector x ``u.x`` and ``u.xx`` are all its first and pure second derivatives, (P, B, n). All others
    are (P, B).

    Args:
        name: name of the output.
        space: names of the coordinates.
        source: what gives the numbers of its quantities.
    """

    def __init__(self, name: str, space: Space, source: Source) -> None:
        self._name = name
        self._space = space
        self._source = source

    @property
    def value(self) -> Array:
        """The output itself, u of P candidates at B points, (P, B)."""
        return self._source.quantity(VALUE)

    @property
    def laplacian(self) -> Array:
        """Sum of second derivatives over all coordinates but time, (P, B)."""
        return self._source.quantity(("laplacian", self._space.spatial))

    @property
    def squared_gradient(self) -> Array:
        """|grad u|^2 over all coordinates but time, (P, B); unbiased for random stencils too."""
        return self._source.squared_gradient(self._space.spatial)

    def partial(self, *coordinates: int) -> Array:
        """A derivative by the numbers of its coordinates, (P, B): (1, 1) is d2u/dx_1^2.

        Raises:
            ProblemError: a coordinate that does not exist.
        """
        for i in coordinates:
            if not 0 <= i < self._space.dim:
                raise ProblemError(
                    f"derivative: {self._name}.partial{coordinates}; allowed: 0..{self._space.dim - 1}"
                )
        return self._source.quantity(("partial", tuple(sorted(coordinates))))

    def along(self, direction: Sequence[float]) -> Array:
        """The second derivative along a vector of all coordinates, ``a^T H a``, (P, B).

        Raises:
            ProblemError: a vector of another length, or zero.
        """
        vector = tuple(float(a) for a in direction)
        if len(vector) != self._space.dim or not np.isfinite(vector).all() or not any(vector):
            raise ProblemError(
                f"derivative: {self._name}.along({vector}); allowed: {self._space.dim} numbers, not all 0"
            )
        return self._source.quantity(("curvature", vector))

    def __getattr__(self, word: str) -> Array:
        """A derivative by name.

        Raises:
            ProblemError: not made of coordinates' names.
        """
        if word.startswith("_"):
            raise AttributeError(word)
        names = self._space.split(word)
        space, vectors = self._space, [n for n in names or () if self._space.is_vector(n)]
        if names and not vectors:
            return self.partial(*(i for name in names for i in space.indices(name)))
        if len(vectors) in (1, 2) and set(names or ()) == {vectors[0]}:
            kind = "gradient" if len(vectors) == 1 else "hessian"
            return self._source.quantity((kind, space.indices(vectors[0])))
        some = ", ".join(f"{self._name}.{n}, {self._name}.{n}{n}" for n in space.names)
        raise ProblemError(
            f"derivative: {self._name}.{word}; allowed: {some}, {self._name}.laplacian, "
            f"{self._name}.squared_gradient, {self._name}.value, {self._name}.partial(i, ...)"
        )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Arithmetic with a field is arithmetic with its value."""
        plain = [x.value if isinstance(x, Field) else x for x in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """The value, for functions that want an array."""
        return np.array(self.value, dtype=dtype)


@dataclass(frozen=True)
class QuantityPlaces:
    """Where each quantity stands among n_q numbers.

    Attributes:
        places: the numbers of each quantity; an integer for one that is a single number.
        slope_weights: weights of the squared slopes, by coordinates.
    """

    places: Mapping[Key, int | slice]
    slope_weights: Mapping[tuple[int, ...], Array]

    def source(self, quantities: Array) -> Source:
        """Access by key to quantities (P, B, n_q)."""
        return _Measured(self, quantities)


@dataclass(frozen=True)
class QuantityMap(QuantityPlaces):
    """The quantities of one stencil as rows of one matrix.

    Attributes:
        rows: weights of the n_q numbers that the quantities are, (n_q, K): ``rows @ u``,
            in the units of the problem's coordinates.
    """

    rows: Array


class _Measured:
    def __init__(self, layout: QuantityPlaces, quantities: Array) -> None:
        self._layout = layout
        self._quantities = quantities

    def quantity(self, key: Key) -> Array:
        return self._quantities[..., self._layout.places[key]]

    def squared_gradient(self, dims: tuple[int, ...]) -> Array:
        return self.quantity(("slopes", dims)) ** 2 @ self._layout.slope_weights[dims]


def quantity_map(stencil: DerivativeStencil, keys: Iterable[Key], scale: Array) -> QuantityMap:
    """The rows that quantities need of a stencil.

    Args:
        stencil: a stencil in the coordinates z of the network's input.
        keys: the quantities that are needed.
        scale: one unit of each z in the problem's coordinates, (d,): with
            ``x = center + scale * z`` a derivative by x_i is that by z_i over scale_i.

    Raises:
        ArgumentError: the stencil's rule does not give a quantity.
    """
    keys = tuple(keys)
    curvatures = [key for key in keys if key[0] == "curvature"]
    rows: list[Array] = []
    places: dict[Key, int | slice] = {}
    slope_weights: dict[tuple[int, ...], Array] = {}
    n_rows = 0
    for key in keys:
        kind, dims = key
        if kind == "partial":
            own = (stencil.partial_weights(dims) / np.prod(scale[list(dims)]))[None]
        elif kind == "curvature":
            assert stencil.curvatures is not None
            own = stencil.curvatures[curvatures.index(key)][None]
        elif kind == "laplacian":
            own = _laplacian_row(stencil, dims, scale)[None]
        elif kind == "hessian":
            own = np.stack([stencil.partial_weights((i, i)) / scale[i] ** 2 for i in dims])
        elif kind == "slopes" and stencil.trace is not None:
            if stencil.trace.dims != dims or np.ptp(scale[list(dims)]) > 0:
                raise _one_scale(dims)
            own = stencil.trace.slopes / scale[dims[0]]
            slope_weights[dims] = stencil.trace.slope_weights
        else:
            own = np.stack([stencil.partial_weights((i,)) / scale[i] for i in dims])
            slope_weights[dims] = np.ones(len(dims))
        places[key] = n_rows if kind in _SINGLE else slice(n_rows, n_rows + len(own))
        n_rows += len(own)
        rows.append(own)
    return QuantityMap(places, slope_weights, np.vstack(rows))


def _laplacian_row(stencil: DerivativeStencil, dims: tuple[int, ...], scale: Array) -> Array:
    if np.ptp(scale[list(dims)]) == 0:
        return stencil.laplacian_weights(dims) / scale[dims[0]] ** 2
    if stencil.trace is not None:
        raise _one_scale(dims)
    return np.sum([stencil.partial_weights((i, i)) / scale[i] ** 2 for i in dims], axis=0)


def _one_scale(dims: tuple[int, ...]) -> ProblemError:
    return ProblemError(
        f"derivatives: a rule of random directions over coordinates {dims}; allowed: equally long "
        "intervals for all of them, or another rule, such as central"
    )


def recorded(
    space: Space, outputs: tuple[str, ...], formula: Callable[..., Any], *, n_points: int = 3
) -> tuple[tuple[Key, ...], Any]:
    """Quantities that a formula of fields asks for, and its answer on made-up numbers.

    Args:
        space: names and places of the problem's coordinates.
        outputs: names of the problem's outputs, one field each.
        formula: called with one field an output, each of 2 candidates at `n_points` points.
        n_points: number of points, B.
    """
    rng = np.random.default_rng(0)
    keys: dict[Key, None] = {}

    class Recorder:
        def quantity(self, key: Key) -> Array:
            keys[key] = None
            shape = (2, n_points) if key[0] in _SINGLE else (2, n_points, len(key[1]))
            return rng.standard_normal(shape)

        def squared_gradient(self, dims: tuple[int, ...]) -> Array:
            return (self.quantity(("slopes", dims)) ** 2).sum(axis=-1)

    answer = formula(*(Field(name, space, Recorder()) for name in outputs))
    # A formula of the coordinates alone still needs one quantity to have a shape.
    return tuple(keys) or (VALUE,), answer


def derivative_request(keys: Iterable[Key], scale: Array) -> DerivativeRequest:
    """What a stencil in coordinates ``z = x / scale`` must offer for these quantities."""
    keys = tuple(keys)
    traces = sorted({dims for kind, dims in keys if kind in ("laplacian", "slopes")})
    # Pure second derivatives come with every rule that has them.
    mixed = {
        dims
        for kind, dims in keys
        if kind == "partial" and (len(dims) > 2 or len(set(dims)) == len(dims) == 2)
    }
    # a^T H a in x is that along a / scale in z.
    directions = tuple(tuple(np.array(dims) / scale) for kind, dims in keys if kind == "curvature")
    return DerivativeRequest(traces[0] if traces else None, tuple(sorted(mixed)), directions)
