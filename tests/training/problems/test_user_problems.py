"""Users' own PDEs: the documented example, and an error for each thing that can be forgotten."""

import re
from pathlib import Path

import numpy as np
import pytest

from photonzero.training.errors import ArgumentError, ProblemError
from photonzero.training.objective import PinnObjective
from photonzero.training.objective.verify import verify_reference
from photonzero.training.problems import PDE, get_problem
from photonzero.training.stencils import make_rule

_DOCS = Path(__file__).parents[3] / "docs" / "how-to" / "problems.md"


def documented_example():
    text = _DOCS.read_text(encoding="utf-8")
    block = re.search(r"<!-- example -->\n```python\n(.*?)```\n<!-- end -->", text, re.S)
    assert block is not None
    return block.group(1)


def objective_of(name, **options):
    return PinnObjective(get_problem(name), make_rule("central"), 10, 0, **options)


def test_documented_example_is_short_and_right(tmp_path):
    code = documented_example()
    assert len([line for line in code.splitlines() if line.strip()]) <= 25
    (tmp_path / "my_pde.py").write_text(code)
    problem = get_problem(f"{tmp_path / 'my_pde.py'}:Advection")
    assert all(row.agrees for row in verify_reference(problem))
    objective = objective_of(str(tmp_path / "my_pde.py"))
    # 10 points of the PDE with 5 nodes, 3 points of either condition with one.
    assert objective.inferences_per_candidate == 10 * 5 + 3 + 3


