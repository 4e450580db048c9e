"""The suites that ship find what they are for: each broken thing fails the test of its fault."""

import subprocess
import sys
from unittest import SkipTest

import numpy as np
import pytest

from photonzero.testing import LabChip, OptimizerContract, OracleContract, ReadoutLabChip
from photonzero.training.optimizers import PopulationOptimizer
from photonzero.training.oracle import ControlGroup, Stencil


def failures(suite):
    """Names of the tests that fail."""
    found = []
    for name in dir(suite):
        if name.startswith("test_"):
            try:
                getattr(suite(), name)()
            except SkipTest:
                pass
            except Exception:  # noqa: BLE001 - whatever a broken thing raises is a failure
                found.append(name.removeprefix("test_"))
    return found


class Uncovered(LabChip):
    def __init__(self):
        super().__init__(noise=0.01)
        self.control_groups = {**self.control_groups, "offset": ControlGroup(23, 25, "digital")}


class NotFinite(LabChip):
    def measure(self, controls, inputs):
        answer = super().measure(controls, inputs)
        return np.full_like(answer, np.nan) if len(controls) == 1 else answer


class Greedy(LabChip):
    def measure(self, controls, inputs):
        answer = super().measure(controls, inputs)
        controls[:, 0] = 0.0
        return answer


class Crosstalking(LabChip):
    """Settings of a population leak into each other."""

    def measure(self, controls, inputs):
        mixed = 0.8 * controls + 0.2 * controls.mean(axis=0)
        return super().measure(mixed, inputs)


class Heating(LabChip):
    """What is presented beside an input changes its answer."""

    def measure(self, controls, inputs):
        answer = super().measure(controls, inputs)
        return answer + 0.1 * (answer.mean(axis=1, keepdims=True) - answer[:, :1])


class SlowestFirst(LabChip):
    """Runs the centers of a stencil fastest."""

    def measure(self, controls, inputs):
        if isinstance(inputs, Stencil):
            points = inputs.centers[None] + inputs.offsets[:, None]
            return super().measure(controls, points.reshape(inputs.n_points, -1))
        return super().measure(controls, inputs)


class Deaf(LabChip):
    def measure(self, controls, inputs):
        return super().measure(0 * controls, inputs)


class Swapped(ReadoutLabChip):
    def measure_features(self, controls, inputs):
        return super().measure_features(controls, inputs)[..., ::-1]


class Forgetful(LabChip):
    def __init__(self):
        super().__init__(noise=0.01)

    def restore(self, state):
        pass


@pytest.mark.parametrize(
    ("chip", "fault"),
    [
        (Uncovered, "its_controls_are_covered_by_its_groups"),
        (NotFinite, "answers_are_real_finite_and_of_one_shape"),
        (Greedy, "measuring_leaves_the_arguments_alone"),
        (Crosstalking, "a_population_is_its_settings_one_by_one"),
        (Heating, "a_batch_is_its_inputs_one_by_one"),
        (SlowestFirst, "a_stencil_is_its_points"),
        (Deaf, "settings_matter"),
        (Swapped, "the_readout_makes_outputs_of_features"),
        (Forgetful, "state_continues_to_the_bit"),
    ],
)
def test_the_contract_of_oracles_finds(chip, fault):
    suite = type("Suite", (OracleContract,), {"n_in": 3, "make": lambda self: chip()})
    assert fault in failures(suite)


def test_a_difference_of_a_tenth_of_a_deviation_is_not_found_and_one_of_two_is():
    class Shifted(LabChip):
        shift = 0.0

        def measure(self, controls, inputs):
            answer = super().measure(controls, inputs)
            return answer + self.shift * (len(controls) == 1)

    for shift, found in ((0.001, False), (0.1, True)):
        chip = type("Chip", (Shifted,), {"shift": shift})
        suite = type("Suite", (OracleContract,), {"n_in": 3, "make": lambda self, c=chip: c(noise=0.02)})
        assert ("a_population_is_its_settings_one_by_one" in failures(suite)) == found


class Search(PopulationOptimizer):
    """Best of eight random steps."""

    def propose(self):
        steps = self.rng.standard_normal((8, self.controls.size))
        steps[0] = 0.0
        return self.controls + 0.1 * self.scale * steps

    def learn(self, settings, losses):
        self.controls = settings[np.argmin(losses)]


class TestSearch(OptimizerContract):
    """As a user writes it; another process finds the class in this file."""

    method = Search


class Resting(Search):
    def learn(self, settings, losses):
        pass


class NoOne(Search):
    def propose(self):
        return super().propose()[:, :-1]


class Possessive(Search):
    def __init__(self, start, options, rng):
        super().__init__(start, options, rng)
        self.controls = start.controls

    def learn(self, settings, losses):
        self.controls[:] = settings[np.argmin(losses)]


class Absent(Search):
    """Keeps what it learns where no checkpoint sees it."""

    def __init__(self, start, options, rng):
        super().__init__(start, options, rng)
        self._length = 1.0

    def propose(self):
        self._length *= 0.9
        return self.controls + self._length * (super().propose() - self.controls)


_calls = []


class Dependent(Search):
    """Depends on what ran before in this process."""

    def propose(self):
        _calls.append(0)
        return super().propose() + 1e-3 * len(_calls)


@pytest.mark.parametrize(
    ("optimizer", "fault"),
    [
        (Resting, "it_trains_a_lab_chip"),
        (NoOne, "it_asks_for_settings_of_the_chip"),
        (Possessive, "it_starts_where_it_is_told_and_leaves_that_alone"),
        (Absent, "resume_equals_the_straight_run"),
        (Absent, "a_faulty_oracle_leaves_the_last_good_step"),
        (Dependent, "same_seed_same_bits_in_a_fresh_process"),
    ],
)
def test_the_contract_of_optimizers_finds(optimizer, fault):
    suite = type("Suite", (OptimizerContract,), {"method": optimizer, "max_inferences": 50_000})
    assert fault in failures(suite)


def test_the_suites_need_no_test_framework():
    code = "import sys, photonzero.testing; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
