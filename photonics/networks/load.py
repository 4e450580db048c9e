"""Networks that exist already, brought onto chips: decompose and load, compensate known errors, compare.

What is done here knows the fabricated chip or the ideal one from inside, as a foundry's test report does.
Nothing of it crosses the seam to training; calibration from measurements alone is a training like any other.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.chip.chip import Chip, fabricate
from photonzero.photonics.cores.svd_core import block_phases
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import fidelity

FloatArray = npt.NDArray[np.float64]

_HEADROOM = 1.0 + 1e-9
"""Singular values stay this far inside what a block can set, where rounding would cut them."""


def digital_twin(design: NetworkDesign) -> NetworkDesign:
    """The same network with cores that are numbers."""
    layers = tuple(replace(layer, domain="weight") for layer in design.layers)
    return replace(design, layers=layers)


def unfolded_cores(design: NetworkDesign, controls: FloatArray) -> tuple[tuple[FloatArray, ...], ...]:
    """Cores that an ideal chip of this design holds, without the layers' gain.

    Args:
        design: in any domain.
        controls: (n_controls,).

    Returns:
        Per layer, per core, (r_{k-1} m_k, n_k r_k).
    """
    chip = fabricate(design, NoiseModel(), 0, dtype=np.float64)
    cores = chip.circuit.cores(controls[None], np.random.default_rng(0))
    return tuple(tuple(np.real(core[0]) for core in layer) for layer in cores)


def load_network(
    source: NetworkDesign, controls: FloatArray, *, core_size: int | None = None
) -> tuple[NetworkDesign, FloatArray]:
    """An optical design for a trained network and the phases that make an ideal chip of it the same network.

    Cores of a layer are brought to a common size first, which changes nothing of their product; the
    design's s_max grows where the largest singular value of a block needs it to (that part of it is
    electronic gain).

    Args:
        source: the network, in any domain; a network of phases is loaded as it is.
        controls: (n_controls,) of the source.
        core_size: k of the blocks, None as the source has it.

    Returns:
        The design in the phase domain and its controls.

    Raises:
        PhotonicsError: a wrong number of controls.
    """
    if all(layer.domain == "phase" for layer in source.layers) and core_size is None:
        return source, controls
    cores = unfolded_cores(source, controls)
    layers, blocks = [], []
    for layer, own in zip(source.layers, cores, strict=True):
        optical = replace(layer, domain="phase", core_size=core_size or layer.core_size)
        cut = [_blocks(optical, k, core) for k, core in enumerate(_balance(own))]
        largest = max(float(np.linalg.svd(b, compute_uv=False).max()) for b in cut)
        if largest * _HEADROOM > optical.largest_singular_value:
            optical = replace(optical, s_max=largest * _HEADROOM)
        layers.append(optical)
        blocks.append(cut)
    design = replace(source, layers=tuple(layers))
    chip = fabricate(design, NoiseModel(), 0)
    loaded = np.zeros(chip.n_controls)
    for number, (layer, cut) in enumerate(zip(layers, blocks, strict=True), start=1):
        for k, core in enumerate(cut):
            groups = [chip.control_groups[f"layer{number}/core{k}/{part}"].slice for part in "UsV"]
            phases = [block_phases(block, layer.largest_singular_value)[:3] for block in core]
            for place, part in zip(groups, zip(*phases, strict=True), strict=True):
                loaded[place] = np.concatenate(part)
    digital = fabricate(source, NoiseModel(), 0).control_groups
    for name, group in chip.control_groups.items():
        if group.kind == "digital":
            loaded[group.slice] = controls[digital[name].slice]
    return design, loaded


def _balance(cores: tuple[FloatArray, ...]) -> list[FloatArray]:
    """Cores of the same product and equal spectral norms; a core of zeros stays as it is."""
    norms = np.array([np.linalg.norm(core, 2) for core in cores])
    if not norms.all():
        return list(cores)
    common = float(np.exp(np.log(norms).mean()))
    return [core * (common / norm) for core, norm in zip(cores, norms, strict=True)]


def _blocks(layer: TTLayer, k: int, core: FloatArray) -> FloatArray:
    """Blocks (down * across, size, size) that cover a core, zeros around it."""
    down, across = layer.block_grids[k]
    size = layer.core_size
    full = np.zeros((down * size, across * size))
    full[: core.shape[0], : core.shape[1]] = core
    return full.reshape(down, size, across, size).transpose(0, 2, 1, 3).reshape(-1, size, size)


def compensate(chip: Chip, controls: FloatArray) -> FloatArray:
    """Controls whose phases a chip realises as wanted, its static errors known.

    Phase errors (gamma, crosstalk, bias) are undone up to the DAC's grid. Of coupler errors the real
    part of every cell is restored by the angle that gives its ratio; what leaks in the other quadrature
    has no phase that undoes it in a cell with one shifter pair.

    Args:
        chip: the fabricated chip.
        controls: (n_controls,) that an ideal chip would be programmed with.

    Returns:
        (n_controls,).
    """
    return chip.circuit.compensated(controls)


def core_fidelity(chip: Chip, controls: FloatArray, wanted: tuple[tuple[FloatArray, ...], ...]) -> float:
    """Mean over the optical cores of ``|<A, B>|^2 / (|A|^2 |B|^2)``, realised A against wanted B.

    It is 1 for cores equal up to a factor, and 1 - |error|^2 to first order [clements2016].

    Args:
        chip: as if programmed once, with dynamic errors of a draw of its own.
        controls: (n_controls,).
        wanted: cores as `unfolded_cores` returns them.

    Raises:
        PhotonicsError: a chip without optical cores.
    """
    values = []
    realised = chip.circuit.cores(controls[None], np.random.default_rng(0))
    for layer, own, others in zip(chip.design.layers, realised, wanted, strict=True):
        if layer.domain != "phase":
            continue
        for a, b in zip(own, others, strict=True):
            values.append(float(fidelity(b, a[0])) if a[0].any() and b.any() else float("nan"))
    if not values:
        raise PhotonicsError(f"design {chip.design.name}: no optical core; allowed: a chip with meshes")
    return float(np.mean(values))
