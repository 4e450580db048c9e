"""Cross-entropy of a chip's outputs on batches of labelled vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from photonzero.training.classification.batches import BatchOptions, choose
from photonzero.training.classification.cross_entropy import CrossEntropy
from photonzero.training.classification.dataset import Dataset
from photonzero.training.classification.images import draw_shifts, shifted
from photonzero.training.errors import ArgumentError, CheckpointError
from photonzero.training.objective import Evaluation
from photonzero.training.oracle import Array, ForwardOracle, ReadoutOracle
from photonzero.training.readout import LinearReadout


class KnownSamples:
    """See `photonzero.training.objective.KnownLoss`: the cross-entropy of samples.

    Args:
        inputs: (B, d).
        loss: of their logits.
    """

    def __init__(self, inputs: Array, loss: CrossEntropy) -> None:
        self.nodes = [inputs[:, None, :]]
        self.forms: list[Array | None] = [None]
        self._loss = loss

    def gradient(self, answers: Sequence[Array]) -> tuple[float, list[Array]]:
        """The mean cross-entropy of logits (B, 1, c), and its derivatives."""
        (logits,) = answers
        loss, slopes = self._loss.gradient(logits[:, 0])
        return loss, [slopes[:, None]]


class ClassificationObjective:
    """Mean cross-entropy on random batches of the training part; errors are shares of wrong answers.

    Memory: P x B x c logits, and with a readout P x B x n_features numbers.

    Args:
        data: the labelled vectors to learn.
        batch_size: number of samples of the first batch, B, drawn without repetition.
        seed: seed of the batches; batch k is a pure function of seed and k, and where a pool is looked at
            first of what it answered.
        options: how later batches are drawn; None for as the first one.

    Raises:
        ArgumentError: batch_size below 1 or above the training part, or shifts of what are no images.
    """

    def __init__(
        self, data: Dataset, batch_size: int, seed: int, options: BatchOptions | None = None
    ) -> None:
        n_train = len(data.train[1])
        if not 1 <= batch_size <= n_train:
            raise ArgumentError(f"batch_size: {batch_size}; allowed: 1 to {n_train}, all of {data.name}")
        self.data = data
        self._batch_size, self._seed = batch_size, seed
        self._options = BatchOptions() if options is None else options
        self._frame = data.frame_to_shift(self._options.shift_px)
        self._number, self._factor = 0, 1
        self._pool = np.zeros(0, dtype=np.int64)
        self._chosen = self._pool
        self._weights = np.zeros(0)
        self.load_batch(0)

    @property
    def inferences_per_candidate(self) -> int:
        """Number of samples of the current batch, B."""
        n_train = len(self.data.train[1])
        usual = self._batch_size * (1.0 + self._options.growth * self._number)
        return min(n_train, self._factor * round(usual))

    @property
    def inferences_to_choose(self) -> int:
        """Inferences of the current batch's pool, 0 once the batch has been chosen."""
        return self._pool.size

    def load_batch(self, number: int, factor: int = 1) -> None:
        """Draw batch `number`, of `factor` times the usual size, or the pool to choose it from."""
        self._number, self._factor = number, factor
        labels = self.data.train[1]
        rng = np.random.default_rng([self._seed, 0, number])
        size = self.inferences_per_candidate
        drawn = rng.choice(len(labels), size=min(len(labels), self._options.pool * size), replace=False)
        if len(drawn) > size:
            self._pool = drawn
        else:
            self._take(drawn, np.ones(size))

    def _take(self, chosen: Array, weights: Array) -> None:
        self._pool = np.zeros(0, dtype=np.int64)
        self._chosen, self._weights = chosen, weights
        labels = self.data.train[1]
        self._inputs = self._presented(chosen)
        self._loss = CrossEntropy(labels[chosen], self.data.n_classes, weights)

    def _presented(self, index: Array) -> Array:
        """Samples of the training part, moved as the current batch has them."""
        inputs = self.data.train[0][index]
        if self._frame is None:
            return inputs
        # A shift for every sample, taken or not: it depends on nothing but seed and number.
        rng = np.random.default_rng([self._seed, 2, self._number])
        shifts_px = draw_shifts(len(self.data.train[0]), self._options.shift_px, rng)
        return shifted(inputs, self._frame, shifts_px[index])

    def _choose(self, oracle: ForwardOracle, controls: Array) -> None:
        """The batch from its pool, by what one setting (1, n_controls) answers."""
        labels = self.data.train[1]
        logits = oracle.measure(controls, self._presented(self._pool))[0].astype(np.float64)
        rng = np.random.default_rng([self._seed, 1, self._number])
        index, weights = choose(logits, labels[self._pool], self.inferences_per_candidate, rng)
        self._take(self._pool[index], weights)

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Logits (P, B * c) and their cross-entropies (P,); first the batch is chosen, if it is not yet."""
        if self._pool.size:
            self._choose(oracle, controls[:1])
        if with_readout and isinstance(oracle, ReadoutOracle):
            features = oracle.measure_features(controls, self._inputs).astype(np.float64)
            readout = LinearReadout(features, self.data.n_classes)
            logits = readout.measured(controls, oracle)
            return Evaluation(self._loss.losses(logits), logits, readout, self._loss)
        outputs = oracle.measure(controls, self._inputs).astype(np.float64)
        logits = outputs.reshape(len(controls), -1)
        return Evaluation(self._loss.losses(logits), logits, None, self._loss)

    def known_batch(self) -> KnownSamples:
        """The current batch as a known function of logits.

        Raises:
            ArgumentError: it is not chosen yet: that takes a measurement of the whole chip.
        """
        if self._pool.size:
            raise ArgumentError("pool: batches that a chip chooses; allowed: 1 where layers are read")
        return KnownSamples(self._inputs, self._loss)

    def answers(self, oracle: ForwardOracle, controls: Array, inputs: Array) -> Array:
        """The classes (N,) that one setting (n_controls,) gives inputs (N, d)."""
        return oracle.measure(controls[None], inputs)[0].argmax(axis=1)

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Share of wrong answers on the validation part."""
        inputs, labels = self.data.validation
        return float((self.answers(oracle, controls, inputs) != labels).mean())

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Share of wrong answers on the test part."""
        inputs, labels = self.data.test
        return float((self.answers(oracle, controls, inputs) != labels).mean())

    def state(self) -> dict[str, Array]:
        """The current batch, where it depends on more than seed and number; else nothing."""
        if self._options.pool == 1:
            return {}
        return {"pool": self._pool.copy(), "chosen": self._chosen.copy(), "weights": self._weights.copy()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`, after `load_batch` with the number of its batch.

        Raises:
            CheckpointError: something is missing.
        """
        if self._options.pool == 1:
            return
        try:
            pool, chosen, weights = (np.array(state[key]) for key in ("pool", "chosen", "weights"))
        except KeyError as error:
            raise CheckpointError(f"checkpoint: objective {error} cannot be read") from error
        if pool.size:
            self._pool = pool
        else:
            self._take(chosen, weights)
