"""The meter: counts optical inferences, the currency of every comparison, and checks every answer.

Nothing else in the project counts inferences, and training never asks an oracle but through a meter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from photonzero.training.errors import ArgumentError, MeasurementError
from photonzero.training.layers.oracle import LastLayerOracle, LayerFormat, LayerOracle, last_layer_readings
from photonzero.training.oracle import Array, ControlGroupView, ForwardOracle, Inputs, ReadoutOracle, n_inputs

T = TypeVar("T")


class MeteredOracle:
    """Counts optical inferences = settings x input vectors, and checks every answer.

    The count rises before the measurement is returned, so a measurement that fails half way has
    still been paid for, as it is in a laboratory.

    Args:
        oracle: any forward oracle.
        timeout_s: how long an answer may take, None for as long as it likes [s].

    Attributes:
        inferences: optical inferences so far.
        settings: times the controls were programmed so far.
    """

    def __init__(self, oracle: ForwardOracle, timeout_s: float | None = None) -> None:
        self._oracle = oracle
        self._timeout_s = timeout_s
        self._late: threading.Thread | None = None
        self.inferences = 0
        self.settings = 0

    @property
    def n_controls(self) -> int:
        """Length of a control vector."""
        return self._oracle.n_controls

    @property
    def control_groups(self) -> Mapping[str, ControlGroupView]:
        """Named groups of controls, as the wrapped oracle states them."""
        return self._oracle.control_groups

    def count_from(self, inferences: int, settings: int) -> None:
        """Continue from totals that were counted before."""
        self.inferences, self.settings = inferences, settings

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """Measure, count, check.

        Args:
            controls: (P, n_controls), finite.
            inputs: (B, d) or a `Stencil`.

        Returns:
            (P, number of input vectors, n_out), finite.

        Raises:
            ArgumentError: the controls have the wrong shape or are not finite.
            MeasurementError: the oracle raised or took too long, or its answer has the wrong shape or is not
                finite. After a late answer no other is asked for until it has come.
        """
        return self._metered(self._oracle.measure, controls, inputs)

    def _metered(self, measure: Callable[[Array, Inputs], Array], controls: Array, inputs: Inputs) -> Array:
        answer = self._counted(measure, controls, inputs)
        _check_answer(answer, len(controls), n_inputs(inputs))
        return answer

    def _counted(self, measure: Callable[[Array, Inputs], T], controls: Array, inputs: Inputs) -> T:
        """An answer that is paid for, and not checked."""
        if controls.ndim != 2 or controls.shape[1] != self.n_controls:
            raise ArgumentError(f"controls: shape {controls.shape}; allowed: (P, {self.n_controls})")
        if not np.isfinite(controls).all():
            raise ArgumentError("controls: NaN or infinity; allowed: finite numbers")
        self.inferences += controls.shape[0] * n_inputs(inputs)
        self.settings += controls.shape[0]
        try:
            return self._in_time(measure, controls, inputs)
        except (OSError, RuntimeError) as error:
            # What instruments and their drivers raise: a lost connection, a time-out. Mistakes in the
            # caller's code are left as they are.
            raise MeasurementError(f"oracle: {type(error).__name__}: {error}") from error

    def _in_time(self, measure: Callable[[Array, Inputs], T], controls: Array, inputs: Inputs) -> T:
        """The answer, or a TimeoutError once it is late."""
        if self._timeout_s is None:
            return measure(controls, inputs)
        if self._late is not None and self._late.is_alive():
            raise TimeoutError("busy with a measurement that is late")
        answers: list[T] = []
        failures: list[BaseException] = []

        def work() -> None:
            try:
                answers.append(measure(controls, inputs))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                failures.append(error)

        # A daemon, so that an instrument that hangs for ever does not keep the process alive.
        worker = threading.Thread(target=work, name="measurement", daemon=True)
        worker.start()
        worker.join(self._timeout_s)
        if worker.is_alive():
            self._late = worker
            raise TimeoutError(f"no answer within {self._timeout_s:g} s")
        if failures:
            raise failures[0]
        return answers[0]


def _check_answer(answer: Array, n_settings: int, n_points: int, n_out: int | None = None) -> None:
    if not isinstance(answer, np.ndarray):
        raise MeasurementError(f"oracle answer: {type(answer).__name__}; allowed: an array of numbers")
    shape = answer.shape
    if len(shape) != 3 or shape[:2] != (n_settings, n_points):
        raise MeasurementError(f"oracle answer: shape {shape}; allowed: ({n_settings}, {n_points}, n_out)")
    if n_out is not None and shape[2] != n_out:
        raise MeasurementError(f"oracle answer: {shape[2]} readings; allowed: {n_out}")
    if answer.dtype.kind not in "iuf":
        raise MeasurementError(f"oracle answer: {answer.dtype} numbers; allowed: real ones")
    if not np.isfinite(answer).all():
        raise MeasurementError("oracle answer: NaN or infinity; allowed: finite numbers")


class MeteredReadoutOracle(MeteredOracle):
    """A `MeteredOracle` around a chip that shows what its last detectors read.

    Args:
        oracle: a readout oracle.
        timeout_s: how long an answer may take, None for as long as it likes [s].
    """

    def __init__(self, oracle: ReadoutOracle, timeout_s: float | None = None) -> None:
        super().__init__(oracle, timeout_s)
        self._readout_oracle = oracle

    @property
    def readout_weight(self) -> slice:
        """Place of the readout weights in the control vector."""
        return self._readout_oracle.readout_weight

    @property
    def readout_bias(self) -> slice:
        """Place of the readout biases in the control vector."""
        return self._readout_oracle.readout_bias

    def measure_features(self, controls: Array, inputs: Inputs) -> Array:
        """Measure features, count, check; as `measure`."""
        return self._metered(self._readout_oracle.measure_features, controls, inputs)


class MeteredLastLayerOracle(MeteredOracle):
    """A `MeteredOracle` around a chip that shows the readings of its last layer.

    An input that passes is one inference, as of `measure`.

    Args:
        oracle: such a chip, or one with layer access, which shows its last layer among all.
        timeout_s: as of `MeteredOracle`.
    """

    def __init__(self, oracle: LastLayerOracle | LayerOracle, timeout_s: float | None = None) -> None:
        super().__init__(oracle, timeout_s)
        self._opened_oracle = oracle

    @property
    def layers(self) -> Sequence[LayerFormat]:
        """Formats of the layers."""
        return self._opened_oracle.layers

    @property
    def largest_input(self) -> float:
        """What the modulators can present."""
        return self._opened_oracle.largest_input

    def measure_last_layer(self, controls: Array, inputs: Array) -> Array:
        """Read the last layer, count, check: readings (P, B, n_out) of settings and inputs (B, d).

        Raises:
            ArgumentError: inputs beyond what the modulators can present.
            MeasurementError: as of `measure`.
        """
        if not np.abs(inputs).max(initial=0.0) <= self.largest_input:
            raise ArgumentError(
                f"inputs: {np.abs(inputs).max():.3g}; allowed: magnitudes up to {self.largest_input:g}"
            )

        def measure(controls: Array, _: Inputs) -> Array:
            return last_layer_readings(self._opened_oracle, controls, inputs)

        readings = self._counted(measure, controls, inputs)
        _check_answer(readings, len(controls), len(inputs), self.layers[-1].n_out)
        return readings


class MeteredLastLayerReadoutOracle(MeteredLastLayerOracle, MeteredReadoutOracle):
    """A `MeteredOracle` around a chip that shows the readings of its last layer and has a readout behind it.

    Args:
        oracle: such a chip.
        timeout_s: as of `MeteredOracle`.
    """


class MeteredLayerOracle(MeteredLastLayerOracle):
    """A `MeteredOracle` around a chip whose layers can be read one by one.

    An input vector presented to one layer counts as an inference of the whole chip, which can do nothing
    else meanwhile; `layer_inferences` says how many of all inferences were such. One that passes the chip
    is one inference, however many layers are read as it passes.

    Args:
        oracle: a chip with layer access.
        timeout_s: as of `MeteredOracle`.

    Attributes:
        layer_inferences: of the inferences so far, those of one layer.
    """

    def __init__(self, oracle: LayerOracle, timeout_s: float | None = None) -> None:
        super().__init__(oracle, timeout_s)
        self._layer_oracle = oracle
        self.layer_inferences = 0

    def measure_layer(self, layer: int, controls: Array, vectors: Array) -> Array:
        """Read one layer, count, check: readings (P, B, n_out) of settings and vectors (B, n_in).

        Raises:
            ArgumentError: a layer that is none, or vectors that are not finite, of the wrong shape or
                beyond what the modulators can present.
            MeasurementError: as of `measure`.
        """
        if not 0 <= layer < len(self.layers):
            raise ArgumentError(f"layer: {layer}; allowed: 0 to {len(self.layers) - 1}")
        own = self.layers[layer]
        if vectors.ndim != 2 or vectors.shape[1] != own.n_in or not len(vectors):
            raise ArgumentError(f"vectors: shape {vectors.shape}; allowed: (at least 1, {own.n_in})")
        if not np.abs(vectors).max() <= self.largest_input:
            raise ArgumentError(
                f"vectors: {np.abs(vectors).max():.3g}; allowed: magnitudes up to {self.largest_input:g}"
            )
        before = self.inferences

        def measure(controls: Array, inputs: Inputs) -> Array:
            self.layer_inferences += self.inferences - before
            return self._layer_oracle.measure_layer(layer, controls, vectors)

        readings = self._counted(measure, controls, vectors)
        _check_answer(readings, len(controls), len(vectors), own.n_out)
        return readings

    def measure_layers(self, controls: Array, inputs: Array) -> list[Array]:
        """Read every layer as inputs (B, d) pass, count, check: readings (P, B, n_out) layer by layer.

        Raises:
            ArgumentError, MeasurementError: as of `measure`.
        """

        def measure(controls: Array, _: Inputs) -> list[Array]:
            return list(self._layer_oracle.measure_layers(controls, inputs))

        readings = self._counted(measure, controls, inputs)
        if len(readings) != len(self.layers):
            raise MeasurementError(f"oracle answer: {len(readings)} layers; allowed: {len(self.layers)}")
        for own, answer in zip(self.layers, readings, strict=True):
            _check_answer(answer, len(controls), len(inputs), own.n_out)
        return readings


class MeteredLayerReadoutOracle(MeteredLayerOracle, MeteredReadoutOracle):
    """A `MeteredOracle` around a chip whose layers can be read one by one, with a readout behind the last.

    Args:
        oracle: a chip with layer access and a readout.
        timeout_s: as of `MeteredOracle`.
    """


def metered(oracle: ForwardOracle, timeout_s: float | None = None) -> MeteredOracle:
    """A meter around an oracle, with a view of the features where the oracle has one."""
    if isinstance(oracle, LayerOracle):
        kind = MeteredLayerReadoutOracle if isinstance(oracle, ReadoutOracle) else MeteredLayerOracle
        return kind(oracle, timeout_s)
    if isinstance(oracle, LastLayerOracle):
        kind = MeteredLastLayerReadoutOracle if isinstance(oracle, ReadoutOracle) else MeteredLastLayerOracle
        return kind(oracle, timeout_s)
    if isinstance(oracle, ReadoutOracle):
        return MeteredReadoutOracle(oracle, timeout_s)
    return MeteredOracle(oracle, timeout_s)
