"""The same network trained digitally with exact derivatives: what back-propagation makes of it.

Automatic differentiation, here JAX, reads every number of a network, as no chip lets it. So this is no part
of `photonzero.training`, and no chip is trained by it: it trains the twin of a design whose cores are numbers
in double precision, whose answers are then judged like those of all others.

The method is that of Levenberg and Marquardt, every step on fresh points, from the whole Jacobian of their
residuals: with it a few dozen steps do what takes Adam and L-BFGS thousands. Last the readout, in which a
linear problem's residuals are linear, is solved for on many points.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from photonzero.experiments.config.run_config import RunConfig
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.assembly import assemble
from photonzero.photonics.chip.layout import lay_out
from photonzero.photonics.cores import Numbers
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.kernels import contraction
from photonzero.training.objective import KnownBatch, PinnObjective
from photonzero.training.optimizers.parts.scaling import control_scales
from photonzero.training.oracle import Array

_ACTIVATIONS = ("identity", "sin", "tanh", "relu")

_NUMBERS = 2_000_000
"""Values and derivatives that are followed through a network at once."""

_TRIALS, _EASED, _RAISED = 6, 10.0, 4.0
"""Dampings that a step tries, and by what they fall after one that helped and rise after one that did not."""

_LEAST = 1e-12
"""Damping under which roundoff of J^T J would decide."""

_ROUNDOFF = 1e-12
"""Singular values of the readout's features, over the largest, that roundoff makes."""


@dataclass(frozen=True)
class DigitalOptions:
    """Settings of `train_digitally`.

    Attributes:
        n_steps: each on a fresh batch.
        batch_factor: its points over those of a batch of the chip.
        damping: of the first step, in units of the mean diagonal of J^T J.
        last_factor: points of the readout's last solution over those of a batch of the chip.
    """

    n_steps: int = 50
    batch_factor: int = 2
    damping: float = 0.1
    last_factor: int = 4


@dataclass(frozen=True)
class DigitalTraining:
    """What it has come to.

    Attributes:
        error: on the test points.
        zero: of the network that answers zero.
        loss: mean squared residual of the batch of the last step.
        steps: that lowered the loss of their batch.
        n_controls: numbers of the network.
        wall_s: time [s].
    """

    error: float
    zero: float
    loss: float
    steps: int
    n_controls: int
    wall_s: float


def require_jax() -> None:
    """Nothing where JAX is installed.

    Raises:
        UsageError: it is not.
    """
    if find_spec("jax") is None:
        raise UsageError("digital: jax is not installed; allowed: pip install 'photonzero[digital]'")


