"""A chip that is asked for less than it offers: to compare what each way in is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from photonzero.training.errors import ArgumentError
from photonzero.training.layers.oracle import LastLayerOracle, LayerFormat, LayerOracle, last_layer_readings
from photonzero.training.oracle import Array, ControlGroupView, ForwardOracle, Inputs, ReadoutOracle
from photonzero.training.powers import Stateful

Access: TypeAlias = Literal["layers", "last-layer", "outputs"]
"""What can be seen of a chip: every layer by itself; the last layer's readings and its features while inputs
pass; or what comes out at its end and nothing else."""

ACCESSES: tuple[Access, ...] = get_args(Access)
"""The most first."""

_PLAIN = ("n_in", "n_out", "initial_controls")
"""What a chip may also have that says nothing of its inside."""


def restricted(oracle: ForwardOracle, access: Access | None) -> ForwardOracle:
    """The same chip, seen so far and no farther.

    Args:
        oracle: one chip.
        access: how far; None for all that it offers.

    Raises:
        ArgumentError: it does not offer as much.
    """
    if access is None:
        return oracle
    offered = offers(oracle)
    if ACCESSES.index(access) < ACCESSES.index(offered):
        own = ", ".join(ACCESSES[ACCESSES.index(offered) :])
        raise ArgumentError(f"access: {access!r} to {type(oracle).__name__}; allowed: {own}")
    if access == "layers":
        return oracle
    parts: list[type[Any]] = [_State] if isinstance(oracle, Stateful) else []
    if access == "last-layer":
        parts += [_LastLayer, *([_Features] if isinstance(oracle, ReadoutOracle) else [])]
    seen: Any = type("Restricted", (*parts, _Outputs), {})
    return seen(oracle)


def offers(oracle: ForwardOracle) -> Access:
    """How far a chip can be seen."""
    if isinstance(oracle, LayerOracle):
        return "layers"
    return "last-layer" if isinstance(oracle, LastLayerOracle) else "outputs"


def least(offered: Access, asked: Access | None) -> Access:
    """How far a chip is seen that offers some access and is asked for some, None for all of it."""
    return ACCESSES[max(ACCESSES.index(offered), ACCESSES.index(asked or offered))]


class _Outputs:
    """A chip that shows its outputs.

    Args:
        oracle: the chip.
    """

    def __init__(self, oracle: Any) -> None:
        self._oracle = oracle

    def __getattr__(self, name: str) -> Any:
        if name in _PLAIN:
            return getattr(self._oracle, name)
        raise AttributeError(f"{type(self).__name__}: no {name}; allowed: what its access shows")

    @property
    def n_controls(self) -> int:
        """Length of a control vector."""
        return self._oracle.n_controls

    @property
    def control_groups(self) -> Mapping[str, ControlGroupView]:
        """Named groups of controls."""
        return self._oracle.control_groups

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """See `ForwardOracle`."""
        return self._oracle.measure(controls, inputs)


class _Features:
    """What it shows behind its last detectors."""

    _oracle: Any

    @property
    def readout_weight(self) -> slice:
        """Place of the readout weights."""
        return self._oracle.readout_weight

    @property
    def readout_bias(self) -> slice:
        """Place of the readout biases."""
        return self._oracle.readout_bias

    def measure_features(self, controls: Array, inputs: Inputs) -> Array:
        """See `ReadoutOracle`."""
        return self._oracle.measure_features(controls, inputs)


class _LastLayer:
    """What its last detectors read."""

    _oracle: Any

    @property
    def layers(self) -> Sequence[LayerFormat]:
        """Formats of the layers."""
        return self._oracle.layers

    @property
    def largest_input(self) -> float:
        """What the modulators can present."""
        return self._oracle.largest_input

    def measure_last_layer(self, controls: Array, inputs: Array) -> Array:
        """See `LastLayerOracle`."""
        return last_layer_readings(self._oracle, controls, inputs)


class _State:
    """Noise that continues."""

    _oracle: Any

    def state(self) -> Mapping[str, Any]:
        """See `Stateful`."""
        return self._oracle.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """See `Stateful`."""
        self._oracle.restore(state)
