"""Quadrature for the standard normal weight: one-dimensional families and Smolyak sparse grids."""

from training.quadrature.one_dim import FAMILIES, HalfRule, family_rule, gauss_hermite
from training.quadrature.smolyak import SparseGrid, smolyak

__all__ = ["FAMILIES", "HalfRule", "SparseGrid", "family_rule", "gauss_hermite", "smolyak"]
