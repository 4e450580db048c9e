"""Derivatives from measured values: rules that make stencils, and stencils that are applied."""

from training.stencils.base import (
    DerivativeRequest,
    DerivativeRule,
    DerivativeStencil,
    TraceEstimate,
)
from training.stencils.central import CentralDifference
from training.stencils.registry import make_rule, rule_names, rule_options
from training.stencils.rows import SparseRows
from training.stencils.stein import SteinSparseGrid

__all__ = [
    "CentralDifference",
    "DerivativeRequest",
    "DerivativeRule",
    "DerivativeStencil",
    "SparseRows",
    "SteinSparseGrid",
    "TraceEstimate",
    "make_rule",
    "rule_names",
    "rule_options",
]
