"""Named coordinates: the box a PDE is stated on, and points of it by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from photonzero.training.errors import ProblemError
from photonzero.training.oracle import Array

TIME = "t"
"""The coordinate that is time wherever it occurs: no part of Laplacians, gradients' squares and faces."""


@dataclass(frozen=True)
class Space:
    """A box with named coordinates, d numbers in all.

    Attributes:
        names: names of the coordinates, in the order of the d numbers.
        slices: place of each coordinate among the d numbers.
        vectors: whether each coordinate is a vector, as ``"x": (0, 1, 20)`` makes one.
        lower: lower ends of the box, (d,).
        upper: upper ends of the box, (d,).
    """

    names: tuple[str, ...]
    slices: tuple[slice, ...]
    vectors: tuple[bool, ...]
    lower: Array
    upper: Array

    @property
    def dim(self) -> int:
        """Number of coordinates, d, every component of a vector counted."""
        return self.lower.size

    @property
    def spatial(self) -> tuple[int, ...]:
        """The coordinates that are not time."""
        return tuple(i for name in self.names if name != TIME for i in self.indices(name))

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each of the d numbers: x1, x2, .. for a vector x."""
        return tuple(
            f"{name}{k + 1}" if vector else name
            for name, vector in zip(self.names, self.vectors, strict=True)
            for k in range(len(self.indices(name)))
        )

    def indices(self, name: str) -> tuple[int, ...]:
        """Places of a coordinate by name."""
        place = self.slices[self.names.index(name)]
        return tuple(range(place.start, place.stop))

    def is_vector(self, name: str) -> bool:
        """Whether that coordinate is a vector."""
        return self.vectors[self.names.index(name)]

    def split(self, word: str) -> tuple[str, ...] | None:
        """Coordinates that a word such as "xx" or "xt" is made of; None if it is not."""
        if not word:
            return ()
        for name in sorted(self.names, key=len, reverse=True):
            if word.startswith(name):
                rest = self.split(word[len(name) :])
                if rest is not None:
                    return (name, *rest)
        return None


def make_space(domain: Mapping[str, Sequence[float]]) -> Space:
    """The space of a domain such as ``{"x": (0, 1), "t": (0, 2)}``.

    Args:
        domain: per coordinate (lower, upper), or (lower, upper, n) for a vector of n coordinates.

    Raises:
        ProblemError: no coordinate, a bad name, a lower end above the upper one.
    """
    if not isinstance(domain, Mapping) or not domain:
        raise ProblemError(f"domain: {domain!r}; allowed: {{name: (lower, upper)}} with at least one name")
    slices: list[slice] = []
    lower: list[float] = []
    upper: list[float] = []
    for name, entry in domain.items():
        if not (isinstance(name, str) and name.isidentifier() and not name.startswith("_")):
            raise ProblemError(f"domain: coordinate {name!r}; allowed: a name such as 'x' or 't'")
        try:
            low, high, *rest = entry
            count = int(rest[0]) if rest else 1
            valid = len(rest) <= 1 and count >= 1 and np.isfinite([low, high]).all()
        except (TypeError, ValueError):
            valid, low, high, count = False, 0.0, 1.0, 1
        if not valid:
            raise ProblemError(f"domain: {name} = {entry!r}; allowed: (lower, upper) or (lower, upper, n)")
        if not low < high:
            raise ProblemError(f"domain: {name} = {entry!r}; allowed: lower below upper")
        slices.append(slice(len(lower), len(lower) + count))
        lower += [float(low)] * count
        upper += [float(high)] * count
    vectors = tuple(len(entry) == 3 for entry in domain.values())
    return Space(tuple(domain), tuple(slices), vectors, np.array(lower), np.array(upper))


class Coordinates:
    """Points by the names of their coordinates: ``at.x``, ``at.t``.

    Args:
        space: names and places of the coordinates.
        points: points of the space, (..., d).

    Attributes:
        points: the points as they are, (..., d); they cannot be written to.
    """

    def __init__(self, space: Space, points: Array) -> None:
        self._space = space
        self.points = points.view()
        self.points.flags.writeable = False

    def __getattr__(self, name: str) -> Array:
        """A coordinate: (...,), or (..., n) for a vector.

        Raises:
            ProblemError: no such coordinate.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._space.names:
            raise ProblemError(f"coordinate: at.{name}; allowed: {', '.join(self._space.names)}")
        place = self._space.slices[self._space.names.index(name)]
        return self.points[..., place] if self._space.is_vector(name) else self.points[..., place.start]
