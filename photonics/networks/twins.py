"""Networks made from networks: with other cores, dense, of other ranks, and grown in rank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from photonzero.photonics.cores import Numbers
from photonzero.photonics.design import NetworkDesign, dense_layer
from photonzero.photonics.networks.load import electronics, load_cores, unfolded_cores
from photonzero.photonics.tensor_train import folded, grown_cores

FloatArray = npt.NDArray[np.float64]


def digital_twin(design: NetworkDesign) -> NetworkDesign:
    """The same network with cores that are numbers."""
    layers = [replace(layer, core=Numbers()) if layer.core.is_optical else layer for layer in design.layers]
    return replace(design, layers=tuple(layers))


def dense_twin(design: NetworkDesign, widths: Sequence[int]) -> NetworkDesign:
    """A network with dense layers of these widths in place of tensor trains, all else alike."""
    layers = tuple(
        replace(
            dense_layer(n_out, n_in, layer.activation, layer.core, layer.gain), full_scale=layer.full_scale
        )
        for layer, n_in, n_out in zip(design.layers, widths[:-1], widths[1:], strict=True)
    )
    return replace(design, name=f"dense-{design.name}", layers=layers)


def with_rank(design: NetworkDesign, rank: int) -> NetworkDesign:
    """The same network with inner ranks that are all `rank`."""
    layers = []
    for layer in design.layers:
        inner = (rank,) * (len(layer.ranks) - 2)
        layers.append(replace(layer, ranks=(1, *inner, 1)))
    return replace(design, layers=tuple(layers))


def grow_network(
    design: NetworkDesign, controls: FloatArray, max_rank: int, rng: np.random.Generator
) -> tuple[NetworkDesign, FloatArray]:
    """A network of larger ranks that computes the same function, and its controls.

    With optical cores this holds for chips without imperfections: a larger network is another chip, whose
    fabrication errors have nothing to do with the first one's.

    Args:
        design: of kinds of core that can be loaded.
        controls: (n_controls,).
        max_rank: see `photonzero.photonics.tensor_train.grown_cores`.
        rng: of the new entries.

    Returns:
        The larger design, with cores of the old kinds, and its controls.

    Raises:
        PhotonicsError: cores that cannot be set to a wanted matrix.
    """
    layers, matrices = [], []
    for layer, unfolded in zip(design.layers, unfolded_cores(design, controls), strict=True):
        cores = grown_cores(folded(unfolded, layer.out_modes, layer.in_modes, layer.ranks), max_rank, rng)
        layers.append(replace(layer, ranks=(*(core.shape[0] for core in cores), 1)))
        matrices.append([core.reshape(len(core) * core.shape[1], -1) for core in cores])
    return load_cores(replace(design, layers=tuple(layers)), matrices, electronics(design, controls))
