"""Networks that exist already, brought onto chips: decompose and load, compensate known errors, compare.

What is done here knows the fabricated chip or the ideal one from inside, as a foundry's test report does.
Nothing of it crosses the seam to training; calibration from measurements alone is a training like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.chip.chip import Chip, fabricate
from photonzero.photonics.chip.layout import lay_out
from photonzero.photonics.cores import Core, Meshes
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import fidelity

FloatArray = npt.NDArray[np.float64]


def unfolded_cores(design: NetworkDesign, controls: FloatArray) -> tuple[tuple[FloatArray, ...], ...]:
    """Cores that an ideal chip of this design holds, without the layers' gain.

    Args:
        design: of any kinds of core.
        controls: (n_controls,).

    Returns:
        Per layer, per core, (r_{k-1} m_k, n_k r_k).
    """
    chip = fabricate(design, NoiseModel(), 0, dtype=np.float64)
    cores = chip.circuit.cores(controls[None], np.random.default_rng(0))
    return tuple(tuple(np.real(core[0]) for core in layer) for layer in cores)


def load_network(
    source: NetworkDesign, controls: FloatArray, cores: Sequence[Core] | None = None
) -> tuple[NetworkDesign, FloatArray]:
    """A design of other cores for a trained network, and the controls that make an ideal chip of it the same.

    Args:
        source: the network, of any kinds of core.
        controls: (n_controls,) of the source.
        cores: what to load each layer onto. None leaves a network of meshes as it is, and loads other
            layers onto `Meshes()`.

    Returns:
        The design with these cores, limits grown to hold the network, and its controls.

    Raises:
        PhotonicsError: a wrong number of controls, or cores that cannot be set to a wanted matrix.
    """
    if cores is None:
        if all(isinstance(layer.core, Meshes) for layer in source.layers):
            return source, controls
        cores = [layer.core if isinstance(layer.core, Meshes) else Meshes() for layer in source.layers]
    layers = tuple(replace(layer, core=core) for layer, core in zip(source.layers, cores, strict=True))
    return load_cores(
        replace(source, layers=layers), unfolded_cores(source, controls), electronics(source, controls)
    )


def electronics(design: NetworkDesign, controls: FloatArray) -> dict[str, FloatArray]:
    """Controls of all that is no core, by the names of their groups."""
    groups = lay_out(design, 0.0).groups
    return {name: controls[group.slice] for name, group in groups.items() if "/core" not in name}


def load_cores(
    design: NetworkDesign, cores: Sequence[Sequence[FloatArray]], numbers: Mapping[str, FloatArray]
) -> tuple[NetworkDesign, FloatArray]:
    """Controls with which an ideal chip holds these cores.

    Cores of a layer are brought to a common size first where one of them has a limit, which changes
    nothing of their product; the limit grows where a matrix needs it to (what of it is above 1 is
    electronic gain).

    Args:
        design: of any kinds of core that can be loaded.
        cores: per layer, per core, (r_{k-1} m_k, n_k r_k).
        numbers: all other controls, by the names of their groups.

    Returns:
        The design, its limits grown, and its controls.

    Raises:
        PhotonicsError: cores that cannot be set to a wanted matrix.
    """
    layers, wanted = [], []
    for layer, own in zip(design.layers, cores, strict=True):
        balanced = _balance(own) if np.isfinite(layer.largest_singular_value) else list(own)
        layers.append(replace(layer, core=layer.core.fitted(balanced, layer.initial_std)))
        wanted.append(balanced)
    design = replace(design, layers=tuple(layers))
    layout = lay_out(design, 0.0)
    loaded = np.zeros(layout.n_controls)
    for layer, places, matrices in zip(layers, layout.cores, wanted, strict=True):
        for place, matrix in zip(places, matrices, strict=True):
            settings = layer.core.load(matrix, layer.initial_std)
            for part, setting in zip(place.parts, settings, strict=True):
                loaded[part] = setting
    for name, values in numbers.items():
        loaded[layout.groups[name].slice] = values
    return design, loaded


def _balance(cores: Sequence[FloatArray]) -> list[FloatArray]:
    """Cores of the same product and equal spectral norms; a core of zeros stays as it is."""
    norms = np.array([np.linalg.norm(core, 2) for core in cores])
    if not norms.all():
        return list(cores)
    common = float(np.exp(np.log(norms).mean()))
    return [core * (common / norm) for core, norm in zip(cores, norms, strict=True)]


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
        if not layer.core.is_optical:
            continue
        for a, b in zip(own, others, strict=True):
            values.append(float(fidelity(b, a[0])) if a[0].any() and b.any() else float("nan"))
    if not values:
        raise PhotonicsError(f"design {chip.design.name}: no optical core; allowed: a chip with one")
    return float(np.mean(values))
