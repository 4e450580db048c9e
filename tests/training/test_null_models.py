"""What an error is worth: the ansatz alone, and frozen optics with their best readout."""

import numpy as np
import pytest

from photonzero.training.null_models import frozen_readout
from photonzero.training.objective import Continuation, PinnObjective
from photonzero.training.problems import get_problem
from photonzero.training.stencils import make_rule
from photonzero.training.testing import LabChip, LayeredLabChip, ReadoutLabChip


def heat():
    return PinnObjective(get_problem("heat"), make_rule("central", spacing=0.05), 60, seed=1)


def settings_of(chip):
    return np.random.default_rng(2).standard_normal(chip.n_controls)


def test_a_network_at_zero_leaves_the_ansatz():
    objective = heat()
    points = objective.test_points
    here = objective.problem.solution(points, np.zeros((1, len(points), 1)))[0]
    exact = objective.problem.reference(points)
    assert objective.zero_error() == pytest.approx(np.linalg.norm(here - exact) / np.linalg.norm(exact))


class OtherElectronics(LayeredLabChip):
    """Its activation is none that a host knows."""

    def __init__(self):
        super().__init__(dim=2)
        self.layers = tuple(
            type(f)(f.out_modes, f.in_modes, f.ranks, "own", f.bias, f.cores) for f in self.layers
        )


@pytest.mark.parametrize(
    ("chip", "how"),
    [
        (LayeredLabChip(dim=2, noise=1e-3), "layers"),
        (OtherElectronics(), "features"),
        (ReadoutLabChip(dim=2), "features"),
    ],
)
def test_frozen_optics_are_fitted_with_what_the_chip_shows(chip, how):
    x, before = settings_of(chip), heat().test_error(chip, settings_of(chip))
    found = frozen_readout(chip, heat, x)
    assert how in found.how
    # A readout that is fitted is far better than the random one it started from.
    assert found.error < 0.3 * before
    np.testing.assert_array_equal(x, settings_of(chip))


def test_the_noise_goes_on_as_if_nothing_had_been_asked():
    asked, other = (LayeredLabChip(dim=2, noise=1e-3) for _ in range(2))
    found = frozen_readout(asked, heat, settings_of(asked))
    # 32 repeats of two and eight weighing vectors, and a dark one of each layer.
    assert found.inferences == 32 * (2 + 8) + 2
    points = np.zeros((3, 2))
    np.testing.assert_array_equal(
        asked.measure(settings_of(asked)[None], points), other.measure(settings_of(other)[None], points)
    )


def test_a_chip_that_shows_outputs_alone_has_none():
    chip = LabChip(dim=2)
    assert frozen_readout(chip, heat, settings_of(chip)) is None


@pytest.mark.parametrize("chip", [LayeredLabChip(dim=2), ReadoutLabChip(dim=2)])
def test_frozen_optics_are_fitted_to_the_problem_itself_not_to_an_easier_one(chip):
    def burgers(start):
        problem = get_problem("burgers-plain")
        along = Continuation("viscosity", start)
        return PinnObjective(problem, make_rule("central", spacing=0.05), 60, seed=1, continuation=along)

    easy, own = (frozen_readout(chip, lambda s=s: burgers(s), settings_of(chip)) for s in (100.0, 0.0032))
    assert easy.error == own.error
