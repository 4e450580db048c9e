"""Every chip keeps the contract: those of the tests, ensembles, and the simulator's designs."""

from photonzero.devices.noise_model import preset
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.designs import design_names, get_design
from photonzero.training.ensemble import ensemble
from photonzero.training.testing import (
    LabChip,
    LastLayerLabChip,
    LayeredLabChip,
    OracleContract,
    ReadoutLabChip,
)


class TestLabChip(OracleContract):
    n_in = 3

    def make(self):
        return LabChip(noise=0.01)


class TestReadoutLabChip(OracleContract):
    n_in = 3

    def make(self):
        return ReadoutLabChip(noise=0.01)


class TestLabChipWithoutNoise(OracleContract):
    n_in, rounding = 3, 1e-13

    def make(self):
        return LabChip()


class TestLastLayerLabChip(OracleContract):
    n_in = 3

    def make(self):
        return LastLayerLabChip(noise=0.01)


class TestLayeredLabChip(OracleContract):
    n_in = 3

    def make(self):
        return LayeredLabChip(noise=0.01)


class TestEnsemble(OracleContract):
    n_in = 3

    def make(self):
        return ensemble([LabChip(seed=k, noise=0.01) for k in range(3)])


for _design in design_names():
    for _noise in ("ideal", "published"):

        def _make(self, design=_design, noise=_noise):
            return fabricate(get_design(design), preset(noise), 0, threads=1)

        _suite = type(
            f"Test_{_design}_{_noise}", (OracleContract,), {"n_in": get_design(_design).n_in, "make": _make}
        )
        globals()[_suite.__name__] = _suite
