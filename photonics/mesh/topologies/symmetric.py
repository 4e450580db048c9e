"""The rectangular mesh with symmetric cells of Bell and Walmsley."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from photonzero.photonics.mesh.nulling import FROM_BOTH_SIDES
from photonzero.photonics.mesh.topology import MeshTopology, checkerboard, require_modes


@lru_cache(maxsize=64)
def symmetric(n_modes: int) -> MeshTopology:
    """The rectangle of MZIs with one phase shifter in each arm. Universal [bell2021].

    No phase shifter stands between two MZIs, so that a layer is shorter by one shifter. What the
    arms cannot set is set at the rim: one shifter at the upper input of each MZI of the first
    layer, and one on the last mode after each layer that it passes by.

    Raises:
        PhotonicsError: fewer than 2 modes.
    """
    require_modes(n_modes)
    first, last = np.arange(n_modes) % 2, n_modes - 1
    inputs = [(0, upper) for upper in range(0, last, 2)]
    rim = [(k + 1, last) for k in range(last) if (last - k) % 2 == 0]
    return checkerboard(
        "symmetric", n_modes, first, np.full_like(first, n_modes - 2), cell="symmetric",
        edges=inputs + rim, nulling=FROM_BOTH_SIDES,
    )  # fmt: skip
