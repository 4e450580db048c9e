"""How far a control can sensibly move: scales and perturbation sizes from the control groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from photonzero.training.oracle import Array, ControlGroupView


def control_scales(groups: Mapping[str, ControlGroupView], n_controls: int) -> Array:
    """Typical change of each control, (n_controls,): the scale of its group, 1 outside all groups."""
    scale = np.ones(n_controls)
    for group in groups.values():
        scale[group.slice] = group.scale
    return scale


def perturbation_sizes(
    groups: Mapping[str, ControlGroupView], n_controls: int, phase_rad: float, digital: float
) -> Array:
    """Size of a perturbation of each control, (n_controls,).

    A phase moves by `phase_rad`, rounded up to whole codes of its DAC: less would be lost in rounding
    for most phases and doubled for the others. A digital number moves by `digital` times the scale of
    its group, rounded up in the same way where it has a grid, as integer weights do.
    """
    size = np.full(n_controls, digital)
    for group in groups.values():
        wanted, step = phase_rad if group.kind == "phase" else digital * group.scale, group.grid_step
        size[group.slice] = wanted if step == 0 else step * max(1.0, np.ceil(wanted / step))
    return size


def to_whole_codes(groups: Mapping[str, ControlGroupView], changes: Array) -> Array:
    """Changes (..., n_controls) with those on a grid rounded to whole codes of it."""
    rounded = changes.copy()
    for group in groups.values():
        if group.grid_step > 0:
            rounded[..., group.slice] = group.grid_step * np.round(
                changes[..., group.slice] / group.grid_step
            )
    return rounded


def to_random_codes(
    groups: Mapping[str, ControlGroupView], controls: Array, rng: np.random.Generator
) -> Array:
    """Controls (..., n_controls) with those on a grid rounded up or down at random, right on the average."""
    rounded = controls.copy()
    for group in groups.values():
        if group.grid_step > 0:
            codes = controls[..., group.slice] / group.grid_step
            rounded[..., group.slice] = group.grid_step * np.floor(codes + rng.random(codes.shape))
    return rounded
