"""A thing of the project is a file and a line of its registry: the same class as in a user's file."""

from dataclasses import replace

import pytest

from photonzero.experiments.config.chips import CHIPS
from photonzero.experiments.run.api import configured
from photonzero.experiments.studies.registry import STUDIES
from photonzero.photonics.cores import Core
from photonzero.photonics.mesh import TOPOLOGIES
from photonzero.training.callbacks import CALLBACKS
from photonzero.training.optimizers import OPTIMIZERS, PopulationOptimizer
from photonzero.training.pde import PDE
from photonzero.training.problems import PROBLEMS
from photonzero.training.stencils import RULES, DerivativeStencil


class Best(PopulationOptimizer):
    """One line."""

    def propose(self):
        return self.controls[None]

    def learn(self, settings, losses):
        pass


class Cross:
    """Another line."""

    name, random = "cross", False

    def __init__(self, spacing: float = 0.05):
        self.spacing = spacing

    def stencil(self, dim, rng, request) -> DerivativeStencil:
        raise NotImplementedError


class Wave(PDE):
    """A third one."""

    domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}  # noqa: RUF012
    label = "wave"

    def residual(self, at, u):
        return u.t + u.x


@pytest.mark.parametrize(
    ("registry", "made"),
    [(OPTIMIZERS, Best), (RULES, Cross), (PROBLEMS, Wave)],
    ids=["optimizer", "rule", "PDE"],
)
def test_a_class_is_an_entry(registry, made):
    own = replace(registry, builtin={**registry.builtin, "mine": f"{__name__}:{made.__name__}"})
    by_file = registry.get(f"{__file__}:{made.__name__}")
    assert type(own.get("mine")) is type(by_file)


@pytest.mark.parametrize(
    "registry", [PROBLEMS, OPTIMIZERS, RULES, CALLBACKS, TOPOLOGIES, STUDIES, CHIPS, Core.kinds()]
)
def test_every_name_of_the_project_can_be_had(registry):
    for name in registry.builtin:
        assert registry.get(name) is not None


def test_a_pde_of_the_library_without_a_preset_starts_from_what_is_common(monkeypatch):
    monkeypatch.setattr(PROBLEMS, "builtin", {**PROBLEMS.builtin, "wave": f"{__name__}:Wave"})
    config = configured("wave")
    assert config.task.label == "wave"
    assert config.chip_name
