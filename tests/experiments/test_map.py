"""`photonzero map` on a small run and on matrices."""

import json

import numpy as np
import pytest

from photonzero.devices.noise_model import NoiseModel
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run.teacher import teacher_from
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


def small_network():
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((8, 5)), rng.standard_normal((3, 8))
    bias, inputs = rng.standard_normal(8), rng.standard_normal((200, 5))
    outputs = np.tanh(inputs @ first.T + bias) @ second.T
    return {
        "W1": first, "b1": bias, "W2": second, "activation": np.array("tanh"), "inputs": inputs,
        "labels": outputs.argmax(axis=1),
    }  # fmt: skip


def test_a_network_of_ones_own_does_what_it_did(tmp_path):
    arrays = small_network()
    np.savez(tmp_path / "mlp.npz", **arrays)
    teacher = teacher_from(tmp_path / "mlp.npz")
    digital = fabricate(teacher.design, NoiseModel(), 0, dtype=np.float64)
    answer = digital.measure(teacher.controls[None], arrays["inputs"])[0]
    wanted = np.tanh(arrays["inputs"] @ arrays["W1"].T + arrays["b1"]) @ arrays["W2"].T
    np.testing.assert_allclose(answer, wanted, rtol=1e-10)
    assert teacher.task_error(digital, teacher.controls) == 0.0


def test_a_network_of_ones_own_is_loaded_onto_a_chip_that_found_its_own_errors(tmp_path):
    np.savez(tmp_path / "mlp.npz", **small_network())
    methods = ("--method", "loaded", "--method", "self-calibrated")
    found = rows(photonzero("map", "mlp.npz", "--chips", "1", *methods, "--json", "--quiet", cwd=tmp_path))
    wrong, fidelity = by_method(found, "task_error"), by_method(found, "fidelity")
    assert wrong["self-calibrated"] < 0.05 < 0.3 < wrong["loaded"]
    assert fidelity["self-calibrated"] > 0.999


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"W3": np.ones((2, 2))}, "W3 (2, 2); allowed: 3 columns, W2 has as many rows"),
        ({"W1": None}, "no W1; allowed: W1, b1, W2"),
        ({"kernel": np.ones(2)}, "kernel; allowed: W1, b1"),
        ({"b1": np.ones(7)}, "b1 float64 (7,); allowed: finite numbers (8)"),
        ({"W2": np.full((3, 8), np.inf)}, "W2 float64 (3, 8); allowed: finite numbers"),
        ({"activation": np.array("softmax")}, "activation 'softmax'; allowed: identity, sin"),
        ({"activation": None}, "activation ''; allowed: identity, sin"),
        ({"labels": np.full(200, 3)}, "labels int64 (200,); allowed: one of 0 to 2 for each of inputs"),
        ({"inputs": None}, "labels int64 (200,); allowed: one of 0 to 2 for each of inputs"),
    ],
)
def test_a_network_that_is_none_is_named(tmp_path, changes, message):
    arrays = {key: value for key, value in {**small_network(), **changes}.items() if value is not None}
    np.savez(tmp_path / "mlp.npz", **arrays)
    with pytest.raises(UsageError) as caught:
        teacher_from(tmp_path / "mlp.npz")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing.npy", None, "nothing.npy: not found"),
        ("nothing", None, "nothing: not found; allowed: a run folder"),
        ("nothing.npz", None, "nothing.npz: not found"),
        ("text.npz", b"no numbers", "text.npz: no arrays"),
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
