"""The triangular mesh of Reck et al."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from photonzero.photonics.mesh.nulling import FROM_RIGHT
from photonzero.photonics.mesh.topology import MeshTopology, checkerboard, require_modes


@lru_cache(maxsize=64)
def triangular(n_modes: int) -> MeshTopology:
    """2N - 3 layers; mode N - 1 meets one MZI, mode 0 meets N - 1. Universal [reck1994].

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    require_modes(n_modes)
    layer = np.arange(2 * n_modes - 3)
    return checkerboard("triangular", n_modes, layer % 2, np.minimum(layer, layer[::-1]), nulling=FROM_RIGHT)
