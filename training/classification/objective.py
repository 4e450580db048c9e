"""Cross-entropy of a chip's outputs on batches of labelled vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.classification.cross_entropy import CrossEntropy
from training.classification.dataset import Dataset
from training.errors import ArgumentError
from training.objective import Evaluation
from training.objective.linear_tail import LinearTail
from training.oracle import Array, ForwardOracle, ReadoutOracle


class ClassificationObjective:
    """Mean cross-entropy on random batches of the training part; errors are shares of wrong answers.

    Memory: P x B x c logits, and with a readout P x B x n_features numbers.

    Args:
        data: what to learn.
        batch_size: samples of a batch, B, without repetition.
        seed: of the batches; batch k is a pure function of seed and k.

    Raises:
        ArgumentError: batch_size below 1 or above the training part.
    """

    def __init__(self, data: Dataset, batch_size: int, seed: int) -> None:
        n_train = len(data.train[1])
        if not 1 <= batch_size <= n_train:
            raise ArgumentError(f"batch_size: {batch_size}; allowed: 1 to {n_train}, all of {data.name}")
        self.data = data
        self._batch_size, self._seed = batch_size, seed
        self._inputs: Array
        self._loss: CrossEntropy
        self.load_batch(0)

    @property
    def inferences_per_candidate(self) -> int:
        """B."""
        return self._batch_size

    def load_batch(self, number: int) -> None:
        """Draw batch `number`."""
        inputs, labels = self.data.train
        rng = np.random.default_rng([self._seed, 0, number])
        chosen = rng.choice(len(labels), size=self._batch_size, replace=False)
        self._inputs = inputs[chosen]
        self._loss = CrossEntropy(labels[chosen], self.data.n_classes)

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Logits (P, B * c) and their cross-entropies (P,)."""
        if with_readout and isinstance(oracle, ReadoutOracle):
            features = oracle.measure_features(controls, self._inputs).astype(np.float64)
            tail = LinearTail(features, self.data.n_classes)
            logits = tail.measured(controls, oracle)
            return Evaluation(self._loss.losses(logits), logits, tail, self._loss)
        outputs = oracle.measure(controls, self._inputs).astype(np.float64)
        logits = outputs.reshape(len(controls), -1)
        return Evaluation(self._loss.losses(logits), logits, None, self._loss)

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
        """Batches depend on seed and number alone."""
        return {}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Nothing to continue from."""
