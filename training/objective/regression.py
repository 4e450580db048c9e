"""Given outputs at given inputs: the task of copying a network, or of fitting data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.objective.base import Evaluation
from photonzero.training.oracle import Array, ForwardOracle, ReadoutOracle
from photonzero.training.readout import LinearReadout, ScaledReadout


@dataclass(frozen=True)
class Pairs:
    """Inputs and what the outputs at them should be.

    Attributes:
        inputs: N input vectors, (N, d).
        wanted: the outputs that are wanted at each, (N, c).
    """

    inputs: Array
    wanted: Array

    def __post_init__(self) -> None:
        shapes = self.inputs.shape, self.wanted.shape
        if (
            self.inputs.ndim != 2
            or self.wanted.ndim != 2
            or shapes[0][0] != shapes[1][0]
            or not self.wanted.size
        ):
            raise ArgumentError(f"pairs: inputs {shapes[0]}, wanted {shapes[1]}; allowed: (N, d) and (N, c)")
        for name in ("inputs", "wanted"):
            if not np.isfinite(getattr(self, name)).all():
                raise ArgumentError(f"pairs: NaN or infinity in {name}; allowed: finite numbers")


class RegressionObjective:
    """Mean square of ``(output - wanted) / scale`` on random batches; errors are relative in L2.

    The scale is the root mean square of the wanted outputs of the training pairs, so that a loss is
    about the square of a relative error.

    Memory: P x B x c numbers, and with a readout P x B x n_features.

    Args:
        train: pairs to learn from.
        validation: pairs for stopping.
        test: pairs for nothing else.
        batch_size: number of inputs of a batch, B, drawn without repetition.
        seed: seed of the batches; batch k is a pure function of seed and k.

    Raises:
        ArgumentError: batch_size below 1 or above the training pairs; outputs wanted that are all 0.
    """

    def __init__(self, train: Pairs, validation: Pairs, test: Pairs, batch_size: int, seed: int) -> None:
        n_train = len(train.inputs)
        if not 1 <= batch_size <= n_train:
            raise ArgumentError(f"batch_size: {batch_size}; allowed: 1 to {n_train}, all training pairs")
        self._train, self._validation, self._test = train, validation, test
        self._scale = float(np.sqrt((train.wanted**2).mean()))
        if self._scale == 0:
            raise ArgumentError("pairs: all wanted outputs are 0; allowed: at least one that is not")
        self._batch_size, self._seed = batch_size, seed
        self._batch: Pairs
        self.load_batch(0)

    @property
    def inferences_per_candidate(self) -> int:
        """Number of inputs of the current batch, B."""
        return len(self._batch.inputs)

    def load_batch(self, number: int, factor: int = 1) -> None:
        """Draw batch `number`, `factor` times as large as usual but no larger than the training part."""
        rng = np.random.default_rng([self._seed, 0, number])
        n_train = len(self._train.inputs)
        chosen = rng.choice(n_train, size=min(factor * self._batch_size, n_train), replace=False)
        self._batch = Pairs(self._train.inputs[chosen], self._train.wanted[chosen])

    def evaluate(self, oracle: ForwardOracle, controls: Array, *, with_readout: bool = False) -> Evaluation:
        """Residuals (P, B * c) and their mean squares (P,)."""
        wanted, root = self._batch.wanted, 1.0 / self._scale
        if with_readout and isinstance(oracle, ReadoutOracle):
            features = oracle.measure_features(controls, self._batch.inputs).astype(np.float64)
            readout = LinearReadout(features, wanted.shape[1], wanted)
            residuals = root * readout.measured(controls, oracle)
            return Evaluation((residuals**2).mean(axis=1), residuals, ScaledReadout(readout, root))
        outputs = oracle.measure(controls, self._batch.inputs).astype(np.float64)
        residuals = root * (outputs - wanted).reshape(len(controls), -1)
        return Evaluation((residuals**2).mean(axis=1), residuals)

    def validation_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Relative L2 error on the validation pairs."""
        return relative_error(oracle, controls, self._validation)

    def test_error(self, oracle: ForwardOracle, controls: Array) -> float:
        """Relative L2 error on the test pairs."""
        return relative_error(oracle, controls, self._test)


def relative_error(oracle: ForwardOracle, controls: Array, pairs: Pairs) -> float:
    """``|outputs - wanted| / |wanted|`` of one setting (n_controls,), over all pairs and outputs."""
    outputs = oracle.measure(controls[None], pairs.inputs)[0].astype(np.float64)
    return float(np.linalg.norm(outputs - pairs.wanted) / np.linalg.norm(pairs.wanted))
