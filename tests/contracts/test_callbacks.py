"""Every registered callback keeps the contract."""

import importlib.util

import pytest

from photonzero.training.callbacks import CALLBACKS
from photonzero.training.testing import CallbackContract

PACKAGES = {"tensorboard": "tensorboardX"}

for _name in CALLBACKS:
    _package = PACKAGES.get(_name, "numpy")
    globals()[f"Test_{_name}"] = pytest.mark.skipif(
        importlib.util.find_spec(_package) is None, reason=f"{_package} is an extra that is not installed"
    )(type(f"Test_{_name}", (CallbackContract,), {"callback": _name}))
