"""Quadrature for the standard normal weight: one-dimensional families and Smolyak sparse grids."""

from training.quadrature.families import FAMILIES, family_rule
from training.quadrature.genz_keister import genz_keister, kronrod_patterson
from training.quadrature.one_dim import HalfRule, gauss_hermite
from training.quadrature.smolyak import SparseGrid, smolyak

__all__ = [
    "FAMILIES",
    "HalfRule",
    "SparseGrid",
    "family_rule",
    "gauss_hermite",
    "genz_keister",
    "kronrod_patterson",
    "smolyak",
]