_GOOD = """
import numpy as np
from photonzero.training.problems import PDE, Condition
class Mine(PDE):
    domain = {"x": (0.0, 1.0), "t": (0.0, 1.0)}
    def residual(self, at, u):
        return u.t - u.xx
    def conditions(self):
        return [Condition("start", {"t": 0.0}, lambda at, u: u - at.x)]
    def ansatz(self, at, net):
        return at.x + net
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    def ansatz",
         "    def collocation(self, n, rng):\n        return rng.random((n, 3))\n    def ansatz",
         r"Mine: collocation gives shape \(10, 3\); allowed: \(10, 2\), finite"),
        ("u.t - u.xx", "u.q - u.xx", r"Mine: pde residual: derivative: u\.q; allowed: u\.x, u\.xx, u\.t"),
        ("u.t - u.xx", "u.t[:, :2]", r"pde residual: shape \(2, 2\); allowed: \(P, B\), here \(2, 3\)"),
        ("return u.t - u.xx", "u.t", "pde residual gives None; allowed"),
        ("u.t - u.xx", "u.t / (0 * at.x)", "pde residual is NaN or infinite"),
        ("u.t - u.xx", "u.t - at.y", r"coordinate: at\.y; allowed: x, t"),
        ("u.t - u.xx", "u.t - missing", "pde residual: NameError: name 'missing' is not defined"),
        ("u.t - u.xx", "u.partial(2)", r"derivative: u\.partial\(2,\); allowed: 0\.\.1"),
        ('"x": (0.0, 1.0)', '"x": (1.0, 0.0)', r"domain: x = \(1.0, 0.0\); allowed: lower below upper"),
        ('"x": (0.0, 1.0)', '"x": 3', r"domain: x = 3; allowed: \(lower, upper\)"),
        ("    domain = ", "    box = ", "Mine: no domain; allowed: domain ="),
        ('{"t": 0.0}', "None", r"condition 'start': no points; allowed: at="),
        ('{"t": 0.0}', '{"t": []}', r"condition 'start': t = \[\]; allowed: a number or several"),
        ('{"t": 0.0}', '{"y": 0.0}', "condition 'start': coordinate 'y'; allowed: x, t"),
        ('{"t": 0.0}, lambda at, u: u - at.x', 'None, lambda at, u: u - at.x, points=np.zeros((0, 2))',
         r"condition 'start' points: shape \(0, 2\); allowed: \(N >= 1, 2\)"),
        ("u - at.x)", "u - at.x, weight=-1)", "weight of start = -1; allowed: > 0"),
        ("at.x + net", "at.x + net**2", "ansatz is not affine in the network's outputs"),
        ("def residual", "def equation", r"Mine: no method residual; allowed: def residual\(self, at, u\)"),
        ("class Mine(PDE)", "class Mine", r"problem '.*mine\.py:Mine': no PDE; allowed: a class derived"),
        ("import numpy", "import nunpy", "ModuleNotFoundError: No module named 'nunpy'"),
    ],
)  # fmt: skip
def test_each_mistake_has_one_clear_line(tmp_path, old, new, message):
    assert old in _GOOD
    path = tmp_path / "mine.py"
    path.write_text(_GOOD.replace(old, new, 1))
    with pytest.raises(ProblemError, match=message) as caught:
        objective_of(f"{path}:Mine")
    assert "\n" not in str(caught.value)


def test_names_and_files(tmp_path):
    path = tmp_path / "two.py"
    path.write_text(_GOOD + "class Other(Mine):\n    pass\n")
    assert objective_of(f"{path}:Other").problem.name == "Other"
    with pytest.raises(ProblemError, match=r"2 of kind problem; allowed: .*:NAME with one of: Mine, Other"):
        get_problem(str(path))
    with pytest.raises(ProblemError, match="no problem 'Third'; allowed: Mine, Other"):
        get_problem(f"{path}:Third")
    with pytest.raises(ProblemError, match=r"gone\.py: No such file"):
        get_problem(f"{tmp_path / 'gone.py'}:Mine")
    with pytest.raises(
        ArgumentError, match=r"problem: 'heat9' \(did you mean 'heat'\?\); allowed: .*file\.py:Name"
    ):
        get_problem("heat9")


def test_nan_while_training_names_the_point(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(_GOOD.replace("u.t - u.xx", "np.where(u.t > 1e3, np.nan, u.t)"))
    objective = objective_of(f"{path}:Mine")

    class Steep:
        n_controls = 1
        control_groups = {}  # noqa: RUF012

        def measure(self, controls, inputs):
            points = inputs if isinstance(inputs, np.ndarray) else inputs.points()
            return 1e6 * points[None, :, 1:]

    with pytest.raises(ProblemError, match=r"Mine: pde residual is NaN or infinite at \[0\."):
        objective.evaluate(Steep(), np.zeros((1, 1)))


def test_a_problem_may_suggest_what_its_runs_start_from():
    class Silent(PDE):
        domain = {"x": (0.0, 1.0)}  # noqa: RUF012

        def residual(self, at, u):
            return u.xx

    class Suggesting(Silent):
        suggested = {"chip": "tonn-heat", "batch_size": 30, "derivatives": "central4"}  # noqa: RUF012

    assert Silent().suggestions() == {}
    assert Suggesting().suggestions() == {"chip": "tonn-heat", "batch_size": 30, "derivatives": "central4"}


@pytest.mark.parametrize(
    ("suggested", "message"),
    [
        ("tonn-heat", "Wrong: suggested = 'tonn-heat'; allowed: {name: value}"),
        ({"noise": "ideal"}, "Wrong: suggested 'noise'; allowed: 'chip', 'batch_size', 'derivatives'"),
        ({"chip": 3}, "Wrong: suggested chip = 3; allowed: a name"),
        ({"batch_size": 0}, "Wrong: suggested batch_size = 0; allowed: an integer >= 1"),
        ({"batch_size": True}, "Wrong: suggested batch_size = True; allowed: an integer >= 1"),
        ({"derivatives": ""}, "Wrong: suggested derivatives = ''; allowed: a name"),
    ],
)
def test_a_suggestion_of_the_wrong_type_is_named(suggested, message):
    def residual(self, at, u):
        return u.xx

    wrong = type("Wrong", (PDE,), {"domain": {"x": (0.0, 1.0)}, "residual": residual, "suggested": suggested})
    with pytest.raises(ProblemError, match=re.escape(message)):
        wrong().suggestions()
