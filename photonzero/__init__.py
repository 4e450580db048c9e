"""Simulate photonic chips and train them from forward measurements alone.

The names below are the front door, ``import photonzero as pz``. Each is loaded when it is first used, so that
neither the import nor the command waits for the simulator. Everything else is in the rooms behind it:
`photonzero.devices`, `photonzero.photonics`, `photonzero.training` and `photonzero.experiments`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from photonzero._optics import fabricate, noise
    from photonzero._train import Run, load_run, train
    from photonzero.devices.noise_model import NoiseModel
    from photonzero.experiments.calibrate.calibrated_model import CalibratedModel
    from photonzero.experiments.calibrate.calibration import calibrate
    from photonzero.experiments.calibrate.mesh import CalibratedMesh, calibrate_mesh
    from photonzero.experiments.calibrate.recalibration import recalibrate
    from photonzero.experiments.studies.running import load_study, sweep
    from photonzero.experiments.sweep.table import StudyTable
    from photonzero.photonics.chip.chip import Chip
    from photonzero.photonics.design import NetworkDesign, TTLayer
    from photonzero.photonics.mesh import (
        MeshTopology,
        build,
        decompose,
        fabricate_mesh,
        fidelity,
        haar_phases,
        mesh,
        propagate,
    )
    from photonzero.training.oracle import ControlGroup, ForwardOracle, Stencil
    from photonzero.training.pde.base import PDE, Condition

    __version__: str

_ROOMS = ("devices", "photonics", "training", "experiments")
_MODULES = (*_ROOMS, "testing")

_HOMES = {
    # Meshes.
    "mesh": "photonzero.photonics.mesh",
    "MeshTopology": "photonzero.photonics.mesh",
    "haar_phases": "photonzero.photonics.mesh",
    "decompose": "photonzero.photonics.mesh",
    "build": "photonzero.photonics.mesh",
    "propagate": "photonzero.photonics.mesh",
    "fidelity": "photonzero.photonics.mesh",
    "fabricate_mesh": "photonzero.photonics.mesh",
    # Chips and their errors.
    "noise": "photonzero._optics",
    "NoiseModel": "photonzero.devices.noise_model",
    "NetworkDesign": "photonzero.photonics.design",
    "TTLayer": "photonzero.photonics.design",
    "fabricate": "photonzero._optics",
    "Chip": "photonzero.photonics.chip.chip",
    "calibrate": "photonzero.experiments.calibrate.calibration",
    "recalibrate": "photonzero.experiments.calibrate.recalibration",
    "CalibratedModel": "photonzero.experiments.calibrate.calibrated_model",
    "calibrate_mesh": "photonzero.experiments.calibrate.mesh",
    "CalibratedMesh": "photonzero.experiments.calibrate.mesh",
    # Training.
    "train": "photonzero._train",
    "Run": "photonzero._train",
    "load_run": "photonzero._train",
    # Studies.
    "sweep": "photonzero.experiments.studies.running",
    "StudyTable": "photonzero.experiments.sweep.table",
    "load_study": "photonzero.experiments.studies.running",
    # What is trained: a PDE, on the chip of this project or on one's own.
    "PDE": "photonzero.training.pde.base",
    "Condition": "photonzero.training.pde.base",
    "ForwardOracle": "photonzero.training.oracle",
    "ControlGroup": "photonzero.training.oracle",
    "Stencil": "photonzero.training.oracle",
}
"""The module in which each name of the front door is made."""

__all__ = [  # noqa: RUF022 (in the order of `_HOMES`)
    "mesh",
    "MeshTopology",
    "haar_phases",
    "decompose",
    "build",
    "propagate",
    "fidelity",
    "fabricate_mesh",
    "noise",
    "NoiseModel",
    "NetworkDesign",
    "TTLayer",
    "fabricate",
    "Chip",
    "calibrate",
    "recalibrate",
    "CalibratedModel",
    "calibrate_mesh",
    "CalibratedMesh",
    "train",
    "Run",
    "load_run",
    "sweep",
    "StudyTable",
    "load_study",
    "PDE",
    "Condition",
    "ForwardOracle",
    "ControlGroup",
    "Stencil",
    "__version__",
]


def _broken_part() -> str | None:
    """What a checkout or an installation lacks, in one line; None if all rooms are there.

    The rooms are links in a checkout, which a system without symbolic links turns into files of text.
    """
    for room in _ROOMS:
        path = Path(__file__).parent / room
        if not path.is_dir():
            return (
                f"{path}: not a folder; allowed: a link to ../{room} (git config core.symlinks true, then "
                "git checkout -- photonzero), or the installed wheel"
            )
    return None


def __getattr__(name: str) -> Any:
    """Load a name of the front door, or a room.

    Raises:
        AttributeError: there is no such name.
        ImportError: a room is missing; names it.
    """
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("photonzero")
    elif name in _HOMES or name in _MODULES:
        broken = _broken_part()
        if broken is not None:
            raise ImportError(broken)
        module = import_module(_HOMES.get(name, f"photonzero.{name}"))
        value = getattr(module, name) if name in _HOMES else module
    else:
        raise AttributeError(f"photonzero: no {name!r}; allowed: {', '.join(__all__)}", name=name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Names of the front door and of what is behind it."""
    return [*__all__, *_MODULES]
