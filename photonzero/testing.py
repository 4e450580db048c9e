"""Contract suites for optimizers, chips, noise parts and more of one's own.

See `photonzero.training.testing` and `photonzero.photonics.testing`.
"""

from photonzero.photonics import testing as _optics
from photonzero.photonics.testing import *  # noqa: F403
from photonzero.training import testing as _training
from photonzero.training.testing import *  # noqa: F403

__all__: list[str] = []
__all__ += _training.__all__
__all__ += _optics.__all__
