"""Gauss-Newton on all phases of a chip that shows the readings of its last layer, and opens no other.

It is `photonzero.training.optimizers.layered_gauss_newton` on a chip that offers less. Nothing is presented
to a layer and nothing is read of it but by whole passes: the biases of the electronics present vectors to a
layer while the chip's inputs are dark, and a layer's readings follow from those of the last one
(`photonzero.training.layers.behind`). So, as with layer access, the host knows the layout of the network and
the activations between layers; it knows no matrix that it has not measured.

Before the first step:

1. The last layer is weighed at some random settings, and those few that together tell best what it is
   presented are weighed again: the views. The same for every layer before it but the first, through the
   views of those behind.
2. The vectors of every layer but the last grow until its readings have the size at which activations begin
   to bend.

Every question to a layer but the last is then put once for each view. The noise of the detectors of those
layers, which prices the readout, is told from that of the last readings by the slopes with which it gets
there.

Inferences of a step: ``sum over layers of S_l (2 P v + c rep N)`` in the notation of layered Gauss-Newton,
S_l the number of views S, and 1 for the last layer. Before the first step, for every layer but the first,
the pool takes ``4 S S_l N`` and the views ``S S_l rep N``, with the larger ``final_repeats`` where S_l is
not 1; the vectors of every layer but the last grow in up to six rounds of ``S N``. Host operations beside:
2 S m n for every reading of a layer of n detectors through last readings of m.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from photonzero.training.checks import at_least
from photonzero.training.errors import ArgumentError
from photonzero.training.layers.on_batch import Pricing
from photonzero.training.layers.oracle import LayerReading
from photonzero.training.layers.reader import LayerReader
from photonzero.training.layers.through_last import ThroughLast
from photonzero.training.layers.weighing import maybe_cut_off, weighing_vectors
from photonzero.training.objective import Evaluation
from photonzero.training.optimizers.base import Candidates, Method, Start
from photonzero.training.optimizers.layered_gauss_newton import LayeredGaussNewton, LayeredOptions
from photonzero.training.oracle import Array
from photonzero.training.rounding import grid_steps

_BRIGHTEST = 1.0
"""Largest reading before an activation that is taken: beyond, a tanh hardly tells and a sine soon turns."""

_BRIGHT_ENOUGH = 0.35
"""Largest reading below which vectors are doubled."""

_FIRST_SIZE = 2.0**-5
"""Of the vectors of a layer that is not the last."""

_POOL = 4
"""Settings to choose from for every view."""


@dataclass(frozen=True)
class LastLayerOptions(LayeredOptions):
    """Settings of `LastLayerGaussNewton`; further ones as of layered Gauss-Newton.

    Attributes:
        n_views: settings of the layers behind that a layer is read through.
    """

    n_views: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, n_views=1)


class LastLayerGaussNewton(LayeredGaussNewton):
    """Gauss-Newton through the last layer; see the module's text.

    Args:
        start: where, what can be set, and the format of the layers.
        options: see `LastLayerOptions`.
        rng: draws views, probe vectors and draws of the noise.

    Raises:
        ArgumentError: a chip that does not show its last layer, without a readout that can be set, or with
            an activation before the last layer that cannot be inverted.
    """

    name = "last-layer-gauss-newton"

    def __init__(self, start: Start, options: LastLayerOptions, rng: np.random.Generator) -> None:
        if start.shown is None or start.readout is None:
            raise ArgumentError(
                f"{self.name}: no last layer to read; allowed: one chip that offers measure_last_layer "
                "(or another optimizer, such as gauss-newton)"
            )
        super().__init__(replace(start, layers=start.shown), options, rng)
        self._last_options = options
        self._through = ThroughLast(self._formats, self._by_core, options.n_views)
        *before, last = self._formats
        read = [replace(own, full_scale=min(own.full_scale, _BRIGHTEST)) for own in before]
        self._grid = grid_steps(start.groups, self._x.size)
        self._reader = LayerReader(
            [*read, last], self._by_core, self._grid, start.largest_input, options.turn_rad
        )
        self._largest = self._reader.sizes.copy()
        self._reader.sizes[:-1] = np.minimum(_FIRST_SIZE, self._largest[:-1])
        self._detectors = np.zeros(len(self._formats))
        self._asked: list[LayerReading] = []
        self._begin_opening()

    def ask(self) -> Candidates:
        """Passes of the whole chip that answer the questions to its layers, or a batch to go on with."""
        if self._opening is None and self._questions is not None:
            self._opening = next(self._questions, None)
        if self._opening is not None:
            self._asked = [self._opening]
            candidates = Candidates(np.zeros((0, self._x.size)), not self._has_batch, "views")
        else:
            candidates = super().ask()
            self._asked = [own for own in candidates.readings or () if isinstance(own, LayerReading)]
            if self._last_options.rereads and len(self._asked) and self._stage.value == "trial":
                self._asked += [self._view_question(k) for k in range(self._through.last, 0, -1)]
        return replace(candidates, readings=tuple(map(self._through.asked, self._asked)))

    def tell(self, evaluation: Evaluation) -> None:
        """What the last layer read of these passes, and the batch."""
        self._has_batch = True
        self.n_host_operations += sum(map(self._through.operations, self._asked))
        if self._opening is not None:
            (question,), (last,) = self._asked, evaluation.readings
            self._told, self._opening = self._through.answered(question, last), None
            return
        at_start = not self._cores
        n_own = len(self._asked)
        if self._last_options.rereads and self._stage.value == "trial":
            n_own -= self._through.last
            # The last layer's first: the others are seen through it.
            for question, last in zip(self._asked[n_own:], evaluation.readings[n_own:], strict=True):
                self._through.learn(question, self._through.answered(question, last))
        both = zip(self._asked[:n_own], evaluation.readings, strict=False)
        readings = [self._through.answered(question, last) for question, last in both]
        super().tell(replace(evaluation, readings=readings))
        if at_start and self._cores and self._reader.variances.any():
            self._detectors = self._through.detector_variances(
                self._asked, evaluation.readings, self.matrices, self._reader.variances[-1]
            )

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on."""
        return {**super().state(), **self._through.state(), "detectors": self._detectors.copy()}

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from `state`."""
        super().restore(state)
        self._through.restore(state)
        self._detectors = np.array(state["detectors"])
        self._begin_opening()
        if self._cores:
            self._questions = None

    @property
    def _pricing(self) -> Pricing:
        return replace(super()._pricing, variances=tuple(self._detectors))

    def _begin_opening(self) -> None:
        self._has_batch = False
        self._told = np.zeros(0)
        # Nothing is drawn before it is asked for: a checkpoint may be taken first.
        self._questions: Iterator[LayerReading] | None = self._opened()
        self._opening: LayerReading | None = None

    def _opened(self) -> Iterator[LayerReading]:
        """Questions before the first step, one after the other; each is answered in `_told`."""
        last = self._through.last
        for k in range(last, -1, -1):
            if k < last:
                yield from self._grown(k)
            if k > 0:
                yield from self._chosen(k)

    def _grown(self, k: int) -> Iterator[LayerReading]:
        """Vectors of a layer that make it bright enough."""
        sizes = self._reader.sizes
        while True:
            yield LayerReading(k, self._x[None], weighing_vectors(self._formats[k].n_in, sizes[k]))
            if np.abs(self._told).max() >= _BRIGHT_ENOUGH or sizes[k] >= self._largest[k]:
                return
            sizes[k] = min(2.0 * sizes[k], self._largest[k])

    def _chosen(self, k: int) -> Iterator[LayerReading]:
        """Views of a layer, and their matrices; with smaller vectors where its readings are too bright."""
        n_pool = _POOL * self._last_options.n_views
        settings = np.repeat(self._x[None], n_pool, axis=0)
        for core, places in zip(self._formats[k].cores, self._by_core[k], strict=True):
            settings[:, places] = self._rng.uniform(core.low, core.high, (n_pool, places.size))
        settings[:, self._places.index] = self._places.within(
            np.stack([self._places.on_grid(own) for own in settings[:, self._places.index]])
        )
        while True:
            pool = self._through.pool(k, settings, self._reader.sizes[k], self._rng)
            yield pool
            if not self._too_bright(k):
                break
        self._through.choose(pool, self._told)
        while True:
            views = self._view_question(k)
            yield views
            if not self._too_bright(k):
                break
        self._through.learn(views, self._told)

    def _view_question(self, k: int) -> LayerReading:
        o = self._last_options
        # Seen through others, with small vectors: what errs here errs in every layer before.
        repeats = o.reading_repeats if k == self._through.last else o.final_repeats
        return self._through.views(k, repeats, self._reader.sizes[k], self._rng)

    def _too_bright(self, k: int) -> bool:
        """Whether readings were cut off, or beyond what is taken; the layer's vectors are halved then."""
        largest = self._formats[k].full_scale
        if k < self._through.last:
            largest = min(largest, _BRIGHTEST)
        beyond = bool(maybe_cut_off(self._told, largest).any())
        if beyond:
            self._reader.sizes[k] /= 2.0
        return beyond


METHOD = Method(
    "Gauss-Newton on all phases, for chips that show the readings of their last layer",
    LastLayerOptions,
    LastLayerGaussNewton,
    needs_last_layer=True,
    keeps_still=True,
)
