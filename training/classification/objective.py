"""Cross-entropy of a chip's outputs on batches of labelled vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from training.classification.cross_entropy import CrossEntropy
from training.classification.dataset import Dataset
from training.errors import ArgumentError
from training.objective import Evaluation
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
            tail = _LinearTail(features, self.data.n_classes)
            index = np.arange(oracle.n_controls)
            readout = np.concatenate([index[oracle.readout_weight], index[oracle.readout_bias]])
            parts = [tail.residuals(p, controls[p : p + 1, readout]) for p in range(len(controls))]
            logits = np.concatenate(parts)
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


class _LinearTail:
    """`DigitalTail` of logits ``features @ W^T + b``.

    Args:
        features: (P, B, F).
        n_classes: c.
    """

    def __init__(self, features: Array, n_classes: int) -> None:
        self._features, self._c = features, n_classes

    def residuals(self, p: int, readouts: Array) -> Array:
        """See `DigitalTail`: logits (Q, B * c)."""
        features = self._features[p]
        n_weights = self._c * features.shape[1]
        weight = readouts[:, :n_weights].reshape(-1, features.shape[1])
        logits = (features @ weight.T).reshape(len(features), -1, self._c).transpose(1, 0, 2)
        return (logits + readouts[:, None, n_weights:]).reshape(len(readouts), -1)

    def columns(self, p: int, readout: Array) -> Array:
        """See `DigitalTail`: of logit (b, i), feature (b, f) at weight (i, f), 1 at bias i."""
        features = self._features[p]
        n, width = features.shape
        columns = np.zeros((n, self._c, self._c * (width + 1)))
        for i in range(self._c):
            columns[:, i, i * width : (i + 1) * width] = features
            columns[:, i, self._c * width + i] = 1.0
        return columns.reshape(n * self._c, -1)
