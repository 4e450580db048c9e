"""What a PDE problem says: domain, residual, conditions, ansatz, and an exact solution to be judged by.

`PDE` is the base class of the library's problems and of users' own::

    class Diffusion(PDE):
        domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}

        def residual(self, at, u):
            return u.t - u.xx

        def conditions(self):
            return [
                Condition("initial", {"t": 0.0}, lambda at, u: u - np.sin(np.pi * at.x)),
                Condition("walls", {"x": [0.0, 1.0]}, lambda at, u: u.value),
            ]
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np

from photonzero.training.errors import ProblemError
from photonzero.training.oracle import Array
from photonzero.training.pde.space import Coordinates, Space, make_space


@dataclass(frozen=True)
class Condition:
    """Something that holds on a part of the domain: boundary, initial or terminal data, or data of any kind.

    Attributes:
        name: the condition's name, in messages and as the key of its weight.
        at: where: values of some coordinates, ``{"t": 0.0}``, several to choose from, ``{"x": [-1, 1]}``,
            or "faces", all faces of the box but those of time. The other coordinates are random.
        residual: ``(at, u)`` or ``(at, u, v, ..)`` to (P, B), or several of them; zero where it holds.
        weight: weight of its mean square in the loss; that of the PDE itself is 1.
        points: N fixed points in place of `at`, (N, d).
        share: points of a batch per point of the PDE; None takes the run's `points.condition_share`.
    """

    name: str
    at: Mapping[str, float | Sequence[float]] | Literal["faces"] | None
    residual: Callable[..., Any]
    weight: float = 1.0
    points: Array | None = None
    share: float | None = None


class PDE(ABC):
    """A PDE on a box, with named coordinates and outputs.

    Attributes:
        domain: per coordinate (lower, upper), or (lower, upper, n) for a vector of n. A coordinate
            named t is time.
        outputs: names of the solution's components.
        closed: whether stencils must stay inside the box, with one-sided differences on its faces; an open
            domain lets them reach beyond it, where ansatz and coefficients must then have a meaning.
        presented: interval that coordinates are presented to the network as; None presents all as they
            are, a mapping by name sets some, the others are [-1, 1]. A network resolves a coordinate the
            better the wider it is presented, and is the smoother in it the narrower.
        weight: weight of the residual's mean square in the loss.
        judged: outputs that errors are about; None for all.
        free_constants: outputs that the PDE fixes up to a constant only, removed from errors.
        reference_error: relative l2 error of `exact`, where it is not exact.
        check_tolerance: largest relative residual of `exact` that `photonzero check` accepts.
        check_spacing: spacing of the stencil that `photonzero check` uses, in units of the network's input.
        suggested: what a run of it starts from where nothing else is asked for: any of "chip" (a name),
            "batch_size" (number of collocation points) and "derivatives" (name of the rule that takes them),
            as the run's configuration names them. What is not suggested is left to the project.
    """

    domain: Mapping[str, Sequence[float]]
    outputs: tuple[str, ...] = ("u",)
    closed: bool = False
    presented: Mapping[str, tuple[float, float]] | tuple[float, float] | None = (-1.0, 1.0)
    weight: float = 1.0
    judged: tuple[str, ...] | None = None
    free_constants: tuple[str, ...] = ()
    reference_error: float = 0.0
    check_tolerance: float = 1e-4
    check_spacing: float = 1e-2
    suggested: Mapping[str, str | int] = MappingProxyType({})
    label: ClassVar[str | None] = None

    @abstractmethod
    def residual(self, *args: Any, **kwargs: Any) -> Any:
        """``residual(self, at, u)``: left side minus right side, (P, B), or a list of them.

        Zero for the solution. `at` holds the points, ``at.x`` (B,); then comes one `Field` an output,
        ``u.t`` (P, B).
        """

    def conditions(self) -> Sequence[Condition]:
        """Conditions that enter the loss as penalties."""
        return ()

    def ansatz(self, *args: Any, **kwargs: Any) -> Any:
        """``ansatz(self, at, net)``: the solution from the network's outputs, conditions built in exactly.

        Affine in the outputs. `at` holds points (..., d); then one array an output, of a shape that ends with
        that of the points. By default the outputs themselves.
        """
        return args[1:]

    def exact(self, at: Coordinates) -> Any:
        """The exact solution or a reference of another kind, an array (...,) an output; None if unknown."""
        return None

    @property
    def name(self) -> str:
        """The name the command knows it by."""
        return self.label or type(self).__name__

    @cached_property
    def space(self) -> Space:
        """The box of the domain with the names of its coordinates."""
        domain = getattr(self, "domain", None)
        if domain is None:
            raise ProblemError(f'{self.name}: no domain; allowed: domain = {{"x": (0.0, 1.0), ...}}')
        try:
            return make_space(domain)
        except ProblemError as error:
            raise ProblemError(f"{self.name}: {error}") from None

    @property
    def dim(self) -> int:
        """Number of coordinates, time included."""
        return self.space.dim

    @property
    def n_outputs(self) -> int:
        """Number of components of the solution."""
        return len(self.outputs)

    @property
    def has_exact(self) -> bool:
        """Whether there is a solution to be judged by."""
        return type(self).exact is not PDE.exact

    @cached_property
    def center(self) -> Array:
        """(d,), presented to the network as 0."""
        if self.presented is None:
            return np.zeros(self.space.dim)
        return self.space.lower - self._presented[0] * self.scale

    @cached_property
    def scale(self) -> Array:
        """(d,), one unit of the network's input."""
        if self.presented is None:
            return np.ones(self.space.dim)
        low, high = self._presented
        return (self.space.upper - self.space.lower) / (high - low)

    @cached_property
    def _presented(self) -> Array:
        """Lower and upper ends of what is presented, (2, d)."""
        ends = np.empty((2, self.space.dim))
        single = None if isinstance(self.presented, Mapping) else self.presented
        chosen = self.presented if isinstance(self.presented, Mapping) else {}
        unknown = set(chosen) - set(self.space.names)
        for name in self.space.names:
            ends[:, list(self.space.indices(name))] = np.reshape(
                chosen.get(name, single or (-1.0, 1.0)), (2, 1)
            )
        if unknown or not (ends[0] < ends[1]).all():
            raise ProblemError(f"{self.name}: presented = {self.presented}; allowed: lower below upper")
        return ends

    def presenting(self, intervals: Mapping[str, tuple[float, float]]) -> Self:
        """The same problem with some coordinates presented as other intervals."""
        before = self.presented
        if before is None:
            before = {name: (entry[0], entry[1]) for name, entry in self.domain.items()}
        elif not isinstance(before, Mapping):
            before = dict.fromkeys(self.domain, before)
        return self.changed(presented={**before, **intervals})

    def changed(self, **values: Any) -> Self:
        """The same problem with other values of some attributes, such as a coefficient or `presented`."""
        other = copy.copy(self)
        for name in ("space", "center", "scale", "_presented"):
            vars(other).pop(name, None)
        for name, value in values.items():
            setattr(other, name, value)
        return other

    def suggestions(self) -> dict[str, str | int]:
        """The problem's `suggested` values by name, checked.

        Raises:
            ProblemError: no mapping, an unknown name, or a value of another type than the configuration's.
        """
        if not isinstance(self.suggested, Mapping):
            raise ProblemError(f"{self.name}: suggested = {self.suggested!r}; allowed: {{name: value}}")
        for key, value in self.suggested.items():
            if key not in ("chip", "batch_size", "derivatives"):
                raise ProblemError(
                    f"{self.name}: suggested {key!r}; allowed: 'chip', 'batch_size', 'derivatives'"
                )
            number = key == "batch_size"
            if not (type(value) is int and value >= 1 if number else type(value) is str and value):
                allowed = "an integer >= 1" if number else "a name"
                raise ProblemError(f"{self.name}: suggested {key} = {value!r}; allowed: {allowed}")
        return dict(self.suggested)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Random points of the domain, (n, d), to be judged at and measured at; uniform by default."""
        space = self.space
        return space.lower + (space.upper - space.lower) * rng.random((n, space.dim))

    def collocation(self, n: int, rng: np.random.Generator) -> Array:
        """Random points that the PDE is measured at, (n, d); those of `sample` by default.

        Where a solution is sharp, points can be denser. Errors are judged at points of `sample` all the same.
        """
        return self.sample(n, rng)

    def solution(self, points: Array, network: Array) -> Array:
        """U from the network's outputs: points (..., d) and network (P, ..., m) to (P, ..., m)."""
        net = np.moveaxis(network, -1, 0)
        answer = self.ansatz(Coordinates(self.space, points), *net)
        parts = answer if isinstance(answer, tuple | list) else (answer,)
        if len(parts) != self.n_outputs:
            raise ProblemError(f"{self.name}: ansatz gives {len(parts)} outputs; allowed: {self.n_outputs}")
        return np.stack([np.broadcast_to(part, network.shape[:-1]) for part in parts], axis=-1)

    def reference(self, points: Array) -> Array:
        """`exact` at points (..., d), (..., m).

        Raises:
            ProblemError: none is known, or it has the wrong shape or is not finite.
        """
        answer = self.exact(Coordinates(self.space, points))
        if answer is None:
            raise ProblemError(f"{self.name}: no exact solution; allowed: a method exact(self, at)")
        parts = answer if isinstance(answer, tuple | list) else (answer,)
        shapes = [np.shape(part) for part in parts]
        if len(parts) != self.n_outputs or any(shape != points.shape[:-1] for shape in shapes):
            raise ProblemError(
                f"{self.name}: exact gives shapes {shapes}; allowed: {self.n_outputs} of {points.shape[:-1]}"
            )
        stacked = np.stack(parts, axis=-1)
        if stacked.dtype.kind not in "biuf":
            raise ProblemError(f"{self.name}: exact gives {stacked.dtype} numbers; allowed: real ones")
        if not np.isfinite(stacked).all():
            raise ProblemError(f"{self.name}: exact gives NaN or infinity; allowed: finite numbers")
        return stacked

    def relative_error(self, predicted: Array, exact: Array) -> float:
        """Relative l2 error of (N, m) outputs: judged ones, stacked, free constants removed.

        Raises:
            ProblemError: `exact` is 0 everywhere, and no error is relative to it.
        """
        judged = [self.outputs.index(name) for name in self.judged or self.outputs]
        free = np.isin(self.outputs, self.free_constants)
        error, size = ((part - np.where(free, part.mean(axis=0), 0.0))[:, judged]
                       for part in (predicted - exact, exact))  # fmt: skip
        norm = float(np.linalg.norm(size))
        if norm == 0:
            raise ProblemError(
                f"{self.name}: exact is 0 at all points; allowed: a solution that errors are relative to, "
                "or none"
            )
        return float(np.linalg.norm(error) / norm)


