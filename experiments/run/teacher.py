"""What is brought onto chips: a trained run, a matrix, or a network of one's own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.folder import load_config
from photonzero.experiments.run.runs import trained
from photonzero.photonics.cores import Core, Meshes, Numbers
from photonzero.photonics.design import ACTIVATIONS, NetworkDesign, dense_layer
from photonzero.photonics.networks.load import load_cores
from photonzero.stored import DamagedFileError, load_array, load_arrays
from photonzero.training.objective.pinn.windows import WindowedObjective
from photonzero.training.oracle import ForwardOracle

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Teacher:
    """What is to be brought onto chips.

    Attributes:
        name: for display.
        design: the network, of any kinds of core.
        controls: (n_controls,) of it.
        draw: random inputs, (n, n_in), from a count and a generator.
        task_error: error of a chip's setting at what the network was trained for; None for a matrix.
        cores: what its layers are loaded onto; None for its own meshes, or the default ones.
    """

    name: str
    design: NetworkDesign
    controls: FloatArray
    draw: Callable[[int, np.random.Generator], FloatArray]
    task_error: Callable[[ForwardOracle, FloatArray], float] | None
    cores: tuple[Core, ...] | None = None


def teacher_from(source: Path) -> Teacher:
    """A run folder of `photonzero train`, a matrix (m, n) in a .npy file, or a network in a .npz file.

    A network is a chain of dense layers ``y = W x + b``: ``W1`` (m, n), ``b1`` (m,), ``W2``, ``b2`` and so
    on, of which biases may be missing. ``activation`` names what stands between layers, nothing behind the
    last one. ``inputs`` (N, n) are what the network is compared at, and ``labels`` (N,) of them, whole
    numbers, make the share of wrong answers its error.

    Raises:
        UsageError: none of the three, a damaged file, matrices that are none or do not fit each other.
        CheckpointError: a run without a usable checkpoint.
    """
    if source.suffix == ".npy":
        return _matrix_teacher(source)
    if source.suffix == ".npz":
        return _network_teacher(source)
    if not source.is_dir():
        raise UsageError(
            f"{source}: not found; allowed: a run folder, a matrix in a .npy file, a network in a .npz file"
        )
    config = load_config(source)
    objective, controls = trained(config, source)
    if isinstance(objective, WindowedObjective):
        raise UsageError(f"{source}: settings of {objective.windows.n} windows; allowed: a run of one")
    task = config.task
    return Teacher(
        f"{task.label} on {config.chip_name}",
        config.network(),
        controls,
        task.draw_inputs(objective),
        objective.test_error if task.has_error else None,
    )


def _matrix_teacher(path: Path) -> Teacher:
    try:
        matrix = load_array(path)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: not found") from error
    except DamagedFileError as error:
        raise UsageError(f"{path}: no array of numbers ({error})") from error
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiuc":
        raise UsageError(f"{path}: {matrix.dtype} {matrix.shape}; allowed: a matrix (m, n) of numbers")
    if matrix.dtype.kind == "c":
        # Cores are real: real parts above imaginary ones, of inputs and of outputs.
        real, imaginary = np.real(matrix), np.imag(matrix)
        matrix = np.block([[real, -imaginary], [imaginary, real]])
    if min(matrix.shape) < 1 or max(matrix.shape) < 2 or not np.isfinite(matrix).all() or not matrix.any():
        raise UsageError(f"{path}: shape {matrix.shape}; allowed: finite, not all 0, 2 or more a side")
    m, n = matrix.shape
    layer = dense_layer(m, n, "identity", Numbers())
    design = NetworkDesign(path.stem, "a matrix", (layer,), n_out=m, readout=False)
    controls = np.concatenate([matrix.astype(np.float64).ravel(), np.zeros(m)])
    whole = (Meshes(size=max(m, n)),)
    return Teacher(path.name, design, controls, lambda k, rng: rng.standard_normal((k, n)), None, whole)


def _network_teacher(path: Path) -> Teacher:
    try:
        arrays = load_arrays(path)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: not found") from error
    except DamagedFileError as error:
        raise UsageError(f"{path}: no arrays of numbers ({error})") from error
    n_layers = sum(re.fullmatch(r"W[1-9][0-9]*", name) is not None for name in arrays)
    numbers = range(1, n_layers + 1)
    known = {f"{kind}{k}" for kind in "Wb" for k in numbers} | {"activation", "inputs", "labels"}
    missing = [f"no W{k}" for k in numbers or [1] if f"W{k}" not in arrays]
    wrong = ", ".join(missing or sorted(set(arrays) - known))
    if wrong:
        allowed = "W1, b1, W2, b2, .. without a gap, activation, inputs, labels"
        raise UsageError(f"{path}: {wrong}; allowed: {allowed}")
    weights = [_array(path, arrays, f"W{k}", (None, None)) for k in numbers]
    for k, (own, other) in enumerate(itertools.pairwise(weights), start=1):
        if other.shape[1] != own.shape[0]:
            raise UsageError(
                f"{path}: W{k + 1} {other.shape}; allowed: {own.shape[0]} columns, W{k} has as many rows"
            )
    biases = {
        f"layer{k}/bias": _array(path, arrays, f"b{k}", (len(own),))
        if f"b{k}" in arrays
        else np.zeros(len(own))
        for k, own in enumerate(weights, start=1)
    }
    between = str(arrays["activation"]) if "activation" in arrays else ""
    if between not in ACTIVATIONS and n_layers > 1:
        raise UsageError(f"{path}: activation {between!r}; allowed: {', '.join(ACTIVATIONS)}")
    activations: list[Any] = [between] * (n_layers - 1) + ["identity"]
    layers = tuple(
        dense_layer(own.shape[0], own.shape[1], activation, Numbers())
        for own, activation in zip(weights, activations, strict=True)
    )
    n_in, n_out = weights[0].shape[1], len(weights[-1])
    design = NetworkDesign(path.stem, "a network of one's own", layers, n_out=n_out, readout=False)
    design, controls = load_cores(design, [[own] for own in weights], biases)
    inputs = _array(path, arrays, "inputs", (None, n_in)) if "inputs" in arrays else None

    def draw(count: int, rng: np.random.Generator) -> FloatArray:
        if inputs is None:
            return rng.standard_normal((count, n_in))
        return inputs[rng.integers(len(inputs), size=count)]

    task_error = None
    if "labels" in arrays:
        task_error = _share_of_wrong(path, arrays, inputs, n_out)
    return Teacher(path.name, design, controls, draw, task_error)


def _array(path: Path, arrays: Mapping[str, Any], name: str, shape: tuple[int | None, ...]) -> FloatArray:
    """A named array of finite numbers of a shape, None for any length."""
    own = arrays[name]
    fits = own.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, own.shape, strict=True)
    )
    if not fits or own.dtype.kind not in "fiu" or not own.size or not np.isfinite(own).all():
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise UsageError(f"{path}: {name} {own.dtype} {own.shape}; allowed: finite numbers ({wanted})")
    return own.astype(np.float64)


def _share_of_wrong(
    path: Path, arrays: Mapping[str, Any], inputs: FloatArray | None, n_out: int
) -> Callable[[ForwardOracle, FloatArray], float]:
    """Error of a setting: the share of inputs whose largest output is not that of their label."""
    labels = arrays["labels"]
    is_whole = labels.dtype.kind in "iu"
    if (
        inputs is None
        or labels.shape != (len(inputs),)
        or not is_whole
        or not 0 <= labels.min() <= labels.max() < n_out
    ):
        raise UsageError(
            f"{path}: labels {labels.dtype} {labels.shape}; "
            f"allowed: one of 0 to {n_out - 1} for each of inputs"
        )
    given = inputs

    def error(oracle: ForwardOracle, controls: FloatArray) -> float:
        answers = oracle.measure(controls[None], given)[0].argmax(axis=1)
        return float(np.mean(answers != labels))

    return error
