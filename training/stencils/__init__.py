"""Derivatives from measured values: rules that make stencils, and stencils that are applied."""

from photonzero.training.stencils.base import (
    DerivativeRequest,
    DerivativeRule,
    DerivativeStencil,
    TraceEstimate,
)
from photonzero.training.stencils.central import CentralDifference
from photonzero.training.stencils.hutchinson import HutchinsonDirections
from photonzero.training.stencils.pairs import StencilPair, independent_pair, unbiased_square
from photonzero.training.stencils.registry import make_rule, rule_names, rule_options
from photonzero.training.stencils.repeats import keep_nodes, optimal_repeats, repeat_nodes
from photonzero.training.stencils.rows import SparseRows
from photonzero.training.stencils.sampled import SampledDimensions
from photonzero.training.stencils.spacing import ErrorModel, SpacedRule, auto_spacing
from photonzero.training.stencils.stein import SteinSparseGrid
from photonzero.training.stencils.stein_monte_carlo import SteinMonteCarlo

__all__ = [
    "CentralDifference",
    "DerivativeRequest",
    "DerivativeRule",
    "DerivativeStencil",
    "ErrorModel",
    "HutchinsonDirections",
    "SampledDimensions",
    "SpacedRule",
    "SparseRows",
    "SteinMonteCarlo",
    "SteinSparseGrid",
    "StencilPair",
    "TraceEstimate",
    "auto_spacing",
    "independent_pair",
    "keep_nodes",
    "make_rule",
    "optimal_repeats",
    "repeat_nodes",
    "rule_names",
    "rule_options",
    "unbiased_square",
]
