"""The rectangular mesh of Clements et al."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from photonzero.photonics.mesh.nulling import FROM_BOTH_SIDES
from photonzero.photonics.mesh.topology import MeshTopology, checkerboard, require_modes


@lru_cache(maxsize=64)
def rectangular(n_modes: int) -> MeshTopology:
    """N layers, even ones start at mode 0, odd ones at mode 1. Universal [clements2016].

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    require_modes(n_modes)
    first = np.arange(n_modes) % 2
    return checkerboard(
        "rectangular", n_modes, first, np.full_like(first, n_modes - 2), nulling=FROM_BOTH_SIDES
    )
