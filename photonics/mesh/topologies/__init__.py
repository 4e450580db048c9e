"""The meshes that have a name, one a file: whatever stands in this folder is registered by being there.

A file ``star.py`` holds a function ``star`` that takes N and returns a `MeshTopology` of N modes. One of
one's own is ``my.py:star``, or an entry point of the group ``photonzero.topologies``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topologies.butterfly import butterfly
from photonzero.photonics.mesh.topologies.rectangular import rectangular
from photonzero.photonics.mesh.topologies.symmetric import symmetric
from photonzero.photonics.mesh.topologies.triangular import triangular
from photonzero.photonics.mesh.topology import MeshTopology, Nulling
from photonzero.registry import Registry

__all__ = ["TOPOLOGIES", "butterfly", "mesh", "nulling_of", "rectangular", "symmetric", "triangular"]

Constructor: TypeAlias = Callable[[int], MeshTopology]


def _check(name: str, value: Any) -> Any:
    if not callable(value):
        raise PhotonicsError(
            f"topology {name!r}: a {type(value).__name__}; allowed: a function of the number of modes"
        )
    return value


TOPOLOGIES: Registry[Constructor] = Registry(
    kind="topology",
    builtin={name: f"{__name__}.{name}:{name}" for _, name, _ in pkgutil.iter_modules(__path__)},
    error=PhotonicsError,
    check=_check,
    group="photonzero.topologies",
)
"""Constructors by name; each takes N."""


def mesh(topology: str, n_modes: int) -> MeshTopology:
    """The mesh of that name and size; always the same object for the same two.

    Args:
        topology: "rectangular", "triangular", "symmetric", "butterfly", what an installed package has
            registered, or ``my.py:star`` in a file of one's own.
        n_modes: N.

    Raises:
        PhotonicsError: an unknown name, a size that the topology does not have, or a topology of one's
            own that makes something else.
    """
    return _made(TOPOLOGIES.get(topology), topology, n_modes)


@lru_cache(maxsize=64)
def _made(constructor: Constructor, name: str, n_modes: int) -> MeshTopology:
    made = constructor(n_modes)
    if not isinstance(made, MeshTopology) or made.n_modes != n_modes:
        found = f"{made.n_modes} modes" if isinstance(made, MeshTopology) else f"a {type(made).__name__}"
        raise PhotonicsError(f"topology {name!r}: {found}; allowed: a MeshTopology of {n_modes} modes")
    return made


def nulling_of(topology: MeshTopology) -> Nulling:
    """How a unitary matrix becomes the phases of a mesh.

    Raises:
        PhotonicsError: it is not universal.
    """
    if topology.nulling is None:
        known = ", ".join(name for name in TOPOLOGIES.builtin if mesh(name, 4).is_universal)
        raise PhotonicsError(
            f"topology: {topology.name!r}; allowed: {known}, or one of your own that has a nulling"
        )
    return topology.nulling
