"""Gauss-Newton on a network whose layers are read one by one.

A random direction of some hundred phases says little for what it costs. A chip with layer access
(`photonzero.training.layers.oracle`) shows more: every layer's matrix by a weighing design, and how each
phase changes it by two turns of that phase in front of a few random vectors. What follows is the
host's: residuals and their Jacobian at collocation points come from measured matrices and known
electronics, and cost no inference. Optics are measured forward only.

A step:

1. **Probe.** Every phase is turned both ways, its core's change found by least squares
   (`photonzero.training.layers.tangents`). On a fresh batch the readout is solved with a price on the noise
   that it passes on (`photonzero.training.layers.priced_readout`), and the biases of the electronics move.
2. **Solve.** The Jacobian of residuals, and of the noise's effect under one draw of it, by all phases and
   biases, the readout projected out; some damped steps, rounded to the DAC's grid in the metric of the
   problem (`photonzero.training.layers.steps`).
3. **Try.** The layers of every candidate are read; each is judged on a fresh batch, after its biases have
   moved to suit it. The best is kept if it is better than the base, judged in the same way.

After the last step the layers are read more often, readout and biases get some more steps, and the readouts
of some batches are averaged, which costs no inference. Noise is known from repeats.

Layers whose phases stay where they start are read once and probed never. Where all do, what is left costs no
inference beyond that reading: as many steps of the biases, and where they stay too, the mean of the readouts
of some fresh batches.

Inferences of a step: ``sum over layers of 2 P v + c rep N`` for P phases, v probe vectors, c candidates
(one more with `rereads`) and rep repeats of N = 2^k weighing vectors, shared among layers by
`shared_repeats`. Memory: R (P + biases) numbers in all, and R T F for F features, R residuals and T streams
a point: its value, d slopes and the second derivatives of the PDE, all exact. Host operations: for the
Jacobian about 2 R T times the entries of a core times the modes beside it, core by core; for a step of n
phases and biases 2 R n^2 + 2/3 c n^3; for a readout of F numbers on B points 2 B T times the entries of all
layers' matrices, and 2 R F^2 + F^3 / 3. `n_host_operations` adds them up as they come.
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
from photonzero.training.layers.anchors import about_anchors, anchors, answered, bias_slopes
from photonzero.training.layers.network import MeasuredLayer, known_activation
from photonzero.training.layers.on_batch import OnBatch, Pricing, picked, solved
from photonzero.training.layers.oracle import LayerFormat, LayerReading
from photonzero.training.layers.steps import Places, damped_steps
from photonzero.training.layers.tangents import (
    Probes,
    core_changes,
    length_of_turn,
    probe_vectors,
    turned,
)
from photonzero.training.layers.tensor_train import tt_cores, tt_matrix
from photonzero.training.layers.weighing import (
    entry_noise,
    maybe_cut_off,
    reading_variance,
    shared_repeats,
    weighed,
    weighing_design,
)
from photonzero.training.objective import Evaluation, KnownBatch
from photonzero.training.optimizers.base import Candidates, Method, Start
from photonzero.training.oracle import Array
from photonzero.training.random_state import generator_from_array, generator_to_array
from photonzero.training.rounding import grid_steps

_MEMORY = 0.7
"""Weight of what was known of the price and of the noise when it is estimated again."""

_PHASES_OF_A_READING = 10.0
"""Readings' mean square over that of their change by one phase, about."""

_CONTRADICTION = 5.0
"""By how many times their noise readings may depart from the stated format: what ranks leave out of noise
has at most twice its size for every core."""

_ROUNDING = 1e-5
"""The same for readings without noise, over their size: what single precision rounds."""

_LEAST_DAMPING = 1e-11
"""nu of a readout behind optics that move no more: as small as rounding allows, since the price of noise does
the rest and no later step wants a smooth F."""

_BIAS_RATIO = 2.0
"""By how much the damping of the biases falls after a step that was better, and twice over rises after one
that was not."""

Cores = list[Array]


class _Stage(Enum):
    """What is asked for next; the value is its purpose in the log."""

    START = "start"
    """The first matrices of all layers."""
    PROBE = "probe"
    """Turns of every phase."""
    TRIAL = "trial"
    """Matrices at every candidate."""
    LAST = "last"
    """A precise reading, then batches for steps that need none."""


