"""Adam on a network whose layers are read while batches pass it.

A chip with layer access (`photonzero.training.layers.oracle`) shows what every layer reads as a batch passes.
The batch tracks the chip (`photonzero.training.layers.tracking`): cores of all layers follow from its
readings, and so does most of what has changed in their derivatives by the controls. The gradient of the loss
is the host's chain rule through electronics it knows and matrices that were measured. Optics are measured
forward only.

At the start every layer is read by a weighing design, and each phase is turned once. A step then:

1. **Pass.** A fresh batch, or one in so many of its inputs, passes the chip where it stands, every layer is
   read; this is what most inferences are for. Of each core the controls whose derivatives are the least
   certain are turned again in front of a few random vectors, so many that all have had a turn in
   `probe_every` steps.
2. **Track.** Cores from the readings, near those predicted from what was known of the derivatives; these
   from what the cores did beyond.
3. **Move.** Adam [kingma2015] on the real controls, its rate falling by half a cosine. What is programmed is
   rounded to the codes of the DACs.

Inferences of a step: ``B / pass_one_in + sum over layers of (1 + P / probe_every) v`` for batches of B, P
phases and v probe vectors a layer. Memory: P numbers a core entry, and P^2 a core. Host operations: those of
`photonzero.training.layers.tracking`, 4 P a core entry and 4 P^2 a core; the adjoint of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import numpy as np

from photonzero.training.checks import at_least, positive, require
from photonzero.training.errors import ArgumentError
from photonzero.training.layers.network import MeasuredLayer, Pass, activated, derivatives, known_activation
from photonzero.training.layers.network import passed as network_pass
from photonzero.training.layers.oracle import LayerReading
from photonzero.training.layers.places import Places
from photonzero.training.layers.tangents import core_changes, length_of_turn, probe_vectors
from photonzero.training.layers.tensor_train import applied, tt_cores
from photonzero.training.layers.tracking import Sensitivity, in_gauge, tracked
from photonzero.training.layers.weighing import (
    entry_noise,
    maybe_cut_off,
    reading_variance,
    weighed,
    weighing_design,
    weighing_vectors,
)
from photonzero.training.objective import Evaluation, KnownLoss
from photonzero.training.optimizers.base import Candidates, Method, Start
from photonzero.training.oracle import Array
from photonzero.training.random_state import generator_from_array, generator_to_array
from photonzero.training.rounding import grid_steps

_ROUNDING = 1e-6
"""Relative error of a reading in single precision."""

_EQUATIONS = 32
"""Readings that track a layer, over the entries of its cores."""

_LOST = 0.03
"""Share of the readings that tracked cores may leave unexplained, and as much as half of what a step did."""


class _Stage(Enum):
    """What is asked for next; the value is its purpose in the log."""

    START = "start"
    """The first matrices of all layers."""
    TURN = "turn"
    """The first turn of every phase."""
    STEP = "step"
    """A batch, and some turns."""


@dataclass(frozen=True)
class LayeredAdamOptions:
    """Settings of `LayeredAdam`.

    Attributes:
        n_steps: steps; then the end.
        learning_rate: of the first step, in units of a control's scale [rad for phases].
        last_rate: of the last step, in units of the first.
        beta1: memory of the mean.
        beta2: memory of the mean square.
        probe_every: steps in which every phase is turned about once.
        turn_rad: how far a phase is turned, rounded to whole codes of its DAC [rad].
        first_repeats: of the first readings, which say how noisy a reading is.
        signed_repeats: each of these repeats has signs of its own, so that what converters round counts as
            noise too; equal ones hide it.
        pass_one_in: of a batch's inputs one in so many passes the chip and tracks it; above 1 the gradient is
            that of the measured network on all of them.
    """

    n_steps: int = 1000
    learning_rate: float = 0.02
    last_rate: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.99
    probe_every: int = 80
    turn_rad: float = 0.2
    first_repeats: int = 2
    signed_repeats: bool = False
    pass_one_in: int = 1

    def __post_init__(self) -> None:
        at_least(self, n_steps=1, probe_every=1, first_repeats=2, pass_one_in=1)
        positive(self, "learning_rate", "last_rate")
        for name in ("beta1", "beta2"):
            require(self, name, 0 <= getattr(self, name) < 1, "at least 0, below 1")
        require(self, "turn_rad", 0 < self.turn_rad < math.pi / 2, "above 0, below pi / 2")


class LayeredAdam:
    """Adam with layer access; see the module's text.

    Args:
        start: where, what can be set, and the format of the layers.
        options: see `LayeredAdamOptions`.
        rng: draws probe vectors.

    Raises:
        ArgumentError: a chip without layer access.
    """

    needs: Literal["loss", "residuals"] = "loss"

    def __init__(self, start: Start, options: LayeredAdamOptions, rng: np.random.Generator) -> None:
        if start.layers is None:
            raise ArgumentError(
                "layered-adam: no layers to read; allowed: one chip that offers measure_layer and "
                "measure_layers, all of it trained (or another optimizer, such as gauss-newton)"
            )
        for layer in start.layers:
            known_activation(layer.activation)
        self.n_steps = 0
        self._formats, self._options, self._rng = tuple(start.layers), options, rng
        self._readout = start.readout
        self._wanted = np.array(start.controls, dtype=np.float64)
        self._scale = np.ones(self._wanted.size)
        for group in start.groups.values():
            self._scale[group.slice] = group.scale
        self._turn = np.full(self._wanted.size, options.turn_rad)
        low, high = np.full(self._wanted.size, -np.inf), np.full(self._wanted.size, np.inf)
        for core in (core for layer in self._formats for core in layer.cores):
            low[core.controls], high[core.controls] = core.low, core.high
            self._turn[core.controls] = length_of_turn(options.turn_rad, core.response)
        grid = grid_steps(start.groups, self._wanted.size)
        self._places = Places(np.arange(self._wanted.size), grid, low, high)
        self._moving = np.ones(self._wanted.size, dtype=bool) if start.still is None else ~start.still
        self._moments = np.zeros((2, self._wanted.size))
        self._sizes = np.full(len(self._formats), min(1.0, start.largest_input))
        self._variances = np.zeros(len(self._formats))
        self._cores: list[list[Array]] = []
        self._sensitivities: list[list[Sensitivity]] = []
        self._weighings: list[Array] = []
        self._vectors: list[Array] = []
        self._probed: list[list[Array]] = []
        self._stage, self._loss = _Stage.START, np.inf
        self._x = self._settable(self._wanted)
        # Where the cores were last followed to.
        self._x_of_cores = self._x

    @property
    def controls(self) -> Array:
        """The setting it stands at, (n_controls,)."""
        return self._x

    @property
    def loss(self) -> float:
        """That of the last batch, as it passed."""
        return self._loss

    def ask(self) -> Candidates:
        """A batch to pass, and readings of layers."""
        if self._stage is _Stage.START:
            self._weighings = [self._weighing(k) for k in range(len(self._formats))]
            readings = [LayerReading(k, self._x[None], own) for k, own in enumerate(self._weighings)]
            return Candidates(self._x[None][:0], True, self._stage.value, readings=readings)
        if self._stage is _Stage.TURN:
            chosen = [[np.flatnonzero(self._moving[c.controls]) for c in own.cores] for own in self._formats]
            return Candidates(self._x[None][:0], False, self._stage.value, readings=self._turns(chosen))
        chosen = [
            [
                s.least_known(self._moving[core.controls], self._options.probe_every, self.n_steps)
                for core, s in zip(layer.cores, own, strict=True)
            ]
            for layer, own in zip(self._formats, self._sensitivities, strict=True)
        ]
        return Candidates(
            self._x[None],
            True,
            self._stage.value,
            readings=self._turns(chosen),
            pass_one_in=self._options.pass_one_in,
        )

    def tell(self, evaluation: Evaluation) -> None:
        """What was read, and the batch."""
        if evaluation.known is None:
            raise ArgumentError("evaluation: no known batch; allowed: one whose loss is a known function")
        if self._stage is _Stage.START:
            self._begin(evaluation.readings)
        elif self._stage is _Stage.TURN:
            self._sensitivities = [
                [
                    Sensitivity.of(_n(core.controls), *found)
                    for core, found in zip(layer.cores, own, strict=True)
                ]
                for layer, own in zip(self._formats, self._found(evaluation.readings), strict=True)
            ]
            self._x_of_cores = self._x
            self._stage = _Stage.STEP
        else:
            self._step(evaluation.known, evaluation.passed, evaluation.readings)

    def stop(self) -> dict[str, str]:
        """Stops after its steps."""
        if self.n_steps < self._options.n_steps:
            return {}
        return {"finished": f"{self._options.n_steps} steps"}

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        state = {
            "wanted": self._wanted.copy(),
            "x": np.stack([self._x, self._x_of_cores]),
            "moments": self._moments.copy(),
            "numbers": np.array([self._loss, self.n_steps], dtype=float),
            "sizes": self._sizes.copy(),
            "variances": self._variances.copy(),
            "rng": generator_to_array(self._rng),
        }
        # Where the chip has been lost, everything is read anew.
        known = self._stage is _Stage.STEP
        for k, layer in enumerate(self._formats):
            state[f"vectors{k}"] = self._vectors[k].copy() if known else np.zeros(0)
            for c in range(len(layer.cores)):
                state[f"core{k}/{c}"] = self._cores[k][c].copy() if known else np.zeros(0)
                own = self._sensitivities[k][c] if known else None
                state[f"slopes{k}/{c}"] = np.zeros(0) if own is None else own.slopes.copy()
                state[f"growth{k}/{c}"] = np.array(1.0 if own is None else own.growth)
                state[f"covariance{k}/{c}"] = np.zeros(0) if own is None else own.covariance.copy()
        return state

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        self._wanted, self._moments = np.array(state["wanted"]), np.array(state["moments"])
        self._x, self._x_of_cores = np.array(state["x"])
        self._loss, n_steps = map(float, state["numbers"])
        self.n_steps = int(n_steps)
        self._sizes, self._variances = np.array(state["sizes"]), np.array(state["variances"])
        self._rng = generator_from_array(state["rng"])
        known = state["core0/0"].size > 0
        self._stage = _Stage.STEP if known else _Stage.START
        places = [(k, range(len(layer.cores))) for k, layer in enumerate(self._formats)] if known else []
        self._vectors = [np.array(state[f"vectors{k}"]) for k, _ in places]
        self._cores = [[np.array(state[f"core{k}/{c}"]) for c in cores] for k, cores in places]
        self._sensitivities = [
            [
                Sensitivity(
                    np.array(state[f"slopes{k}/{c}"]),
                    np.array(state[f"covariance{k}/{c}"]),
                    float(state[f"growth{k}/{c}"]),
                )
                for c in cores
            ]
            for k, cores in places
        ]

    def _begin(self, readings: Sequence[Array]) -> None:
        """The first matrices; too bright where readings were cut off: then again with smaller vectors."""
        too_bright = [
            maybe_cut_off(answer, layer.full_scale).any()
            for layer, answer in zip(self._formats, readings, strict=True)
        ]
        if any(too_bright):
            self._sizes[too_bright] /= 2.0
            return
        self._cores, self._vectors = [], []
        for k, (layer, answer) in enumerate(zip(self._formats, readings, strict=True)):
            vectors, numbers = self._weighings[k], answer[0].astype(np.float64)
            matrix = weighed(numbers, vectors)
            self._variances[k] = reading_variance(numbers, vectors, matrix)
            entry_std = entry_noise(self._variances[k], vectors)
            self._cores.append(tt_cores(matrix, layer.out_modes, layer.in_modes, layer.ranks, entry_std))
            size = self._sizes[k] * math.sqrt((matrix**2).sum() / layer.n_out)
            noise = math.sqrt(2.0 * self._variances[k]) / self._options.turn_rad
            share = noise / size if size > 0 else 0.0
            self._vectors.append(self._sizes[k] * probe_vectors(self._cores[k], self._rng, share))
        self._stage = _Stage.TURN

    def _weighing(self, k: int) -> Array:
        n, repeats, size = self._formats[k].n_in, self._options.first_repeats, self._sizes[k]
        if self._options.signed_repeats:
            return weighing_design(n, repeats, size, self._rng)
        return np.tile(weighing_vectors(n, size), (repeats, 1))

    def _turns(self, chosen: Sequence[Sequence[Array]]) -> list[LayerReading]:
        """Where it stands, and each of some controls turned, layer by layer."""
        self._probed, found = [list(own) for own in chosen], []
        for k, (layer, own) in enumerate(zip(self._formats, chosen, strict=True)):
            places = np.concatenate(
                [core.controls.start + some for core, some in zip(layer.cores, own, strict=True)]
            )
            if not places.size:
                continue
            settings = np.repeat(self._x[None], 1 + len(places), axis=0)
            settings[1 + np.arange(len(places)), places] += self._turned(places)
            found.append(LayerReading(k, settings, self._vectors[k]))
        return found

    def _turned(self, places: Array) -> Array:
        """How far controls are turned, within what their drivers can set."""
        step = np.where(self._places.grid[places] > 0, self._places.grid[places], 1e-9)
        turn = step * np.maximum(1.0, np.round(self._turn[places] / step))
        return np.where(self._x[places] + turn <= self._places.high[places], turn, -turn)

    def _found(self, readings: Sequence[Array]) -> list[list[tuple[Array, Array, float]]]:
        """Of every core what was probed: places, slopes, and the variance of one of their numbers."""
        found, answers = [], iter(readings)
        for k, layer in enumerate(self._formats):
            own, done = [], 1
            # A layer none of whose controls was chosen has not been read.
            answer = next(answers) if any(some.size for some in self._probed[k]) else np.zeros(0)
            for c, core in enumerate(layer.cores):
                some = self._probed[k][c]
                if not some.size:
                    own.append((some, np.zeros((0, self._cores[k][c].size)), 0.0))
                    continue
                turn = self._turned(core.controls.start + some)
                # The chord of a sinusoid: its slope in the middle of the turn.
                length = 2.0 * np.sin(0.5 * turn) if core.response == "sinusoid" else turn
                moved = answer[done : done + len(some)].astype(np.float64) - answer[0]
                done += len(some)
                slopes = core_changes(
                    self._cores[k],
                    c,
                    self._vectors[k],
                    moved / length[:, None, None],
                    2.0 * self._variances[k] / length**2,
                )
                # An entry is known about as well as a reading of its size is.
                size = float((answer[0].astype(np.float64) ** 2).mean())
                entry = float((self._cores[k][c] ** 2).mean())
                least = float((length**2).min())
                variance = 2.0 * self._variances[k] / max(least * size, 1e-300) * entry
                own.append((some, slopes, variance))
            found.append(own)
        return found

    def _step(self, known: KnownLoss, passed: Sequence[Array], readings: Sequence[Array]) -> None:
        inputs = np.concatenate([nodes.reshape(-1, nodes.shape[-1]) for nodes in known.nodes])
        inputs = inputs[:: self._options.pass_one_in]
        way = self._way(inputs, [own[0].astype(np.float64) for own in passed])
        self._track(way)
        for own, probed in zip(self._sensitivities, self._found(readings), strict=True):
            for sensitivity, (places, slopes, variance) in zip(own, probed, strict=True):
                sensitivity.observe(places, slopes, variance)
        gradient = self._gradient(known, way)
        self.n_steps += 1
        self._move(gradient)

    def _way(self, inputs: Array, readings: Sequence[Array] | None = None) -> Pass:
        """What inputs met, from what was read of them; without readings from the cores as they are known.

        They are streams of one point, whose loss is one number.
        """
        first = np.zeros((1, len(inputs), self._formats[0].n_in))
        first[0, :, : inputs.shape[1]] = inputs
        met, seen, within = [first], [], []
        for k, layer in enumerate(self._formats):
            answer = applied(self._cores[k], met[-1][0]) if readings is None else readings[k]
            endless = math.isinf(layer.full_scale)
            within.append(None if endless else ~maybe_cut_off(answer[None], layer.full_scale))
            seen.append(answer[None] + self._x[layer.bias])
            met.append(activated(layer.activation, seen[-1]))
        return Pass([layer.activation for layer in self._formats], met, seen, within)

    def _track(self, way: Pass) -> None:
        moved = self._moved(self._x - self._x_of_cores)
        self._x_of_cores = self._x
        for k, layer in enumerate(self._formats):
            own = self._sensitivities[k]
            steps = [moved[core.controls] for core in layer.cores]
            predicted = [
                core + s.change(step).reshape(core.shape)
                for core, s, step in zip(self._cores[k], own, steps, strict=True)
            ]
            readings = way.readings[k][0] - self._x[layer.bias]
            n_entries = sum(core.size for core in predicted)
            some = slice(0, -(-_EQUATIONS * n_entries // layer.n_out))
            inputs, readings = way.inputs[k][0, some], readings[some]
            if (within := way.within[k]) is not None:
                # What was cut off says nothing new.
                readings = np.where(within[0, some], readings, applied(predicted, inputs))
            variance = self._variances[k] + _ROUNDING**2 * float((readings**2).mean())
            spreads = [s.spread(step) for s, step in zip(own, steps, strict=True)]
            if not max(spreads) > 0:
                continue
            self._cores[k], known = tracked(predicted, spreads, inputs, readings, variance)
            for core, before, s, step, error in zip(
                self._cores[k], predicted, own, steps, known, strict=True
            ):
                s.learn(step, (core - before).ravel(), error)
            before, missing = (applied(own, inputs) - readings for own in (predicted, self._cores[k]))
            allowed = (_LOST**2 * (readings**2).mean(), 0.25 * (before**2).mean(), 10.0 * self._variances[k])
            if float((missing**2).mean()) > max(allowed):
                # The chip is elsewhere: its layers are read anew before the next step.
                self._stage = _Stage.START
            self._cores[k] = in_gauge(self._cores[k], own)

    def _gradient(self, known: KnownLoss, way: Pass) -> Array:
        """Derivatives of the loss by all controls, (n_controls,)."""
        gradient = np.zeros(self._x.size)
        ways = self._ways_of_parts(known, way)
        weights, biases = self._readout_now(ways[0].features.shape[-1])
        answers = []
        for nodes, own in zip(known.nodes, ways, strict=True):
            found = own.features @ weights.T
            found[:, : _n_values(own)] += biases
            answers.append(found.reshape(len(nodes), -1, len(weights)))
        self._loss, slopes = known.gradient(answers)
        for own, slope in zip(ways, slopes, strict=True):
            by_answers = slope.reshape(*own.features.shape[:2], -1)
            if self._readout is not None:
                by_weights = np.einsum("rtm,rtf->mf", by_answers, own.features)
                by_biases = by_answers[:, : _n_values(own)].sum(axis=(0, 1))
                gradient[self._readout] += np.concatenate([by_weights.ravel(), by_biases])
            found = derivatives(self._network(), own, by_answers @ weights)
            for layer, by_layer, sensitivities in zip(self._formats, found, self._sensitivities, strict=True):
                gradient[layer.bias] += by_layer.bias.sum(axis=0)
                for core, by_core, s in zip(layer.cores, by_layer.cores, sensitivities, strict=True):
                    gradient[core.controls] += s.slopes @ by_core.sum(axis=0)
        return gradient

    def _ways_of_parts(self, known: KnownLoss, way: Pass) -> list[Pass]:
        """What each part of the batch met: as it passed, or in the network as it was measured."""
        found, done = [], 0
        for nodes, forms in zip(known.nodes, known.forms, strict=True):
            some = slice(done, done + nodes.shape[0] * nodes.shape[1])
            done = some.stop
            if forms is None and self._options.pass_one_in > 1:
                found.append(self._way(nodes.reshape(-1, nodes.shape[-1])))
            elif forms is None:
                met, seen = ([own[:, some] for own in all_] for all_ in (way.inputs, way.readings))
                within = [None if own is None else own[:, some] for own in way.within]
                found.append(Pass(way.activations, met, seen, within))
            else:
                found.append(network_pass(self._network(), nodes, forms))
        return found

    def _network(self) -> list[MeasuredLayer]:
        return [
            MeasuredLayer.of(cores, self._x[layer.bias], layer.activation, layer.full_scale)
            for cores, layer in zip(self._cores, self._formats, strict=True)
        ]

    def _readout_now(self, n_features: int) -> tuple[Array, Array]:
        """Weights (m, F) and biases (m,) of the readout; without one, those that change nothing."""
        if self._readout is None:
            return np.eye(n_features), np.zeros(n_features)
        n_out = self._readout.size // (n_features + 1)
        own = self._x[self._readout]
        return own[:-n_out].reshape(n_out, n_features), own[-n_out:]

    def _move(self, gradient: Array) -> None:
        o = self._options
        gradient = gradient * self._scale
        self._moments[0] = o.beta1 * self._moments[0] + (1.0 - o.beta1) * gradient
        self._moments[1] = o.beta2 * self._moments[1] + (1.0 - o.beta2) * gradient**2
        mean = self._moments[0] / (1.0 - o.beta1**self.n_steps)
        square = self._moments[1] / (1.0 - o.beta2**self.n_steps)
        share = min((self.n_steps - 1) / max(o.n_steps - 1, 1), 1.0)
        rate = o.learning_rate * (o.last_rate + (1.0 - o.last_rate) * 0.5 * (1.0 + math.cos(math.pi * share)))
        step = rate * self._scale * mean / (np.sqrt(square) + 1e-12) * self._moving
        self._wanted = self._wanted - step
        within = np.clip(self._wanted, self._places.low, self._places.high)
        self._wanted = np.where(self._places.turns_over, self._wanted, within)
        self._x = self._settable(self._wanted)

    def _settable(self, controls: Array) -> Array:
        """The same phases within one turn, on the grid of their DACs."""
        here = self._places
        own = here.on_grid(controls)
        # A turn's end is its beginning.
        return np.where(here.turns_over & (own > here.high - 0.5 * here.grid), here.low, own)

    def _moved(self, change: Array) -> Array:
        """Moves of controls, phases by the shorter way."""
        around = np.mod(change + math.pi, 2.0 * math.pi) - math.pi
        return np.where(self._places.turns_over, around, change)


def _n_values(way: Pass) -> int:
    """Streams of a point that are values."""
    return way.features.shape[1] if way.forms is None else 1


def _n(own: slice) -> int:
    return own.stop - own.start


METHOD = Method(
    "Adam on all phases while batches pass, for chips whose layers can be read",
    LayeredAdamOptions,
    LayeredAdam,
    needs_layers=True,
    keeps_still=True,
)
