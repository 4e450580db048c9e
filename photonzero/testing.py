"""Contract suites for optimizers, chips and more of one's own; see `photonzero.training.testing`."""

from photonzero.training.testing import *  # noqa: F403
from photonzero.training.testing import __all__  # noqa: F401