def sample_condition(
    problem: PDE, condition: Condition, n: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Random points of a condition (n, d), and which of their coordinates it fixes, (n, d) bool.

    Raises:
        ProblemError: nothing is fixed, or there are no points.
    """
    space = problem.space
    where = f"{problem.name}: condition {condition.name!r}"
    if condition.points is not None:
        points = np.asarray(condition.points, dtype=float)
        if points.ndim != 2 or points.shape[1] != space.dim or len(points) == 0:
            raise ProblemError(f"{where} points: shape {points.shape}; allowed: (N >= 1, {space.dim})")
        for name in space.names:
            place = list(space.indices(name))
            _check_inside(f"{where} points", space, name, points[:, place])
        return points, np.ones(points.shape, dtype=bool)
    points = problem.sample(n, rng)
    fixed = np.zeros(points.shape, dtype=bool)
    if condition.at == "faces":
        sides = [(i, end) for i in space.spatial for end in (space.lower[i], space.upper[i])]
        chosen = rng.integers(len(sides), size=n)
        for side, (i, end) in enumerate(sides):
            points[chosen == side, i] = end
            fixed[chosen == side, i] = True
        return points, fixed
    if not isinstance(condition.at, Mapping) or not condition.at:
        raise ProblemError(f"{where}: no points; allowed: at={{name: value}}, at='faces', or points=")
    for name, values in condition.at.items():
        if name not in space.names:
            raise ProblemError(f"{where}: coordinate {name!r}; allowed: {', '.join(space.names)}")
        choices = np.atleast_1d(np.asarray(values, dtype=float))
        if choices.ndim != 1 or choices.size == 0 or not np.isfinite(choices).all():
            raise ProblemError(f"{where}: {name} = {values!r}; allowed: a number or several")
        place = list(space.indices(name))
        _check_inside(where, space, name, choices[:, None])
        drawn = choices[rng.integers(choices.size, size=n)] if choices.size > 1 else choices
        points[:, place] = np.reshape(drawn, (-1, 1))
        fixed[:, place] = True
    return points, fixed


def _check_inside(where: str, space: Space, name: str, values: Array) -> None:
    """Refuse values (n, k) of a coordinate outside of its interval; rounding may take one across its end."""
    place = list(space.indices(name))
    low, high = space.lower[place], space.upper[place]
    width = 1e-9 * (high - low)
    outside = ~((values >= low - width) & (values <= high + width))
    if outside.any():
        raise ProblemError(
            f"{where}: {name} = {values[outside][0]:g} outside of the domain; "
            f"allowed: {low[0]:g} to {high[0]:g}"
        )
