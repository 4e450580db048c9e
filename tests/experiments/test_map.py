"""`photonzero map` on a small run and on matrices."""

import json

import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.mapping import teacher_from
from photonzero.photonics.chip.chip import fabricate
from tests.experiments.test_command import photonzero


def rows(answer):
    return json.loads(answer.stdout.splitlines()[-1])["rows"]


def by_method(found, key):
    return {row["method"]: row[key] for row in found}


def test_a_matrix_is_loaded_compensated_and_calibrated(tmp_path):
    np.save(tmp_path / "m.npy", np.random.default_rng(0).normal(size=(3, 4)))
    found = rows(
        photonzero(
            "map", "m.npy", "--chips", "1", "--max-inferences", "100000", "--json", "--quiet", cwd=tmp_path
        )
    )
    error, fidelity = by_method(found, "output_error"), by_method(found, "fidelity")
    assert error["compensated"] < 0.1 < error["loaded"]
    assert error["calibrated"] < 0.3 * error["loaded"]
    assert fidelity["compensated"] > 0.99 > fidelity["loaded"]
    assert by_method(found, "task_error")["loaded"] is None
    inferences = by_method(found, "inferences")
    assert inferences["loaded"] == inferences["compensated"] == 0 < inferences["calibrated"] <= 100_000


def test_a_matrix_is_loaded_onto_a_chip_that_found_its_own_errors(tmp_path):
    np.save(tmp_path / "m.npy", np.random.default_rng(0).normal(size=(6, 4)))
    methods = ("--method", "self-calibrated", "--method", "compensated")
    found = rows(photonzero("map", "m.npy", "--chips", "1", *methods, "--json", "--quiet", cwd=tmp_path))
    assert [row["method"] for row in found] == ["self-calibrated", "compensated"]
    error = by_method(found, "output_error")
    # Phases are rounded together, which is better than each by itself with all errors known.
    assert error["self-calibrated"] < error["compensated"] < 0.1
    assert 0 < by_method(found, "inferences")["self-calibrated"] < 5000


def test_a_trained_run_is_compared_at_its_task(tmp_path):
    photonzero(
        "train", "hjb2", "--chip", "tt-tiny", "--max-inferences", "200000", "--set", "batch_size=50",
        "--out", "run", "--quiet", cwd=tmp_path,
    )  # fmt: skip
    command = ("map", "run", "--noise", "published", "--chips", "2", "--max-inferences", "20000", "--quiet")
    first, second = (photonzero(*command, "--json", cwd=tmp_path).stdout for _ in range(2))
    assert first == second
    found = json.loads(first)["rows"]
    assert [row["chip_seed"] for row in found] == [0, 0, 0, 1, 1, 1]
    assert by_method(found, "fidelity")["compensated"] > 0.99 > by_method(found, "fidelity")["loaded"]
    assert all(row["task_error"] < 1e-3 for row in found)
    shown = photonzero(*command, cwd=tmp_path).stdout
    assert all(word in shown for word in ("loaded", "compensated", "calibrated", "fidelity"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing.npy", None, "nothing.npy: not found"),
        ("nothing", None, "nothing: not found; allowed: a run folder"),
        ("text.npy", b"no numbers", "text.npy: no array"),
        ("cube.npy", np.ones((2, 2, 2)), "cube.npy: float64 (2, 2, 2); allowed: a matrix (m, n)"),
        ("words.npy", np.array([["a"]]), "words.npy: <U1 (1, 1); allowed: a matrix (m, n) of numbers"),
        ("nan.npy", np.full((2, 2), np.nan), "nan.npy: shape (2, 2); allowed: finite"),
    ],
)
def test_what_is_no_network_is_named(tmp_path, name, content, message):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        np.save(tmp_path / name, content)
    with pytest.raises(UsageError) as caught:
        teacher_from(tmp_path / name)
    assert message in str(caught.value)


def test_the_command_says_so_in_one_line(tmp_path):
    answer = photonzero("map", "nothing.npy", cwd=tmp_path, code=2)
    assert answer.stderr == "photonzero: error: nothing.npy: not found\n"


def test_a_complex_matrix_is_a_real_one_of_twice_the_size(tmp_path):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal((2, 3)) + 1j * rng.standard_normal((2, 3))
    np.save(tmp_path / "u.npy", matrix)
    teacher = teacher_from(tmp_path / "u.npy")
    digital = fabricate(teacher.design, NoiseModel(), 0, dtype=np.float64)
    x = rng.standard_normal(3) + 1j * rng.standard_normal(3)
    answer = digital.measure(teacher.controls, np.concatenate([x.real, x.imag])[None])[0]
    np.testing.assert_allclose(answer[:2] + 1j * answer[2:], matrix @ x, rtol=1e-12)
