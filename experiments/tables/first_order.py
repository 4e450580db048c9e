"""Exact gradients of digital networks: the reference that forward-only training is held against.

Back-propagation reads every weight and every intermediate number, which no chip shows. So it is no part of
`training`: it lives among the experiments and trains only designs whose cores are digital numbers, on their
control vector, so that what it finds can be set on the simulated chip. NumPy suffices: a tensor-train
layer is multiplied out, its batch costs two matrix products, and the matrix' gradient is pulled back to the
cores.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.chip.layout import lay_out
from photonzero.photonics.cores import Numbers
from photonzero.photonics.design import NetworkDesign
from photonzero.photonics.kernels import contraction
from photonzero.photonics.tensor_train import folded, tt_gradients, tt_matrix
from photonzero.training.classification import Dataset, draw_shifts, shifted
from photonzero.training.errors import ArgumentError
from photonzero.training.optimizers.parts.scaling import control_scales
from photonzero.training.optimizers.parts.updates import Adam, step_factor
from photonzero.training.oracle import Array

_ACTIVATIONS = ("identity", "relu", "tanh")


@dataclass(frozen=True)
class FirstOrderOptions:
    """Settings of `train_first_order`: Adam with a cosine down to a hundredth of the step size.

    Attributes:
        epochs: passes over the training part.
        batch_size: of a step.
        learning_rate: in units of the scale of each control's group, as in `GradientOptions`.
        shift_px: images are moved by up to so many pixels, as in `BatchOptions`.
    """

    epochs: int = 30
    batch_size: int = 100
    learning_rate: float = 0.01
    shift_px: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ArgumentError(f"{name}: {getattr(self, name)}; allowed: >= 1")
        if not (np.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ArgumentError(f"learning_rate: {self.learning_rate}; allowed: > 0")
        if self.shift_px < 0:
            raise ArgumentError(f"shift_px: {self.shift_px}; allowed: >= 0")


class ExactNetwork:
    """Logits of a digital design, and the gradient of their cross-entropy by every control.

    Args:
        design: cores of all layers numbers, activations identity, relu or tanh, no readout.

    Raises:
        UsageError: another design.
    """

    def __init__(self, design: NetworkDesign) -> None:
        for layer in design.layers:
            is_numbers = isinstance(layer.core, Numbers)
            if not is_numbers or layer.activation not in _ACTIVATIONS or layer.trainable_gain:
                raise UsageError(
                    f"design {design.name}: {layer.core.kind}, {layer.activation}; allowed for exact "
                    f"gradients: numbers, fixed gain, {' or '.join(_ACTIVATIONS)}"
                )
        if design.readout:
            raise UsageError(f"design {design.name}: a readout; allowed for exact gradients: none")
        self.design = design
        layout = lay_out(design, 0.0)
        self.n_controls = layout.n_controls
        self.scales = control_scales(layout.groups, layout.n_controls)
        self._cores = [[core.controls for core in cores] for cores in layout.cores]
        starts = layout.layer_table[:, contraction.LAYER_BIAS]
        self._biases = [
            layout.bias[start : start + layer.n_out]
            for start, layer in zip(starts, design.layers, strict=True)
        ]

    def logits(self, controls: Array, inputs: Array) -> Array:
        """(B, n_out) of one setting (n_controls,) and inputs (B, n_in)."""
        return self._forward(controls, inputs)[0][-1]

    def loss_and_gradient(self, controls: Array, inputs: Array, labels: Array) -> tuple[float, Array]:
        """Mean cross-entropy of a batch, and its gradient (n_controls,)."""
        values, matrices, cores = self._forward(controls, inputs)
        log_p = log_softmax(values[-1], axis=1)
        index = np.arange(len(labels))
        loss = -float(log_p[index, labels].mean())
        slope = np.exp(log_p)
        slope[index, labels] -= 1.0
        slope /= len(labels)
        gradient = np.zeros(self.n_controls)
        for k in reversed(range(len(matrices))):
            layer = self.design.layers[k]
            if layer.activation == "relu":
                slope = slope * (values[k + 1] > 0)
            elif layer.activation == "tanh":
                slope = slope * (1 - values[k + 1] ** 2)
            gradient[self._biases[k]] = slope.sum(axis=0)
            by_matrix = layer.gain * (slope.T @ values[k])
            for place, by_core in zip(self._cores[k], tt_gradients(cores[k], by_matrix), strict=True):
                gradient[place] = by_core.ravel()
            slope = slope @ matrices[k]
        return loss, gradient

    def _forward(self, controls: Array, inputs: Array) -> tuple[list[Array], list[Array], list[list[Array]]]:
        """Inputs of every layer and the logits; effective matrices; cores (r, m, n, r') of every layer."""
        x = controls.astype(np.float32)
        values, matrices, all_cores = [inputs.astype(np.float32)], [], []
        for layer, places, bias in zip(self.design.layers, self._cores, self._biases, strict=True):
            cores = folded([x[place] for place in places], layer.out_modes, layer.in_modes, layer.ranks)
            matrix = np.float32(layer.gain) * tt_matrix(cores)
            out = values[-1] @ matrix.T + x[bias]
            if layer.activation == "relu":
                out = np.maximum(out, 0)
            elif layer.activation == "tanh":
                out = np.tanh(out)
            values.append(out)
            matrices.append(matrix)
            all_cores.append(cores)
        return values, matrices, all_cores


@dataclass(frozen=True)
class EpochReport:
    """What is known after an epoch.

    Attributes:
        step: steps so far.
        images: training images presented so far, each forward and backward.
        loss: mean over the epoch's batches.
        validation_error: share of wrong answers on the validation part.
        wall_s: time so far [s].
    """

    step: int
    images: int
    loss: float
    validation_error: float
    wall_s: float


def train_first_order(
    network: ExactNetwork,
    start: Array,
    data: Dataset,
    options: FirstOrderOptions,
    rng: np.random.Generator,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> Array:
    """Adam on exact gradients.

    Args:
        network: what is trained.
        start: (n_controls,).
        data: its training part is learned; the validation part is only reported.
        options: see `FirstOrderOptions`.
        rng: of the order of the samples.
        on_epoch: called after every epoch.

    Returns:
        The controls (n_controls,) with the lowest validation error after an epoch.

    Raises:
        ArgumentError: shifts of what are no images.
    """
    frame = data.frame_to_shift(options.shift_px)
    started_s = time.perf_counter()
    inputs, labels = data.train[0].astype(np.float32), data.train[1]
    batch = min(options.batch_size, len(labels))
    per_epoch = math.ceil(len(labels) / batch)
    x, best, lowest = np.array(start, dtype=np.float64), np.array(start, dtype=np.float64), np.inf
    adam = Adam(x.size, 0.9, 0.999, amsgrad=False)
    step = images = 0
    for _ in range(options.epochs):
        losses = []
        for part in np.array_split(rng.permutation(len(labels)), per_epoch):
            presented = inputs[part]
            if frame is not None:
                presented = shifted(presented, frame, draw_shifts(len(part), options.shift_px, rng))
            loss, gradient = network.loss_and_gradient(x, presented, labels[part])
            factor = step_factor("cosine", step, options.epochs * per_epoch, 0.01)
            x -= options.learning_rate * factor * network.scales * adam.direction(gradient * network.scales)
            losses.append(loss)
            step, images = step + 1, images + len(part)
        error = float((network.logits(x, data.validation[0]).argmax(axis=1) != data.validation[1]).mean())
        if error < lowest:
            best, lowest = x.copy(), error
        if on_epoch is not None:
            wall_s = time.perf_counter() - started_s
            on_epoch(EpochReport(step, images, float(np.mean(losses)), error, wall_s))
    return best