@dataclass(frozen=True)
class LayeredOptions:
    """Settings of `LayeredGaussNewton`.

    Attributes:
        n_steps: steps; after them the last reading, and the end.
        n_dampings: candidates of a step.
        damping_ratio: ratio of neighbouring dampings.
        initial_damping: in units of the curvature's mean diagonal.
        batch_factor: points that a step is solved on, over those that it is judged on.
        reading_repeats: of the weighing design, for every reading of noisy layers; 1 where nothing is noisy.
        final_repeats: of the first and of the last reading.
        final_steps: steps of readout and biases after the last reading, and batches whose readouts are
            averaged then.
        final_batch_factor: points that they are solved on, over those that a step is judged on.
        pool: points that the network as it stands is computed at, over those of a batch; of more than one the
            batch is picked where residuals are large, see `photonzero.training.layers.on_batch.picked`.
        turn_rad: how far a phase is turned to be probed; rounded to whole codes of its DAC [rad].
        first_readout_damping: nu of the first step, in units of the mean square of the readout's columns.
        last_readout_damping: of the last; between them geometric.
        noise_draws: draws of the detectors' errors at every point, whose effect a step lowers. Where that is
            most of what is left, a few are fitted one by one, and the next ones are no lower.
        rereads: read the layers where it stands again with the candidates of every step, for chips that
            drift.
        anchored: turn features about where they are steep, see `photonzero.training.layers.anchors`.
    """

    n_steps: int = 60
    n_dampings: int = 3
    damping_ratio: float = 5.0
    initial_damping: float = 1e-2
    batch_factor: int = 2
    reading_repeats: int = 4
    final_repeats: int = 32
    final_steps: int = 10
    final_batch_factor: int = 2
    pool: int = 1
    turn_rad: float = math.pi / 4
    first_readout_damping: float = 1e-5
    last_readout_damping: float = 1e-8
    noise_draws: int = 1
    rereads: bool = False
    anchored: bool = False

    def __post_init__(self) -> None:
        at_least(self, n_steps=1, n_dampings=1, batch_factor=1, reading_repeats=2, final_repeats=2)
        at_least(self, final_steps=0, final_batch_factor=1, pool=1, noise_draws=1)
        positive(self, "initial_damping", "first_readout_damping", "last_readout_damping")
        require(self, "damping_ratio", self.damping_ratio > 1, "> 1")
        require(self, "turn_rad", 0 < self.turn_rad < math.pi / 2, "above 0, below pi / 2")