class Differentiated:
    """A digital network whose answers JAX differentiates.

    Args:
        design: cores of all layers numbers, with fixed gains and a readout.

    Raises:
        UsageError: another design, or JAX is not installed.
    """

    def __init__(self, design: NetworkDesign) -> None:
        for layer in design.layers:
            is_known = isinstance(layer.core, Numbers) and layer.activation in _ACTIVATIONS
            if not is_known or layer.trainable_gain or not design.readout:
                raise UsageError(
                    f"design {design.name}: {layer.core.kind}, {layer.activation}; allowed for automatic "
                    f"derivatives: numbers, fixed gain, a readout, {' or '.join(_ACTIVATIONS)}"
                )
        require_jax()
        self._jax: Any = import_module("jax")
        self._jax.config.update("jax_enable_x64", True)
        self._design, self._layout = design, lay_out(design, 0.0)
        self.scales = control_scales(self._layout.groups, self._layout.n_controls)
        self._of_jets, self._of_residuals = self._jax.jit(self._jets), self._jax.jit(self._rows)

    def residuals(self, controls: Array, batch: KnownBatch) -> Array:
        """All residuals of a batch (R,).

        Raises:
            UsageError: residuals with derivatives above the second.
        """
        answers = self._answers(controls, batch)
        return np.concatenate([batch.residuals(part, own) for part, own in enumerate(answers)])

    def linearised(self, controls: Array, batch: KnownBatch) -> tuple[Array, Array]:
        """All residuals of a batch (R,), and their Jacobian (R, n_controls).

        Raises:
            UsageError: residuals with derivatives above the second.
        """
        residuals, rows = [], []
        for part, own in enumerate(self._answers(controls, batch)):
            found, slopes = batch.linearised(part, own)
            points, *directed = _directed(batch.nodes[part], batch.forms[part])
            n_jets = 1 + points.shape[1] + len(directed[0])
            # A part without derivatives is told its values alone: its residuals do not depend on the others.
            by_jets = np.zeros((*slopes.shape[:2], n_jets, slopes.shape[3]))
            by_jets[:, :, : slopes.shape[2]] = slopes
            residuals.append(found)
            rows.append(np.asarray(self._of_residuals(controls, points, by_jets, *directed)))
        return np.concatenate(residuals), np.concatenate(rows)

    def with_solved_readout(self, controls: Array, batch: KnownBatch) -> Array:
        """The controls (n_controls,) with the readout that lowers the loss of a batch most.

        Of a nonlinear problem it is the readout of one step of Gauss and Newton, kept if the loss is lower.
        """
        residuals, jacobian = self.linearised(controls, batch)
        groups = self._layout.groups
        own = np.r_[groups["readout/weight"].slice, groups["readout/bias"].slice]
        solved = controls.copy()
        solved[own] -= np.linalg.lstsq(jacobian[:, own], residuals, rcond=_ROUNDOFF)[0]
        found = self.residuals(solved, batch)
        return solved if found @ found < residuals @ residuals else controls

    def _answers(self, controls: Array, batch: KnownBatch) -> list[Array]:
        """Of every part, (B, T, m)."""
        answers = []
        for nodes, forms in zip(batch.nodes, batch.forms, strict=True):
            jets = np.asarray(self._of_jets(controls, *_directed(nodes, forms)))
            answers.append(jets if forms is not None else jets[:, :1])
        return answers

    def _rows(self, controls: Any, points: Any, slopes: Any, weights: Any, directions: Any) -> Any:
        """Derivatives (B E, n_controls) of residuals whose derivatives (B, E, T, m) by the jets are known."""
        jax = self._jax

        def at(given: Any) -> Any:
            point, own = given
            _, pull = jax.vjp(lambda x: self._jets(x, point[None], weights, directions)[0], controls)
            return jax.vmap(lambda slope: pull(slope)[0])(own)

        widths = sum(layer.n_in + layer.n_out for layer in self._design.layers)
        together = max(1, min(_NUMBERS // (widths * slopes.shape[2]), len(points)))
        rows = jax.lax.map(at, (points, slopes), batch_size=together)
        return rows.reshape(-1, controls.size)

    def _jets(self, controls: Any, points: Any, weights: Any, directions: Any) -> Any:
        """Values, first derivatives and forms of the second ones, (B, 1 + d + J, m).

        Taylor coefficients pass the network as columns, through every layer at once; what JAX differentiates
        are their dependences on the controls, and the activations.

        Args:
            controls: (n_controls,).
            points: (B, d).
            weights: (J, K) of the second derivatives along each direction of a form.
            directions: (J, K, d).
        """
        jax, jnp, layout = self._jax, self._jax.numpy, self._layout
        d, ways = directions.shape[2], directions.reshape(-1, directions.shape[2]).T
        starts = layout.layer_table[: len(layout.cores), contraction.LAYER_BIAS]

        def at(point: Any) -> Any:
            here = jnp.concatenate([point[:, None], jnp.eye(d), jnp.zeros((d, ways.shape[1]))], axis=1)
            for layer, cores, start in zip(self._design.layers, layout.cores, starts, strict=True):
                here = jnp.concatenate([here, jnp.zeros((layer.n_in - len(here), here.shape[1]))])
                z = layer.gain * self._contracted(layer, [controls[core.controls] for core in cores], here)
                value = z[:, 0] + controls[layout.bias[start : start + layer.n_out]]
                bent, slope, curvature = self._activated(layer.activation, value)
                first, second = z[:, 1 : 1 + d], z[:, 1 + d :]
                curved = curvature * (first @ ways) ** 2 + slope * second
                here = jnp.concatenate([bent, slope * first, curved], axis=1)
            weight = controls[layout.groups["readout/weight"].slice].reshape(self._design.n_out, -1)
            out = weight @ here
            value = out[:, :1] + controls[layout.groups["readout/bias"].slice][:, None]
            second = out[:, 1 + d :].reshape(len(out), *weights.shape)
            return jnp.concatenate([value.T, out[:, 1 : 1 + d].T, jnp.einsum("jk,mjk->jm", weights, second)])

        return jax.vmap(at)(points)

    def _contracted(self, layer: TTLayer, cores: Sequence[Any], columns: Any) -> Any:
        """A layer's tensor train times columns (n_in, T), core after core: (n_out, T)."""
        jnp = self._jax.numpy
        here = columns.reshape(1, 1, *columns.shape)
        shapes = zip(layer.ranks, layer.out_modes, layer.in_modes, layer.ranks[1:], strict=False)
        for core, (rank, m, n, after) in zip(cores, shapes, strict=True):
            split = here.reshape(len(here), rank, n, -1, here.shape[3])
            passed = jnp.einsum("rmns,Mrnqt->Mmsqt", core.reshape(rank, m, n, after), split)
            here = passed.reshape(-1, after, *passed.shape[3:])
        return here[:, 0, 0]

    def _activated(self, name: str, z: Any) -> list[Any]:
        """An activation at z (n,), its slope and its curvature there, (n, 1) each."""
        jax = self._jax
        known: dict[str, Callable[[Any], Any]] = {
            "identity": lambda value: value,
            "sin": jax.numpy.sin,
            "tanh": jax.numpy.tanh,
            "relu": lambda value: jax.numpy.maximum(value, 0.0),
        }
        slope = jax.grad(known[name])
        return [jax.vmap(one)(z)[:, None] for one in (known[name], slope, jax.grad(slope))]


def _directed(nodes: Array, forms: Array | None) -> tuple[Array, Array, Array]:
    """Points (B, d) of a part, and its forms as second derivatives along their eigenvectors.

    Returns:
        Points, weights (J, K) and directions (J, K, d).

    Raises:
        UsageError: the part takes its derivatives from several nodes a point.
    """
    d = nodes.shape[2]
    if forms is None:
        if nodes.shape[1] > 1:
            raise UsageError("digital: derivatives above the second; allowed: up to the second")
        return nodes[:, 0], np.zeros((0, 1)), np.zeros((0, 1, d))
    weights, vectors = np.linalg.eigh(forms)
    # Of a form such as u_xx only one direction is left.
    order = np.argsort(-np.abs(weights), axis=1)
    weights = np.take_along_axis(weights, order, 1)
    directions = np.take_along_axis(vectors.swapaxes(1, 2), order[:, :, None], 1)
    size = np.abs(weights).max(initial=0.0)
    kept = max(1, int((np.abs(weights) > 1e-12 * size).sum(axis=1).max(initial=0)))
    return nodes[:, 0], weights[:, :kept], directions[:, :kept]


def train_digitally(config: RunConfig, options: DigitalOptions) -> DigitalTraining:
    """Train a network by back-propagation.

    Args:
        config: of a run on an ideal chip of digital cores, in double precision, whose task is a PDE.
        options: see `DigitalOptions`.

    Raises:
        UsageError: a network or a task that cannot be differentiated, or JAX is not installed.
    """
    parts = assemble(config, 1)
    objective, network = parts.objective, Differentiated(config.network())
    if not isinstance(objective, PinnObjective):
        raise UsageError(f"digital: {config.task.label}; allowed: a PDE in one window")
    started_s = time.perf_counter()
    x = np.array(parts.initial_controls, dtype=np.float64)
    damping, steps, loss = options.damping, 0, np.nan
    for number in range(options.n_steps):
        objective.advance(number / options.n_steps)
        objective.load_batch(number, options.batch_factor)
        batch = objective.known_batch()
        residuals, jacobian = network.linearised(x, batch)
        square, jacobian = float(residuals @ residuals), jacobian * network.scales
        curvature, slope = jacobian.T @ jacobian, jacobian.T @ residuals
        for _ in range(_TRIALS):
            damped = curvature + damping * np.trace(curvature) / x.size * np.eye(x.size)
            trial = x - network.scales * cho_solve(cho_factor(damped), slope)
            found = network.residuals(trial, batch)
            if found @ found < square:
                x, square, steps = trial, float(found @ found), steps + 1
                damping = max(damping / _EASED, _LEAST)
                break
            damping *= _RAISED
        loss = square / residuals.size
    objective.advance(1.0)
    objective.load_batch(options.n_steps, options.last_factor)
    x = network.with_solved_readout(x, objective.known_batch())
    wall_s = time.perf_counter() - started_s
    error = objective.test_error(parts.chip, x)
    return DigitalTraining(error, objective.zero_error(), loss, steps, x.size, wall_s)
