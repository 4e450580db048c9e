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
from typing import ClassVar, Literal

import numpy as np

from photonzero.training.checks import at_least, positive, require
from photonzero.training.errors import ArgumentError
from photonzero.training.layers.anchors import about_anchors, anchors, answered, bias_slopes
from photonzero.training.layers.host_operations import of_readout, of_step
from photonzero.training.layers.network import MeasuredLayer, known_activation
from photonzero.training.layers.on_batch import OnBatch, Pricing, picked, solved
from photonzero.training.layers.oracle import LayerReading
from photonzero.training.layers.places import all_places, bias_places, by_output, trained_of
from photonzero.training.layers.reader import Cores, LayerReader
from photonzero.training.layers.steps import damped_steps
from photonzero.training.layers.tensor_train import tt_matrix
from photonzero.training.objective import Evaluation, KnownBatch
from photonzero.training.optimizers.base import Candidates, Method, Start
from photonzero.training.oracle import Array
from photonzero.training.random_state import generator_from_array, generator_to_array
from photonzero.training.rounding import grid_steps

_MEMORY = 0.7
"""Weight of what was known of the price and of the noise when it is estimated again."""

_LEAST_DAMPING = 1e-11
"""nu of a readout behind optics that move no more: as small as rounding allows, since the price of noise does
the rest and no later step wants a smooth F."""