class LayeredGaussNewton:
    """Gauss-Newton with layer access; see the module's text.

    Args:
        start: where, what can be set, and the format of the layers.
        options: see `LayeredOptions`.
        rng: draws probe vectors and draws of the noise.

    Raises:
        ArgumentError: a chip without layer access, or without a readout that can be set.
    """

    needs: Literal["loss", "residuals"] = "residuals"

    def __init__(self, start: Start, options: LayeredOptions, rng: np.random.Generator) -> None:
        if start.layers is None or start.readout is None:
            raise ArgumentError(
                "layered-gauss-newton: no layers to read; allowed: one chip that offers measure_layer "
                "(or another optimizer, such as gauss-newton)"
            )
        self.n_steps = 0
        self.n_host_operations = 0.0
        for layer in start.layers:
            known_activation(layer.activation)
        self._formats, self._options, self._rng = tuple(start.layers), options, rng
        self._readout_places = _by_output(start.readout, self._formats[-1].n_out)
        self._x = np.array(start.controls, dtype=np.float64)
        self._grid = grid_steps(start.groups, self._x.size)
        trained = np.ones(self._x.size, dtype=bool) if start.still is None else ~start.still
        if not trained[self._readout_places].all():
            raise ArgumentError(
                "frozen: controls of the readout; allowed with layered-gauss-newton: those of layers"
            )
        self._by_core = [
            [_trained(core.controls, trained) for core in layer.cores] for layer in self._formats
        ]
        self._moving = [k for k, own in enumerate(self._by_core) if any(places.size for places in own)]
        self._n_steps_in_all = options.n_steps if self._moving else 0
        self._biases = _bias_places(self._formats, trained)
        self._places = _all_places(self._formats, self._by_core, self._grid, self._biases)
        every_bias = np.concatenate([np.arange(own.bias.start, own.bias.stop) for own in self._formats])
        self._of_biases = np.flatnonzero(trained[every_bias])
        self._readout_alone = not self._moving and not self._of_biases.size
        self._readout_sum = np.zeros(self._readout_places.shape)
        self._x = _settable(self._x, self._places)
        self._sizes = np.full(len(self._formats), min(1.0, start.largest_input))
        self._variances = np.zeros(len(self._formats))
        self._stage = _Stage.START
        self._cores: list[Cores] = []
        self._damping = self._bias_damping = options.initial_damping
        self._price, self._loss = 0.0, np.inf
        self._vectors: list[Array] = []
        self._probes: list[tuple[Array, Probes]] = []
        self._trials: list[Array] = []
        self._anchors: list[Array] = []
        self._n_last = 0

    @property
    def controls(self) -> Array:
        """The setting it stands at, (n_controls,)."""
        return self._x

    @property
    def loss(self) -> float:
        """Squared residuals a point with the price of noise, on the points of the last step."""
        return self._loss

    @property
    def done(self) -> float:
        """Share of its steps that are over; all where no phase is to move."""
        return min(self.n_steps / self._n_steps_in_all, 1.0) if self._moving else 1.0

    @property
    def matrices(self) -> list[Array]:
        """Of all layers where it stands, as they were read last."""
        return [tt_matrix(cores) for cores in self._cores]

    def readout_of(self, controls: Array) -> Array:
        """The readout of a setting, (m, F + 1): of every output its weights, then its bias."""
        return controls[self._readout_places]

    def ask(self) -> Candidates:
        """Readings of layers, or a fresh batch to go on with what was read."""
        o = self._options
        if self._stage is _Stage.TRIAL:
            settings = [*self._trials, self._x] if o.rereads else self._trials
            return self._question(self._weighings(settings, self._repeats, self._moving), 1)
        if self._stage is _Stage.PROBE:
            return self._question(self._turns(), o.batch_factor)
        # Layers that stay have been read as often at the start.
        needed = self._stage is _Stage.START or (self._n_last == 0 and self._moving)
        every = range(len(self._formats))
        readings = self._weighings([self._x], o.final_repeats, every) if needed else []
        return self._question(readings, o.final_batch_factor)

    def tell(self, evaluation: Evaluation) -> None:
        """What was read, and the batch."""
        if not isinstance(evaluation.known, KnownBatch):
            raise ArgumentError(
                "task: none whose residuals are a known function of a network's answers, as "
                "layered-gauss-newton needs; allowed: a PDE (or another optimizer)"
            )
        batch, readings = evaluation.known, evaluation.readings
        if self._stage is _Stage.START:
            self._begin(readings)
            return
        if self._options.pool > 1:
            network, readout = self._network(self._x, self._cores), self._x[self._readout_places]
            batch = picked(network, batch, readout, 1.0 / self._options.pool, self._rng)
        if self._stage is _Stage.PROBE:
            self._propose(batch, readings)
        elif self._stage is _Stage.TRIAL:
            self._choose(batch, readings)
        else:
            self._finish(batch, readings)

    def stop(self) -> dict[str, str]:
        """Stops after its steps and the last reading, which is one step more."""
        if self.n_steps <= self._n_steps_in_all:
            return {}
        return {"finished": f"{self._n_steps_in_all} steps and the last reading"}

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        numbers = (
            self._damping,
            self._bias_damping,
            self._price,
            self._loss,
            self.n_steps,
            self.n_host_operations,
        )
        state = {
            "x": self._x.copy(),
            "layered": np.array(numbers, dtype=float),
            "sizes": self._sizes.copy(),
            "variances": self._variances.copy(),
            "rng": generator_to_array(self._rng),
        }
        for k, layer in enumerate(self._formats):
            for c in range(len(layer.cores)):
                state[f"core{k}/{c}"] = self._cores[k][c].copy() if self._cores else np.zeros(0)
        return state

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        self._x = np.array(state["x"])
        self._damping, self._bias_damping, self._price, self._loss, n_steps, self.n_host_operations = map(
            float, state["layered"]
        )
        self.n_steps = int(n_steps)
        self._sizes, self._variances = np.array(state["sizes"]), np.array(state["variances"])
        self._rng = generator_from_array(state["rng"])
        self._cores = []
        if state["core0/0"].size:
            self._cores = [
                [np.array(state[f"core{k}/{c}"]) for c in range(len(layer.cores))]
                for k, layer in enumerate(self._formats)
            ]
        self._stage = self._between_steps() if self._cores else _Stage.START
        self._probes, self._trials, self._n_last = [], [], 0
        self._readout_sum[:] = 0.0

    def _between_steps(self) -> _Stage:
        return _Stage.PROBE if self.n_steps < self._n_steps_in_all else _Stage.LAST

    @property
    def _repeats(self) -> int:
        return self._options.reading_repeats if self._variances.any() else 1

    @property
    def _pricing(self) -> Pricing:
        o = self._options
        if self._readout_alone or self._stage is _Stage.LAST:
            return Pricing(tuple(self._variances), self._price, _LEAST_DAMPING)
        share = min(self.n_steps / max(o.n_steps - 1, 1), 1.0) if self._moving else 1.0
        nu = o.first_readout_damping ** (1.0 - share) * o.last_readout_damping**share
        return Pricing(tuple(self._variances), self._price, nu, o.noise_draws)

    def _question(self, readings: Sequence[LayerReading], factor: int) -> Candidates:
        none = np.zeros((0, self._x.size))
        return Candidates(
            none, True, self._stage.value, batch_factor=self._options.pool * factor, readings=tuple(readings)
        )

    def _weighings(self, settings: list[Array], repeats: int, which: Sequence[int]) -> list[LayerReading]:
        """The matrices of some layers at some settings."""
        shared = shared_repeats([self._formats[k].n_in for k in which], repeats)
        self._vectors = [
            weighing_design(self._formats[k].n_in, times, self._sizes[k], self._rng)
            for k, times in zip(which, shared, strict=True)
        ]
        return [
            LayerReading(k, np.stack(settings), vectors)
            for k, vectors in zip(which, self._vectors, strict=True)
        ]

    def _identified(
        self, readings: Sequence[Array], which: Sequence[int], memory: float = 0.0
    ) -> list[list[Cores]]:
        """Cores of all layers for each setting, from weighings of some; the noise is learnt on the way.

        Args:
            readings: of those layers, (P, B, m).
            which: their numbers.
            memory: weight of the noise that is known already.
        """
        found = [list(self._cores) or [[]] * len(self._formats) for _ in range(len(readings[0]))]
        for k, answer, vectors in zip(which, readings, self._vectors, strict=True):
            layer, numbers = self._formats[k], answer.astype(np.float64)
            matrices = weighed(numbers, vectors)
            if len(vectors) >= 2 * layer.n_in:
                seen = reading_variance(numbers, vectors, matrices)
                self._variances[k] = memory * self._variances[k] + (1.0 - memory) * seen
            entry_std = entry_noise(self._variances[k], vectors)
            for own, matrix in zip(found, matrices, strict=True):
                own[k] = tt_cores(matrix, layer.out_modes, layer.in_modes, layer.ranks, entry_std)
                _require_format(k, matrix, own[k], entry_std)
        return found

    def _turns(self) -> list[LayerReading]:
        """Every phase that is trained turned both ways."""
        self._probes, found = [], []
        for k in self._moving:
            vectors = self._sizes[k] * probe_vectors(self._cores[k], self._rng, self._probe_noise(k))
            own = []
            for core, places in zip(self._formats[k].cores, self._by_core[k], strict=True):
                step = float(self._grid[places].max(initial=0.0))
                turn = length_of_turn(self._options.turn_rad, core.response)
                turn = step * max(1.0, round(turn / step)) if step > 0 else turn
                own.append(turned(self._x, places, turn, core.low, core.high, core.response))
            probes = Probes(
                np.concatenate([p.settings for p in own]), np.concatenate([p.weights for p in own])
            )
            self._probes.append((vectors, probes))
            found.append(LayerReading(k, probes.settings, vectors))
        return found

    def _probe_noise(self, k: int) -> float:
        """Noise of a slope over what one phase changes of readings, about."""
        mean_square = (tt_matrix(self._cores[k]) ** 2).sum() / self._formats[k].n_out * self._sizes[k] ** 2
        return math.sqrt(_PHASES_OF_A_READING * self._variances[k] / mean_square) if mean_square > 0 else 0.0

    def _changes(self, readings: Sequence[Array]) -> list[list[Array]]:
        """What every phase does to its core, from the readings of `_turns`."""
        changes = [[np.zeros((0, core.size)) for core in own] for own in self._cores]
        for k, (vectors, probes), answer in zip(self._moving, self._probes, readings, strict=True):
            cores = self._cores[k]
            slopes = probes.slopes(vectors @ tt_matrix(cores).T, answer.astype(np.float64))
            variances = probes.variances(self._variances[k])
            ends = np.cumsum([places.size for places in self._by_core[k]])[:-1]
            parts = zip(np.split(slopes, ends), np.split(variances, ends), strict=True)
            changes[k] = [
                core_changes(cores, c, vectors, part, noise) for c, (part, noise) in enumerate(parts)
            ]
        return changes

    def _network(self, controls: Array, cores: Sequence[Cores]) -> list[MeasuredLayer]:
        return [
            # Detectors err by more than single precision does.
            MeasuredLayer.of(own, controls[layer.bias], layer.activation, layer.full_scale, np.float32)
            for own, layer in zip(cores, self._formats, strict=True)
        ]

    def _solved(self, batch: KnownBatch, controls: Array, cores: Sequence[Cores]) -> OnBatch:
        readout = controls[self._readout_places]
        found = solved(self._network(controls, cores), batch, readout, self._pricing)
        n_rows, n_readout = found.solution.columns.shape
        entries = sum(layer.n_in * layer.n_out for layer in self._formats)
        self.n_host_operations += 2.0 * _n_streams(batch) * entries
        self.n_host_operations += 2.0 * n_rows * n_readout**2 + n_readout**3 / 3.0
        return found

    def _count_step(self, batch: KnownBatch, n_rows: int, n_controls: int, n_dampings: int) -> None:
        """The Jacobian by every core that moves, and damped steps of all controls."""
        for layer, own in zip(self._formats, self._by_core, strict=True):
            for c, places in enumerate(own):
                if places.size:
                    beside = math.prod(layer.out_modes[:c]) * math.prod(layer.in_modes[c + 1 :])
                    entries = layer.ranks[c] * layer.out_modes[c] * layer.in_modes[c] * layer.ranks[c + 1]
                    self.n_host_operations += (
                        2.0 * entries * (_n_streams(batch) * beside + n_rows * places.size)
                    )
        self.n_host_operations += 2.0 * n_rows * n_controls**2 + 2.0 / 3.0 * n_dampings * n_controls**3

    def _with_biases(
        self, batch: KnownBatch, controls: Array, cores: Sequence[Cores]
    ) -> tuple[Array, OnBatch, bool]:
        """The better of a setting and a damped step of its biases: controls, solution, whether it moved."""
        here = self._solved(batch, controls, cores)
        if not self._of_biases.size:
            return self._with_readout(controls, here), here, False
        model = here.model(None, self._rng).only(self._of_biases)
        (moved,) = damped_steps(model, self._with_readout(controls, here), self._biases, [self._bias_damping])
        there = self._solved(batch, moved, cores)
        if there.value < here.value:
            return self._with_readout(moved, there), there, True
        return self._with_readout(controls, here), here, False

    def _with_readout(self, controls: Array, solution: OnBatch) -> Array:
        moved = controls.copy()
        moved[self._readout_places] = solution.readout
        return moved

    def _move_biases(self, batch: KnownBatch) -> OnBatch:
        """A step of the readout and the biases where it stands; no inference."""
        self._x, best, moved = self._with_biases(batch, self._x, self._cores)
        ratio = 1.0 / _BIAS_RATIO if moved else _BIAS_RATIO**2
        self._bias_damping = float(np.clip(self._bias_damping * ratio, 1e-6, 1e3))
        return best

    def _begin(self, readings: Sequence[Array]) -> None:
        """The first matrices; too bright where readings were cut off: then again with smaller vectors."""
        if not self._within_range(readings, range(len(self._formats))).all():
            return
        (self._cores,) = self._identified(readings, range(len(self._formats)))
        self._stage = self._between_steps()

    def _within_range(self, readings: Sequence[Array], which: Sequence[int]) -> Array:
        """Settings (P,) none of whose readings (P, B, m) was cut off; layers that did get smaller vectors."""
        good = np.ones(len(readings[0]), dtype=bool)
        for k, answer in zip(which, readings, strict=True):
            beyond = maybe_cut_off(answer, self._formats[k].full_scale).any(axis=(1, 2))
            if beyond.any():
                self._sizes[k] /= 2.0
            good &= ~beyond
        return good

    def _propose(self, batch: KnownBatch, readings: Sequence[Array]) -> None:
        """Candidates from probes."""
        changes = self._changes(readings)
        base = self._move_biases(batch)
        unknown = self._price == 0
        self._learn_price(base)
        if unknown and self._price > 0:
            base = self._move_biases(batch)
        model = base.model(changes, self._rng)
        if self._options.anchored:
            self._anchors = anchors(base.layers, batch)
            model = about_anchors(model, self._answers(bias_slopes(base.layers, changes, self._anchors)))
        n_phases = len(model.slope) - sum(layer.n_out for layer in self._formats)
        model = model.only(np.concatenate([np.arange(n_phases), n_phases + self._of_biases]))
        self._trials = damped_steps(model, self._x, self._places, self._dampings())
        self._count_step(batch, len(base.solution.residual), len(model.slope), self._options.n_dampings)
        self._stage = _Stage.TRIAL

    def _answers(self, slopes: Array) -> Array:
        """Slopes (biases, P) of those biases that are trained; the others answer nothing."""
        own = np.zeros_like(slopes)
        own[self._of_biases] = slopes[self._of_biases]
        return own

    def _learn_price(self, base: OnBatch) -> None:
        errs = self._variances.any() or any(math.isfinite(layer.full_scale) for layer in self._formats)
        if errs and (price := base.price()) > 0:
            known = self._price > 0
            self._price = self._price**_MEMORY * price ** (1.0 - _MEMORY) if known else price

    def _dampings(self) -> list[float]:
        o = self._options
        return [self._damping * o.damping_ratio ** (k - o.n_dampings // 2) for k in range(o.n_dampings)]

    def _choose(self, batch: KnownBatch, readings: Sequence[Array]) -> None:
        """The best of the candidates and the base."""
        # What was cut off says little of its layer: such candidates are left out.
        good = np.flatnonzero(self._within_range(readings, self._moving))
        read = self._identified([own[good] for own in readings], self._moving, _MEMORY) if good.size else []
        by_setting = dict(zip(good.tolist(), read, strict=True))
        self._cores = by_setting.pop(len(self._trials), self._cores)
        best, chosen = self._solved(batch, self._x, self._cores), None
        found, cores = self._with_readout(self._x, best), self._cores
        for k, own in by_setting.items():
            trial = self._trials[k]
            if self._options.anchored:
                old, new = self._network(self._x, self._cores), self._network(trial, own)
                trial[self._biases.index] += answered(old, new, self._anchors)[self._of_biases]
            moved, tried, _ = self._with_biases(batch, trial, own)
            if tried.value < best.value:
                best, chosen, found, cores = tried, k, moved, own
        self._x, self._cores = found, cores
        self._damping = self._damping * 3.0 if chosen is None else self._dampings()[chosen]
        self._damping = float(np.clip(self._damping, 1e-8, 1.0))
        self._loss = best.value / len(best.solution.residual)
        self.n_steps += 1
        self._stage = self._between_steps()

    def _finish(self, batch: KnownBatch, readings: Sequence[Array]) -> None:
        """The last reading, then steps of what needs none."""
        if readings:
            if not self._within_range(readings, range(len(self._formats))).all():
                return
            (self._cores,) = self._identified(readings, range(len(self._formats)))
        self._n_last += 1
        n_free = self._options.final_steps
        if not self._moving and self._of_biases.size:
            n_free += self._options.n_steps
        if self._n_last <= n_free:
            best = self._move_biases(batch)
            if not self._moving:
                self._learn_price(best)
            return
        # Each batch bends the readout to its own points; nothing else moves, so the mean is better.
        best = self._solved(batch, self._x, self._cores)
        self._readout_sum += best.readout
        n_summed = self._n_last - n_free
        self._x[self._readout_places] = self._readout_sum / n_summed
        self._loss = best.value / len(best.solution.residual)
        if n_summed >= self._options.final_steps:
            self.n_steps += 1


def _trained(controls: slice, trained: Array) -> Array:
    """Places of those of some controls that are trained."""
    places = np.arange(controls.start, controls.stop)
    return places[trained[places]]


def _require_format(k: int, matrix: Array, cores: Cores, entry_std: float) -> None:
    """That a layer is what its format says.

    Raises:
        ArgumentError: its matrix has more than the cores by far more than the noise of its entries.
    """
    left = math.sqrt(((matrix - tt_matrix(cores)) ** 2).mean())
    allowed = _CONTRADICTION * len(cores) * entry_std + _ROUNDING * math.sqrt((matrix**2).mean())
    if left > allowed:
        raise ArgumentError(
            f"layer {k + 1}: entries {left:.2g} off any tensor train of the stated format; allowed: up to "
            f"{allowed:.2g}, by a noise of {entry_std:.2g} (ranks or modes misstated, or the chip changes "
            "while it is read)"
        )


def _n_streams(batch: KnownBatch) -> int:
    """Vectors that a host passes through a network for a batch: B T of every part."""
    parts = zip(batch.nodes, batch.forms, strict=True)
    widths = ((own.shape, 0 if forms is None else own.shape[2] + len(forms)) for own, forms in parts)
    return sum(n_points * (n_nodes + n_slopes) for (n_points, n_nodes, _), n_slopes in widths)


def _by_output(readout: Array, n_features: int) -> Array:
    """Places (m, F + 1) of every output's weights and bias, from weights row after row, then biases."""
    m = readout.size // (n_features + 1)
    weights, biases = readout[: m * n_features].reshape(m, n_features), readout[m * n_features :]
    return np.concatenate([weights, biases[:, None]], axis=1)


def _bias_places(formats: Sequence[LayerFormat], trained: Array) -> Places:
    index = np.concatenate([_trained(layer.bias, trained) for layer in formats])
    unbounded = np.full(index.size, np.inf)
    return Places(index, np.zeros(index.size), -unbounded, unbounded)


def _all_places(
    formats: Sequence[LayerFormat], by_core: Sequence[Sequence[Array]], grid: Array, biases: Places
) -> Places:
    """Trained controls of all cores, layer by layer, then the biases."""
    cores = [core for layer in formats for core in layer.cores]
    index = np.concatenate([places for own in by_core for places in own])
    sizes = [places.size for own in by_core for places in own]
    low, high = (
        np.repeat([core.low for core in cores], sizes),
        np.repeat([core.high for core in cores], sizes),
    )
    return Places(
        np.concatenate([index, biases.index]),
        np.concatenate([grid[index], biases.grid]),
        np.concatenate([low, biases.low]),
        np.concatenate([high, biases.high]),
    )


def _settable(controls: Array, places: Places) -> Array:
    """The same phases within one turn, and all controls on the grid of their DACs."""
    moved = controls.copy()
    own = moved[places.index]
    a_turn = np.isclose(places.high - places.low, 2.0 * np.pi)
    own[a_turn] = places.low[a_turn] + np.mod(own[a_turn] - places.low[a_turn], 2.0 * np.pi)
    step = np.where(places.grid > 0, places.grid, 1.0)
    own = np.where(places.grid > 0, step * np.round(own / step), own)
    moved[places.index] = places.within(own)
    return moved


METHOD = Method(
    "Gauss-Newton on all phases, for chips whose layers can be read one by one",
    LayeredOptions,
    LayeredGaussNewton,
    needs_layers=True,
    keeps_still=True,
)
