"""Several chips at once: controls that work on all of them also work on chips that were never measured.

A setting is programmed on every chip of an ensemble and the residuals of all are stacked, so that any
optimizer, Gauss-Newton and its exact readout included, minimises the mean loss over chips.
"""

from photonzero.training.ensemble.objective import EnsembleObjective
from photonzero.training.ensemble.oracle import (
    EnsembleOracle,
    EnsembleReadoutOracle,
    MeteredEnsemble,
    ensemble,
    metered_chips,
)

__all__ = [
    "EnsembleObjective",
    "EnsembleOracle",
    "EnsembleReadoutOracle",
    "MeteredEnsemble",
    "ensemble",
    "metered_chips",
]