_BIAS_RATIO = 2.0
"""By how much the damping of the biases falls after a step that was better, and twice over rises after one
that was not."""


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
            drift: what has changed since is priced like noise, and the last reading is as short as that asks
            for, see `LayeredGaussNewton.n_last_repeats`.
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
    name: ClassVar[str] = "layered-gauss-newton"

    def __init__(self, start: Start, options: LayeredOptions, rng: np.random.Generator) -> None:
        if start.layers is None or start.readout is None:
            raise ArgumentError(
                f"{self.name}: no layers to read; allowed: one chip that offers measure_layer "
                "(or another optimizer, such as gauss-newton)"
            )
        self.n_steps = 0
        self.n_host_operations = 0.0
        for layer in start.layers:
            known_activation(layer.activation)
        self._formats, self._options, self._rng = tuple(start.layers), options, rng
        grid = grid_steps(start.groups, len(start.controls))
        self._readout_places = by_output(start.readout, self._formats[-1].n_out)
        self._x = np.array(start.controls, dtype=np.float64)
        trained = np.ones(self._x.size, dtype=bool) if start.still is None else ~start.still
        if not trained[self._readout_places].all():
            raise ArgumentError(f"frozen: controls of the readout; allowed with {self.name}: those of layers")
        self._by_core = [
            [trained_of(core.controls, trained) for core in layer.cores] for layer in self._formats
        ]
        self._moving = [k for k, own in enumerate(self._by_core) if any(places.size for places in own)]
        self._n_steps_in_all = options.n_steps if self._moving else 0
        self._biases = bias_places(self._formats, trained)
        self._places = all_places(self._formats, self._by_core, grid, self._biases)
        every_bias = np.concatenate([np.arange(own.bias.start, own.bias.stop) for own in self._formats])
        self._of_biases = np.flatnonzero(trained[every_bias])
        self._readout_alone = not self._moving and not self._of_biases.size
        self._readout_sum = np.zeros(self._readout_places.shape)
        own = self._x[self._places.index]
        self._x[self._places.index] = self._places.within(self._places.on_grid(own))
        self._reader = LayerReader(self._formats, self._by_core, grid, start.largest_input, options.turn_rad)
        self._stage = _Stage.START
        self._cores: list[Cores] = []
        self._damping = self._bias_damping = options.initial_damping
        self._price, self._loss = 0.0, np.inf
        # Variance of a matrix entry's change in a step, the step's length, and what inputs it meets.
        self._drift_seen, self._input_squares = np.zeros(len(self._formats)), np.zeros(len(self._formats))
        self._n_asked, self._n_asked_of_step = 0, 0
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

    @property
    def n_last_repeats(self) -> int:
        """Repeats of the last reading.

        A reading's error falls with its length, ``v / (r N s^2)`` an entry for r repeats of N vectors of
        size s, while the drift during it grows, ``D r N / n`` for a drift D in a step of n inferences and
        programmings. Their sum, each times the squares of what a layer is presented, is least for the r
        given here; without drift it is `final_repeats`. A programming is taken to last as long as an
        inference.
        """
        by_drift = self._drift @ self._input_squares
        if not by_drift > 0:
            return self._options.final_repeats
        n_weighed = [1 << (layer.n_in - 1).bit_length() for layer in self._formats]
        by_noise = (self._input_squares * self._reader.variances / self._reader.sizes**2) @ (
            1.0 / np.array(n_weighed)
        )
        found = math.sqrt(by_noise * self._n_asked_of_step / (by_drift * sum(n_weighed)))
        return round(min(max(found, 1.0), self._options.final_repeats))

    def readout_of(self, controls: Array) -> Array:
        """The readout of a setting, (m, F + 1): of every output its weights, then its bias."""
        return controls[self._readout_places]

    def ask(self) -> Candidates:
        """Readings of layers, or a fresh batch to go on with what was read."""
        o = self._options
        if self._stage is _Stage.TRIAL:
            settings = [*self._trials, self._x] if o.rereads else self._trials
            return self._question(self._reader.weighings(settings, self._repeats, self._moving, self._rng), 1)
        if self._stage is _Stage.PROBE:
            return self._question(
                self._reader.turns(self._x, self._cores, self._moving, self._rng), o.batch_factor
            )
        # Layers that stay have been read as often at the start.
        needed = self._stage is _Stage.START or (self._n_last == 0 and self._moving)
        every = range(len(self._formats))
        repeats = o.final_repeats if self._stage is _Stage.START else self.n_last_repeats
        readings = self._reader.weighings([self._x], repeats, every, self._rng) if needed else []
        return self._question(readings, o.final_batch_factor)

    def tell(self, evaluation: Evaluation) -> None:
        """What was read, and the batch."""
        if not isinstance(evaluation.known, KnownBatch):
            raise ArgumentError(
                "task: none whose residuals are a known function of a network's answers, as "
                f"{self.name} needs; allowed: a PDE (or another optimizer)"
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
            "sizes": self._reader.sizes.copy(),
            "variances": self._reader.variances.copy(),
            "drift": np.stack([self._drift_seen, self._input_squares]),
            "asked": np.array([self._n_asked, self._n_asked_of_step]),
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
        self._reader.sizes, self._reader.variances = np.array(state["sizes"]), np.array(state["variances"])
        self._drift_seen, self._input_squares = np.array(state["drift"])
        self._n_asked, self._n_asked_of_step = map(int, state["asked"])
        self._rng = generator_from_array(state["rng"])
        self._cores = []
        if state["core0/0"].size:
            self._cores = [
                [np.array(state[f"core{k}/{c}"]) for c in range(len(layer.cores))]
                for k, layer in enumerate(self._formats)
            ]
        self._stage = self._between_steps() if self._cores else _Stage.START
        self._trials, self._n_last = [], 0
        self._readout_sum[:] = 0.0

    def _between_steps(self) -> _Stage:
        return _Stage.PROBE if self.n_steps < self._n_steps_in_all else _Stage.LAST

    @property
    def _drift(self) -> Array:
        """Variance of an entry's change in a step, (layers,): none where noise explains what was seen."""
        return np.maximum(self._drift_seen, 0.0)

    @property
    def _repeats(self) -> int:
        return self._options.reading_repeats if self._reader.variances.any() else 1

    @property
    def _pricing(self) -> Pricing:
        o, variances = self._options, tuple(self._reader.variances + self._drift * self._input_squares)
        if self._readout_alone or self._stage is _Stage.LAST:
            return Pricing(variances, self._price, _LEAST_DAMPING)
        share = min(self.n_steps / max(o.n_steps - 1, 1), 1.0) if self._moving else 1.0
        nu = o.first_readout_damping ** (1.0 - share) * o.last_readout_damping**share
        return Pricing(variances, self._price, nu, o.noise_draws)

    def _question(self, readings: Sequence[LayerReading], factor: int) -> Candidates:
        self._n_asked += sum(own.n_inferences + len(own.controls) for own in readings)
        none = np.zeros((0, self._x.size))
        return Candidates(
            none, True, self._stage.value, batch_factor=self._options.pool * factor, readings=tuple(readings)
        )

    def _network(self, controls: Array, cores: Sequence[Cores]) -> list[MeasuredLayer]:
        return [
            # Detectors err by more than single precision does.
            MeasuredLayer.of(own, controls[layer.bias], layer.activation, layer.full_scale, np.float32)
            for own, layer in zip(cores, self._formats, strict=True)
        ]

    def _solved(self, batch: KnownBatch, controls: Array, cores: Sequence[Cores]) -> OnBatch:
        readout = controls[self._readout_places]
        found = solved(self._network(controls, cores), batch, readout, self._pricing)
        self.n_host_operations += of_readout(self._formats, batch, *found.solution.columns.shape)
        return found

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
        if not self._reader.within_range(readings, range(len(self._formats))).all():
            return
        (self._cores,) = self._reader.identified(self._cores, readings, range(len(self._formats)))
        self._stage = self._between_steps()

    def _propose(self, batch: KnownBatch, readings: Sequence[Array]) -> None:
        """Candidates from probes."""
        changes = self._reader.changes(self._cores, readings, self._moving)
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
        shape = (len(base.solution.residual), len(model.slope))
        self.n_host_operations += of_step(self._formats, self._by_core, batch, shape, len(self._trials))
        self._stage = _Stage.TRIAL

    def _answers(self, slopes: Array) -> Array:
        """Slopes (biases, P) of those biases that are trained; the others answer nothing."""
        own = np.zeros_like(slopes)
        own[self._of_biases] = slopes[self._of_biases]
        return own

    def _learn_price(self, base: OnBatch) -> None:
        if self._options.rereads:
            self._input_squares = base.input_squares()
        errs = self._reader.variances.any() or any(math.isfinite(layer.full_scale) for layer in self._formats)
        if errs and (price := base.price()) > 0:
            known = self._price > 0
            self._price = self._price**_MEMORY * price ** (1.0 - _MEMORY) if known else price

    def _learn_drift(self, again: Sequence[Cores]) -> None:
        """How much the matrices have changed where it stands, beyond their noise."""
        self._n_asked_of_step, self._n_asked = self._n_asked, 0
        for k, noise in zip(self._moving, self._reader.entry_variance(self._moving), strict=True):
            changed = float(((tt_matrix(again[k]) - tt_matrix(self._cores[k])) ** 2).mean())
            # Of two readings, each with at most its noise: ranks take most of it off.
            seen, known = changed - 2.0 * noise, self._drift_seen[k]
            self._drift_seen[k] = _MEMORY * known + (1.0 - _MEMORY) * seen if self.n_steps else seen

    def _dampings(self) -> list[float]:
        o = self._options
        return [self._damping * o.damping_ratio ** (k - o.n_dampings // 2) for k in range(o.n_dampings)]

    def _choose(self, batch: KnownBatch, readings: Sequence[Array]) -> None:
        """The best of the candidates and the base."""
        # What was cut off says little of its layer: such candidates are left out.
        good = np.flatnonzero(self._reader.within_range(readings, self._moving))
        some = [own[good] for own in readings]
        read = self._reader.identified(self._cores, some, self._moving, _MEMORY) if good.size else []
        by_setting = dict(zip(good.tolist(), read, strict=True))
        again = by_setting.pop(len(self._trials), None)
        if again is not None:
            self._learn_drift(again)
            self._cores = again
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
            if not self._reader.within_range(readings, range(len(self._formats))).all():
                return
            (self._cores,) = self._reader.identified(self._cores, readings, range(len(self._formats)))
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


METHOD = Method(
    "Gauss-Newton on all phases, for chips whose layers can be read one by one",
    LayeredOptions,
    LayeredGaussNewton,
    needs_layers=True,
    keeps_still=True,
)
