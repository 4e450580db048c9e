"""The residuals of a PDE and its conditions at collocation points, from forward measurements alone.

`objective` is what a trainer sees; `options` what can be set; `batch` where is measured, `adaptive` where
more densely; `continuation` how it begins; `balance` what counts how much; `block` one term, with `ansatz`
and `faces`.
"""

from photonzero.training.objective.pinn.continuation import Continuation
from photonzero.training.objective.pinn.objective import PinnObjective
from photonzero.training.objective.pinn.options import PointOptions

__all__ = ["Continuation", "PinnObjective", "PointOptions"]
