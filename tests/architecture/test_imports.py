import subprocess
import sys

import pytest


def modules_after(statement):
    code = f"import sys; {statement}; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


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


def test_a_run_starts_without_what_takes_longest_to_load():
    assert not modules_after("import experiments.runs") & {"scipy.stats", "matplotlib"}


def test_help_does_not_wait_for_the_compiler():
    assert not modules_after("import experiments.cli") & {"numba", "matplotlib", "scipy", "numpy"}
