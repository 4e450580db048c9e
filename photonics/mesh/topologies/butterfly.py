"""The mesh that meets modes as the fast Fourier transform does."""

from __future__ import annotations

from functools import lru_cache

from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topology import MeshTopology, from_layers, require_modes


@lru_cache(maxsize=64)
def butterfly(n_modes: int) -> MeshTopology:
    """The flow graph of the fast Fourier transform: log2 N layers, strides 1, 2, 4, ... N / 2.

    Not universal: N/2 log2 N MZIs. Waveguides cross between the layers, at no cost in this model.

    Raises:
        PhotonicsError: N is not a power of two, or below 2.
    """
    require_modes(n_modes)
    if n_modes & (n_modes - 1):
        raise PhotonicsError(f"n_modes: {n_modes}; allowed: a power of two >= 2")
    strides = [1 << k for k in range(n_modes.bit_length() - 1)]
    layers = [[(i, i + s) for i in range(n_modes) if not i & s] for s in strides]
    return from_layers("butterfly", n_modes, layers)
