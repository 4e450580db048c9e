"""Ask and tell: an optimizer proposes settings and is told what was measured; it never measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from photonzero.training.layers.oracle import (
    LastLayerOracle,
    LastLayerReading,
    LayerFormat,
    LayerOracle,
    LayerReading,
)
from photonzero.training.objective import Evaluation
from photonzero.training.oracle import Array, ControlGroupView, ForwardOracle, ReadoutOracle, readout_controls


@dataclass(frozen=True)
class Start:
    """What every optimizer begins with.

    Attributes:
        controls: (n_controls,) to start from.
        groups: what can be set.
        readout: (n_readout,) controls whose exact columns `Readout.columns` gives, in its
            order; None for a chip that does not show its features.
        layers: formats of the layers, from the input on; None for a chip without layer access.
        largest_input: of a layer.
        shown: the same formats, of a chip that shows at least the readings of its last layer; None for any
            other.
        still: (n_controls,) whether a control stays where it starts, for a `Method` that keeps them
            itself; None for none.
    """

    controls: Array
    groups: Mapping[str, ControlGroupView]
    readout: Array | None = None
    layers: Sequence[LayerFormat] | None = None
    largest_input: float = 1.0
    shown: Sequence[LayerFormat] | None = None
    still: Array | None = None


def start_on(oracle: ForwardOracle, controls: Array) -> Start:
    """The start on an oracle, with its readout where it shows its features."""
    readout = None
    if isinstance(oracle, ReadoutOracle):
        readout = readout_controls(oracle)
    if isinstance(oracle, LayerOracle | LastLayerOracle):
        layers = oracle.layers if isinstance(oracle, LayerOracle) else None
        return Start(
            controls, oracle.control_groups, readout, layers, oracle.largest_input, shown=oracle.layers
        )
    return Start(controls, oracle.control_groups, readout)


@dataclass(frozen=True)
class Candidates:
    """Settings to be measured.

    Attributes:
        controls: (P, n_controls).
        fresh_points: measure them on a new batch; False uses the batch of the last measurement.
        purpose: for the log, such as "probe" or "trial".
        with_readout: ask for the exact derivatives by the readout where the chip shows its features.
        batch_factor: size of a new batch, in units of the objective's own.
        readings: of layers, answered in `Evaluation.readings`; None of an optimizer that measures whole
            networks. The batch then passes the settings in `controls`, if there are any, and every layer is
            read as it passes, answered in `Evaluation.passed`. With neither only the batch is asked for.
        pass_one_in: of the batch that passes, the first of so many inputs each.
    """

    controls: Array
    fresh_points: bool
    purpose: str
    with_readout: bool = False
    batch_factor: int = 1
    readings: Sequence[LayerReading | LastLayerReading] | None = None
    pass_one_in: int = 1


class Optimizer(Protocol):
    """What the trainer needs. A step is one or more rounds of ask and tell."""

    needs: Literal["loss", "residuals"]

    @property
    def n_steps(self) -> int:
        """Steps completed."""
        ...

    @property
    def controls(self) -> Array:
        """The setting it stands at, (n_controls,)."""
        ...

    @property
    def loss(self) -> float:
        """Loss last measured where it stands; infinity before the first."""
        ...

    def ask(self) -> Candidates:
        """The next settings to measure."""
        ...

    def tell(self, evaluation: Evaluation) -> None:
        """What was measured of them."""
        ...

    def stop(self) -> dict[str, str]:
        """Reasons to stop, by name; empty while running."""
        ...

    def state(self) -> dict[str, Array]:
        """Everything the next step depends on. Valid between steps."""
        ...

    def restore(self, state: dict[str, Array]) -> None:
        """Continue from a state of the same optimizer."""
        ...


@runtime_checkable
class CountsOperations(Protocol):
    """An optimizer that counts its host's share of the work, by stated formulas."""

    @property
    def n_host_operations(self) -> float:
        """Multiplications and additions so far."""
        ...


@dataclass(frozen=True)
class NoOptions:
    """The settings of a method that has none."""


@dataclass(frozen=True)
class Method:
    """A way to train.

    Attributes:
        summary: one line for `photonzero list`.
        options: a frozen dataclass of settings, all with defaults.
        make: the optimizer from a start, options and a generator.
        package: name of a package that must be installed beside photonzero, None for none.
        needs_layers: whether it reads layers one by one, which not every chip offers.
        needs_last_layer: whether it reads the last layer, which more chips offer.
        keeps_still: whether it minds `Start.still`; the controls of any other are hidden from it.
    """

    summary: str
    options: type[Any]
    make: Callable[[Start, Any, np.random.Generator], Optimizer]
    package: str | None = None
    needs_layers: bool = False
    needs_last_layer: bool = False
    keeps_still: bool = False


class Stage(Enum):
    """Where in a step a Gauss-Newton is; the value is what its candidates are for."""

    BASE = "base"
    """The setting it stands at is measured on a new batch."""
    PROBE = "probe"
    """Perturbed settings are measured on the same batch."""
    TRIAL = "trial"
    """Steps are measured on a new batch, and the best is taken."""


STALL_STEPS = 20
"""Steps in a row without a gain that end a training; dampings grow eightfold in each: twenty try them all."""


def stalled_after(n_stuck: int) -> dict[str, str]:
    """The reason to stop after so many steps in a row without a gain; empty below `STALL_STEPS`."""
    if n_stuck < STALL_STEPS:
        return {}
    return {"stalled": f"no trial was better than the base in {STALL_STEPS} steps"}
