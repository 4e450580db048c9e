import re
import subprocess
import sys

import pytest


def modules_after(*modules):
    """Names of everything loaded, those of the project without "photonzero." in front."""
    code = "import sys; import " + ", ".join(f"photonzero.{m}" for m in modules) + "; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.removeprefix("photonzero.") for name in answer.stdout.split()}


ALL_OF_TRAINING = ("training.trainer", "training.problems", "training.optimizers", "training.stencils")


@pytest.mark.parametrize("modules", [("training",), ALL_OF_TRAINING])
def test_training_knows_no_optics(modules):
    loaded = modules_after(*modules)
    assert "training" in loaded
    assert not loaded & {"photonics", "devices", "experiments", "numba", "matplotlib"}


def test_devices_know_numpy_only():
    loaded = modules_after("devices.noise_model", "devices.photodetector", "devices.microring")
    assert {"numpy", "devices"} <= loaded
    assert not loaded & {"photonics", "training", "experiments", "scipy", "numba"}


def test_a_run_starts_without_what_takes_longest_to_load():
    assert not modules_after("experiments.run.runs") & {"scipy.stats", "matplotlib"}


def test_help_does_not_wait_for_the_compiler():
    assert not modules_after("experiments.cli") & {"numba", "matplotlib", "scipy", "numpy"}
    code = "import sys; from photonzero.__main__ import main; sys.argv[1:] = ['--help']; main()"
    shown = subprocess.run([sys.executable, "-v", "-c", code], capture_output=True, text=True, check=True)
    # Entry points are looked up where a name is asked for.
    assert not {"numpy", "rich", "importlib.metadata", "photonzero.registry"} & set(
        re.findall(r"^import '?([\w.]+)'?", shown.stderr, flags=re.MULTILINE)
    )
