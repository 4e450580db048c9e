import subprocess
import sys

import pytest


def modules_after(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in answer.stdout.split()}


ALL_OF_TRAINING = "import training.trainer, training.problems, training.optimizers, training.stencils"


@pytest.mark.parametrize("statement", ["import training", ALL_OF_TRAINING])
def test_training_knows_no_optics(statement):
    loaded = modules_after(statement)
    assert "training" in loaded
    assert not loaded & {"photonics", "devices", "experiments", "numba", "matplotlib"}


def test_devices_know_numpy_only():
    loaded = modules_after("import devices.noise_model, devices.photodetector, devices.microring")
    assert "numpy" in loaded
    assert not loaded & {"photonics", "training", "experiments", "scipy", "numba"}


def test_help_does_not_wait_for_the_compiler():
    assert not modules_after("import experiments.cli") & {"numba", "matplotlib", "scipy", "numpy"}
