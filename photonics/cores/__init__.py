"""What one core of a layer is made of: meshes, numbers, rings."""

from photonzero.photonics.cores.base import Core, Light, Part
from photonzero.photonics.cores.meshes import Meshes
from photonzero.photonics.cores.numbers import Numbers
from photonzero.photonics.cores.rings import Rings

__all__ = ["Core", "Light", "Meshes", "Numbers", "Part", "Rings"]
