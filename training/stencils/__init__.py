"""Derivatives from measured values: rules that make stencils, and stencils that are applied."""

from photonzero.training.stencils._kept_nodes import keep_nodes
from photonzero.training.stencils.base import (
    DerivativeRequest,
    DerivativeRule,
    DerivativeStencil,
    RuleEntry,
    TraceEstimate,
)
from photonzero.training.stencils.central import CentralDifference
from photonzero.training.stencils.hutchinson import HutchinsonDirections
from photonzero.training.stencils.registry import RULES, make_rule, rule_options
from photonzero.training.stencils.rows import SparseRows
from photonzero.training.stencils.sampled import SampledDimensions
from photonzero.training.stencils.spacing import ErrorModel, SpacedRule, auto_spacing
from photonzero.training.stencils.stein import SteinSparseGrid
from photonzero.training.stencils.stein_monte_carlo import SteinMonteCarlo

__all__ = [
    "RULES",
    "CentralDifference",
    "DerivativeRequest",
    "DerivativeRule",
    "DerivativeStencil",
    "ErrorModel",
    "HutchinsonDirections",
    "RuleEntry",
    "SampledDimensions",
    "SpacedRule",
    "SparseRows",
    "SteinMonteCarlo",
    "SteinSparseGrid",
    "TraceEstimate",
    "auto_spacing",
    "keep_nodes",
    "make_rule",
    "rule_options",
]
