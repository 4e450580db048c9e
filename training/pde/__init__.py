"""The language in which a PDE is written: coordinates, fields, conditions, terms.

The library of PDEs that are written in it is `photonzero.training.problems`.
"""

from photonzero.training.pde.base import PDE, Condition, sample_condition
from photonzero.training.pde.fields import Field
from photonzero.training.pde.space import Coordinates

__all__ = ["PDE", "Condition", "Coordinates", "Field", "sample_condition"]
