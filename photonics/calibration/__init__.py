"""Chips that know themselves: every phase error of a layer from forward readings of that layer alone.

Nothing here looks into a chip. What is known of one is its design, that is how its meshes are laid out, which
control sets which phase and which shifters are neighbours; what is learnt of it is what its detectors read.
"""

from photonzero.photonics.calibration.drift import FollowedLayer, follow_layer
from photonzero.photonics.calibration.identify import Budget, IdentifiedLayer, identify_layer
from photonzero.photonics.calibration.model import LayerModel, PhaseErrors
from photonzero.photonics.calibration.wiring import LayerWiring, wire_layer

__all__ = [
    "Budget",
    "FollowedLayer",
    "IdentifiedLayer",
    "LayerModel",
    "LayerWiring",
    "PhaseErrors",
    "follow_layer",
    "identify_layer",
    "wire_layer",
]
