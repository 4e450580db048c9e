"""Suites that hold things of one's own to what the project's own are held to; a test file inherits them.

They need a test runner that finds classes by name and fills arguments from fixtures, such as pytest, and
import NumPy alone.
"""

from photonzero.photonics.testing.cores import CoreContract
from photonzero.photonics.testing.noise_parts import NoisePartContract
from photonzero.photonics.testing.topologies import TopologyContract

__all__ = ["CoreContract", "NoisePartContract", "TopologyContract"]
