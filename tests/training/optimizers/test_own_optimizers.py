"""Optimizers of users: a class in a file, a function, a method; what they may leave out."""

import importlib.metadata
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from photonzero.training.checkpoint import load_checkpoint, save_checkpoint
from photonzero.training.errors import ArgumentError, CheckpointError
from photonzero.training.objective import PinnObjective
from photonzero.training.optimizers import (
    OPTIMIZERS,
    Method,
    PopulationOptimizer,
    Start,
    get_method,
    optimizer_names,
    start_on,
)
from photonzero.training.optimizers.base import NoOptions
from photonzero.training.problems import HJB
from photonzero.training.stencils import make_rule
from photonzero.training.trainer import Limits, TrainingRun
from tests.conftest import LabChip

SEARCH = '''
from dataclasses import dataclass

import numpy as np
from photonzero.training.optimizers import PopulationOptimizer


class Search(PopulationOptimizer):
    """Best of a few random steps."""

    @dataclass(frozen=True)
    class Options:
        length: float = 0.1

    def propose(self):
        steps = self.rng.standard_normal((8, self.controls.size))
        steps[0] = 0.0
        return self.controls + self.options.length * self.scale * steps

    def learn(self, settings, losses):
        self.controls = settings[np.argmin(losses)]
'''

PLAIN = """
import numpy as np
from photonzero.training.optimizers import Candidates


class Plain:
    needs = "loss"

    def __init__(self, start, options, rng):
        self.controls, self.loss, self.n_steps, self.rng = start.controls, np.inf, 0, rng

    def ask(self):
        steps = 0.05 * self.rng.standard_normal((8, self.controls.size))
        self.asked = self.controls + steps
        return Candidates(self.asked, True, "population")

    def tell(self, evaluation):
        best = np.argmin(evaluation.losses)
        self.controls, self.loss = self.asked[best], float(evaluation.losses[best])
        self.n_steps += 1

    def stop(self):
        return {}

    def state(self):
        return {"controls": self.controls}

    def restore(self, state):
        self.controls = state["controls"]
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        (tmp_path / "mine.py").write_text(text)
        return str(tmp_path / "mine.py")

    return write


def make_run(method, **limits):
    chip = LabChip()
    objective = PinnObjective(HJB(2), make_rule("central", spacing=0.1), 30, seed=1)
    x = np.random.default_rng(2).standard_normal(chip.n_controls)
    optimizer = method.make(start_on(chip, x), method.options(), np.random.default_rng(3))
    return TrainingRun(chip, objective, optimizer, Limits(**limits))


@pytest.mark.parametrize("text", [SEARCH, PLAIN])
def test_a_class_in_a_file_trains(file, text):
    run = make_run(get_method(file(text)), max_inferences=200_000)
    before = run.objective.validation_error(run.oracle, run.optimizer.controls)
    run.train()
    assert run.history[-1][3] < 0.5 * before


def test_its_options_and_what_it_is_called(file):
    path = file(SEARCH)
    method = get_method(f"{path}:Search")
    assert method.summary == "Best of a few random steps."
    assert method.options(length=0.3).length == 0.3
    assert OPTIMIZERS.label(f"{path}:Search") == "Search"
    assert len(OPTIMIZERS.fingerprint(f"{path}:Search")) == 64
    assert OPTIMIZERS.fingerprint("spsa") is None
    assert get_method(file(PLAIN)).options is NoOptions


def test_it_resumes_to_the_bit(file, tmp_path):
    method = get_method(file(SEARCH))
    straight, first, second = (make_run(method, max_steps=n) for n in (6, 2, 6))
    straight.train()
    first.train()
    save_checkpoint(tmp_path / "c.npz", "run", first.checkpoint())
    second.restore(load_checkpoint(tmp_path / "c.npz", "run"))
    second.train()
    np.testing.assert_array_equal(second.optimizer.controls, straight.optimizer.controls)
    assert second.optimizer.loss == straight.optimizer.loss


class Keeping(PopulationOptimizer):
    def __init__(self, start, options, rng):
        super().__init__(start, options, rng)
        self.sigma, self.mean, self.improves, self._cache = 0.5, np.zeros(3), False, [start]

    def propose(self):
        return self.controls[None]

    def learn(self, settings, losses):
        self.sigma, self.mean, self.improves = 0.25, self.mean + 1, True


START = Start(np.zeros(2), {})


def test_numbers_arrays_and_generators_are_kept_with_their_types():
    one, other = (Keeping(START, None, np.random.default_rng(k)) for k in (1, 2))
    one.learn(one.controls, np.ones(1))
    one.rng.random()
    other.restore(one.state())
    assert (other.sigma, other.improves) == (0.25, True)
    assert type(other.sigma) is float
    assert type(other.improves) is bool
    np.testing.assert_array_equal(other.mean, 1.0)
    assert other.rng.random() == one.rng.random()


def test_what_no_checkpoint_can_keep_is_refused_before_training():
    class Listing(Keeping):
        def __init__(self, start, options, rng):
            super().__init__(start, options, rng)
            self.seen = [object()]

    with pytest.raises(ArgumentError, match=r"Listing.seen: a list.*allowed: numbers.*\(_seen\)"):
        Listing(START, None, np.random.default_rng(0)).state()


def test_the_state_of_another_class_is_refused():
    class Other(Keeping):
        pass

    state = Other(START, None, np.random.default_rng(0)).state()
    with pytest.raises(CheckpointError, match="state of Other cannot be read; allowed: Keeping"):
        Keeping(START, None, np.random.default_rng(0)).restore(state)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Mine = 3", "3; allowed: a class, a function or a Method"),
        (
            "class Mine:\n    def ask(self): ...\n    def tell(self, e): ...",
            "no method stop, state, restore; all",
        ),
        (
            "from photonzero.training.optimizers import PopulationOptimizer\n"
            "class Mine(PopulationOptimizer):\n    def propose(self): ...",
            "no method learn; allowed",
        ),
        (
            PLAIN.replace("Plain", "Mine").replace(", options, rng", ""),
            "allowed: arguments (start, options, rng)",
        ),
        (PLAIN.replace("Plain", "Mine") + "    Options = dict\n", "Options; allowed: a dataclass"),
        (
            SEARCH.replace("Search", "Mine").replace("float = 0.1", "float"),
            "Options; allowed: a dataclass with a default for every field",
        ),
    ],
)
def test_a_broken_contract_is_one_line_when_it_is_loaded(file, text, said):
    path = file(text)
    with pytest.raises(ArgumentError) as caught:
        get_method(f"{path}:Mine")
    assert f"optimizer '{path}:Mine': " in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('needs = "loss"', 'needs = "gradients"', "needs 'gradients'; allowed: loss, residuals"),
        ("self.loss, self.n_steps, self.rng =", "self.lost, self.n_steps, self.rng =", "no loss; allowed:"),
        ("= start.controls,", "= start.controls[:3],", r"controls of shape \(3,\); allowed: \(25,\)"),
    ],
)
def test_a_broken_contract_is_one_line_before_anything_is_measured(file, old, new, said):
    assert old in PLAIN
    with pytest.raises(ArgumentError, match=said):
        make_run(get_method(file(PLAIN.replace(old, new))))


def test_a_function_and_a_method_are_optimizers_too(file):
    path = file(
        PLAIN
        + "\n\ndef make(start, options, rng):\n    return Plain(start, options, rng)\n\n\n"
        + "from photonzero.training.optimizers import Method\n"
        + "from photonzero.training.optimizers.base import NoOptions\n\n"
        + "MINE = Method('mine', NoOptions, Plain)\n"
    )
    for name in ("make", "MINE"):
        make_run(get_method(f"{path}:{name}"), max_steps=1).train()
    assert isinstance(get_method(f"{path}:MINE"), Method)


def test_an_installed_package_brings_optimizers(monkeypatch):
    point = EntryPoint("theirs", f"{__name__}:Keeping", "photonzero.optimizers")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: (point,))
    monkeypatch.delitem(vars(OPTIMIZERS), "_plugins", raising=False)
    try:
        assert optimizer_names()[-1] == "theirs"
        make_run(get_method("theirs"), max_steps=1).train()
    finally:
        vars(OPTIMIZERS).pop("_plugins", None)


def test_unknown_names_are_told():
    with pytest.raises(ArgumentError, match=r"optimizer: 'gauss-newtn' .*did you mean 'gauss-newton'.*spsa"):
        get_method("gauss-newtn")
