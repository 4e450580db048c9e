"""Ask and tell: an optimizer proposes settings and is told what was measured; it never measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from training.objective import Evaluation
from training.oracle import Array


@dataclass(frozen=True)
class Candidates:
    """Settings to be measured.

    Attributes:
        controls: (P, n_controls).
        fresh_points: measure them on a new batch; False uses the batch of the last measurement.
        purpose: for the log, such as "probe" or "trial".
        with_readout: ask for the exact derivatives by the readout where the chip shows its features.
    """

    controls: Array
    fresh_points: bool
    purpose: str
    with_readout: bool = False


class Optimizer(Protocol):
    """What the trainer needs. A step is one or more rounds of ask and tell."""

    needs: Literal["loss", "residuals"]
    n_steps: int
    """Steps completed."""

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
