"""Quadrature for the standard normal weight: one-dimensional families and Smolyak sparse grids."""

from photonzero.training.quadrature.families import FAMILIES, family_rule
from photonzero.training.quadrature.genz_keister import genz_keister, kronrod_patterson
from photonzero.training.quadrature.one_dim import HalfRule, gauss_hermite
from photonzero.training.quadrature.smolyak import SparseGrid, smolyak

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
