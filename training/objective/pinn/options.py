"""What can be set of a PDE's batches and of its loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from photonzero.training.checks import at_least, one_of, require

Balance: TypeAlias = Literal["off", "residuals", "columns"]
Sequence: TypeAlias = Literal["random", "sobol"]


@dataclass(frozen=True)
class PointOptions:
    """Where a PDE is measured, and what counts how much.

    Attributes:
        condition_share: number of points of every condition, per point of the PDE.
        balance: how weights are set on the first evaluation, on top of the problem's own: "off";
            "residuals" divides each term's by the mean square of its residuals; "columns" by that of
            their derivatives by the readout, so that all terms pull equally hard (the trace
            rule of [wang2022ntk], in the readout), for chips that show their features.
        adaptive: share of a batch drawn where the last batch's residuals were large, 0 to 1.
        sequence: how points of the PDE are drawn: "random", or "sobol" for those of a scrambled Sobol
            sequence, which cover the domain evenly.
        n_validation: number of validation points.
        n_test: number of test points.
    """

    condition_share: float = 0.25
    balance: Balance = "off"
    adaptive: float = 0.0
    sequence: Sequence = "random"
    n_validation: int = 1000
    n_test: int = 10_000

    def __post_init__(self) -> None:
        require(self, "condition_share", 0 < self.condition_share <= 1000, "> 0, up to 1000")
        one_of(self, balance=get_args(Balance), sequence=get_args(Sequence))
        require(self, "adaptive", 0 <= self.adaptive <= 1, "from 0 to 1")
        at_least(self, n_validation=1, n_test=1)
