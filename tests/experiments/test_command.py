"""The command as a user meets it: in a fresh process, on the small chip."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from photonzero.experiments.cli import main
from photonzero.experiments.config.older import older_fingerprint
from photonzero.experiments.config.run_config import read_design
from photonzero.experiments.run.assembly import assemble
from photonzero.experiments.run.folder import load_config
from photonzero.experiments.run.runs import trained

SMALL = ("hjb2", "--max-inferences", "200000", "--set", "batch_size=50")


def photonzero(*arguments, cwd, code=0):
    command = [
        sys.executable,
        "-c",
        "from photonzero.experiments.cli import main; main()",
        *map(str, arguments),
    ]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def refused(monkeypatch, capsys):
    """What the command says of bad input, without a process of its own for each of many."""

    def run(*arguments, cwd):
        monkeypatch.chdir(cwd)
        monkeypatch.setattr(sys, "argv", ["photonzero", *map(str, arguments)])
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        monkeypatch.setattr(os, "environ", dict(os.environ))
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 2
        return capsys.readouterr().err

    return run


def controls(folder):
    with np.load(folder / "checkpoint.npz", allow_pickle=False) as file:
        return file["optimizer/x"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    answer = photonzero("train", *SMALL, "--out", "run", cwd=folder)
    assert "rel_l2" in answer.stdout
    assert "of the network at zero; frozen optics: " in answer.stdout
    return folder / "run"


def test_a_run_folder_holds_the_contract(finished):
    result = json.loads((finished / "result.json").read_text())
    assert set(result) == {
        "schema", "problem", "chip", "noise", "optimizer", "derivatives", "seed", "n_controls",
        "n_mzi", "rel_l2", "final_loss", "inferences", "layer_inferences", "inferences_validation", "steps",
        "settings", "wall_s", "peak_rss_mb", "host_operations", "chip_time_s", "reprogramming_time_s",
        "chip_energy_j", "stop", "versions", "git", "null",
    }  # fmt: skip
    assert set(result["null"]) == {"zero", "frozen", "frozen_how", "inferences"}
    assert 0 < result["null"]["frozen"] < result["null"]["zero"] < 1
    assert 0 < result["reprogramming_time_s"] < result["chip_time_s"]
    assert result["schema"] == 1
    assert result["chip"] == "tonn-tiny"
    assert result["rel_l2"] < 1e-2
    assert result["inferences"] <= 200_000
    history = np.genfromtxt(finished / "history.csv", delimiter=",", names=True)
    assert history.dtype.names == ("step", "inferences", "loss", "validation_error", "wall_s")
    assert history["step"][-1] == result["steps"]
    assert {p.name for p in (finished / "figures").iterdir()} == {
        "learning.png", "controls.png", "solution.png"
    }  # fmt: skip


def test_metering_of_a_whole_run_on_paper(finished):
    result = json.loads((finished / "result.json").read_text())
    # Central differences in 3 dimensions: 7 nodes; 50 points; base twice, then 10 probes + 6 a step,
    # and the probes of a step whose trials no longer fit.
    whole = 2 + 16 * result["steps"]
    assert result["inferences"] in (50 * 7 * whole, 50 * 7 * (whole + 10))
    # 1,000 validation points a step, 10,000 test points, and as many for the figure.
    assert result["inferences_validation"] == 1000 * result["steps"] + 20_000


def test_frozen_optics_are_left_out_where_that_is_said(tmp_path):
    photonzero(
        "train", *SMALL, "--steps", 1, "--out", "part", "--quiet", "--set", "frozen_null=false", cwd=tmp_path
    )
    assert set(json.loads((tmp_path / "part/result.json").read_text())["null"]) == {"zero"}


def test_the_same_seed_and_the_config_alone_repeat_a_run(finished, tmp_path):
    photonzero("train", *SMALL, "--out", "again", "--threads", 1, cwd=tmp_path)
    photonzero("train", "--config", finished / "config.toml", "--out", "copy", cwd=tmp_path)
    np.testing.assert_array_equal(controls(tmp_path / "again"), controls(finished))
    np.testing.assert_array_equal(controls(tmp_path / "copy"), controls(finished))
    assert (tmp_path / "copy/config.toml").read_text() == (finished / "config.toml").read_text()


def test_a_stopped_run_resumes_to_the_same_bits(finished, tmp_path):
    photonzero("train", *SMALL, "--steps", 3, "--out", "part", "--quiet", cwd=tmp_path)
    part = tmp_path / "part"
    assert json.loads((part / "result.json").read_text())["steps"] == 3
    photonzero("train", "--resume", "part", "--steps", 100_000, cwd=tmp_path)
    np.testing.assert_array_equal(controls(part), controls(finished))
    a, b = (json.loads((f / "result.json").read_text()) for f in (part, finished))
    for key in ("rel_l2", "final_loss", "inferences", "inferences_validation", "steps", "null"):
        assert a[key] == b[key]


def test_a_run_of_an_older_version_is_resumed(finished, tmp_path):
    photonzero("train", *SMALL, "--steps", 3, "--out", "part", "--quiet", cwd=tmp_path)
    part = tmp_path / "part"
    # What older versions wrote: their own hash of the configuration, in their words.
    table = tomllib.loads((part / "config.toml").read_text())
    table["points"]["overlap"] = 0.0
    table["optimizer"]["subtract_noise"] = False
    with np.load(part / "checkpoint.npz", allow_pickle=False) as file:
        content = {key: file[key] for key in file.files} | {"fingerprint": np.array(older_fingerprint(table))}
    np.savez(part / "checkpoint.npz", **content)
    (part / "config.toml").write_text(tomli_w.dumps(table))
    photonzero("train", "--resume", "part", "--steps", 100_000, cwd=tmp_path)
    np.testing.assert_array_equal(controls(part), controls(finished))


def test_frozen_controls_stay_in_a_resumed_run_too(tmp_path):
    arguments = (*SMALL, "--set", 'frozen=["*/bias"]')
    photonzero("train", *arguments, "--steps", 4, "--out", "whole", "--quiet", cwd=tmp_path)
    photonzero("train", *arguments, "--steps", 2, "--out", "part", "--quiet", cwd=tmp_path)
    photonzero("train", "--resume", "part", "--steps", 4, "--quiet", cwd=tmp_path)
    np.testing.assert_array_equal(controls(tmp_path / "part"), controls(tmp_path / "whole"))
    config = load_config(tmp_path / "whole")
    before = assemble(config, 1)
    _, after = trained(config, tmp_path / "whole")
    moved = {
        name
        for name, group in before.chip.control_groups.items()
        if (before.initial_controls[group.slice] != after[group.slice]).any()
    }
    assert moved == {name for name in before.chip.control_groups if not name.endswith("/bias")}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_killed_run_resumes_to_the_same_bits(tmp_path):
    arguments = (
        "hjb2",
        "--noise",
        "harsh",
        "--set",
        "batch_size=50",
        "--max-inferences",
        "4000000",
    )
    photonzero("train", *arguments, "--out", "straight", "--quiet", cwd=tmp_path)
    # A suite that a shell has started in the background ignores SIGINT, and so would its children.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from photonzero.experiments.cli import main; main()"
    )
    for kind in (signal.SIGKILL, signal.SIGINT):
        killed = tmp_path / kind.name
        command = [sys.executable, "-c", code, "train", *arguments, "--out", killed.name, "--quiet"]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 300
            while not (killed / "checkpoint.npz").exists():
                assert process.poll() is None, "it ended before its first checkpoint"
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(kind)
            process.wait(300)
        finally:
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()
        assert process.returncode != 0
        assert not (killed / "result.json").exists()
        photonzero("train", "--resume", killed.name, cwd=tmp_path)
        np.testing.assert_array_equal(controls(killed), controls(tmp_path / "straight"))


def test_target_error_looks_at_validation_points(tmp_path):
    photonzero("train", *SMALL, "--target-error", "0.05", "--out", "run", cwd=tmp_path)
    result = json.loads((tmp_path / "run/result.json").read_text())
    assert list(result["stop"]) == ["target_error"]
    last = np.genfromtxt(tmp_path / "run/history.csv", delimiter=",", names=True)
    errors = np.atleast_1d(last["validation_error"])
    assert errors[-1] <= 0.05
    assert (errors[:-1] > 0.05).all()


def test_the_published_way_and_a_noise_file_run_too(tmp_path):
    (tmp_path / "mine.toml").write_text('base = "published"\n[phase_quantizer]\nbits = 6\n')
    photonzero(
        "train", "hjb2", "--optimizer", "rge-adam", "--derivatives", "sparse-grid", "--noise",
        "mine.toml", "--steps", 2, "--set", "batch_size=10", "--out", "run", cwd=tmp_path,
    )  # fmt: skip
    config = (tmp_path / "run/config.toml").read_text()
    assert "bits = 6" in config
    assert "coupling = 0.005" in config


def test_runs_without_a_folder_are_numbered(tmp_path):
    for _ in range(2):
        photonzero("train", *SMALL, "--steps", 1, "--quiet", cwd=tmp_path)
    assert sorted(os.listdir(tmp_path / "runs")) == ["hjb2-001", "hjb2-002"]


def test_list_and_help_name_everything(tmp_path):
    listed = photonzero("list", cwd=tmp_path).stdout
    for name in ("hjb20", "tonn-hjb20", "published", "gauss-newton", "rge-adam", "sparse-grid"):
        assert name in listed
    for command in ((), ("train",), ("bench",), ("tables",), ("list",), ("cost",)):
        assert "Example" in photonzero(*command, "--help", cwd=tmp_path).stdout


def test_cost_reproduces_the_published_counts(tmp_path):
    counts = {}
    for chip in ("onn-1024", "tonn-1024", "tonn-hjb20"):
        answer = photonzero("cost", chip, "--inferences", 1000, "--json", cwd=tmp_path)
        counts[chip] = json.loads(answer.stdout.splitlines()[-1])
    assert counts["onn-1024"]["n_mzi"] == 2_095_104
    assert counts["tonn-1024"]["n_mzi"] == 1_792
    # Two layers of four blocks of 2 x 28 MZIs, in two copies of 32 wavelengths for 64 lanes.
    assert counts["tonn-hjb20"]["n_mzi"] == 2 * 448
    assert counts["tonn-hjb20"]["training_time_s"] > 0
    lines = photonzero("cost", "tonn-1024", cwd=tmp_path).stdout
    assert "n_mzi: 1792" in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train",), "PROBLEM is missing"),
        (("train", "hjb3000"), "problem: 'hjb3000' (did you mean 'hjb20'?); allowed: hjb20"),
        (("train", "hjb2", "--chip", "nope"), "chip: 'nope'; allowed: tonn-hjb20"),
        (
            ("train", "hjb2", "--chip", "tonn-hjb20"),
            "chip tonn-hjb20: 21 inputs; allowed for hjb2: 3",
        ),
        (("train", "hjb2", "--noise", "loud"), "noise: 'loud'; allowed: ideal"),
        (("train", "hjb2", "--noise", "absent.toml"), "absent.toml: No such file"),
        (("train", "hjb2", "--noise", "bad.toml"), "unknown key noise.phase_quantiser"),
        (
            ("train", "hjb2", "--noise", "type.toml"),
            "noise.phase_quantizer.bits: 'eight'; allowed: an integer",
        ),
        (("train", "hjb2", "--noise", "range.toml"), "phase_quantizer.bits: 0; allowed"),
        (
            ("train", "hjb2", "--optimizer", "sgd"),
            "'sgd' (did you mean 'rge-sgd'?); allowed: gauss-newton",
        ),
        (("train", "hjb2", "--derivatives", "x"), "stencil rule: 'x'; allowed: central"),
        (("train", "hjb2", "--set", "batch_size=ten"), "batch_size: 'ten'; allowed: an integer"),
        (("train", "hjb2", "--set", "batch=3"), "unknown key batch; allowed"),
        (("train", "hjb2", "--set", 'frozen=["bias"]'), "frozen: 'bias' is no group; allowed: layer1/core0"),
        (("train", "hjb2", "--set", 'frozen=["*"]'), "frozen: all groups; allowed: at least one"),
        (("train", "hjb2", "--set", "frozen=bias"), "frozen: 'bias'; allowed: a list"),
        (("train", "hjb2", "--set", "nonsense"), "--set nonsense: allowed: key=value"),
        (("train", "hjb2", "--max-inferences", "0"), "max_inferences: 0; allowed: >= 1"),
        (("train", "hjb2", "--max-inferences", "many"), "'many' is not a valid integer"),
        (("train", "hjb2", "--max-inferences", "1.5"), "'1.5' is not a valid integer"),
        (("train", "hjb2", "--set", "dtype=float16"), "dtype: 'float16'; allowed: float32, float64"),
        (("train", "hjb2", "--set", "n_chips=0"), "n_chips: 0; allowed: an integer >= 1"),
        (("train", "hjb2", "--set", "points.n_test=x"), "points.n_test: 'x'; allowed: an integer"),
        (("train", "hjb2", "--set", "optimizer=spsa"), "optimizer: 'spsa'; allowed: a section [optimizer]"),
        (("train", "hjb2", "--set", "data=x"), "data for hjb2; allowed with: digits, mnist"),
        (("train", "digits", "--set", "points.n_test=3"), "points for digits; allowed with: hjb20"),
        (("train", "hjb2", "--callback", "nothing"), "callback: 'nothing'; allowed: controls-csv"),
        (("list", "everything"), "'everything' is not one of 'problems'"),
        (("train", "hjb2", "--threads", "0"), "threads: 0; allowed: >= 1"),
        (("train", "hjb2", "--colour"), "No such option"),
        (("train", "--resume", "nowhere"), "nowhere: holds no run"),
        (("train", "--resume", "x", "--seed", "1"), "--seed with --resume"),
        (("bench", "nothing"), "'nothing' is not"),
        (("cost", "nothing"), "chip: 'nothing'; allowed: onn-1024"),
        (("cost", "tt-hjb20"), "its cores are numbers or rings"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(arguments, message, tmp_path, refused):
    (tmp_path / "bad.toml").write_text("[phase_quantiser]\nbits = 8\n")
    (tmp_path / "type.toml").write_text('[phase_quantizer]\nbits = "eight"\n')
    (tmp_path / "range.toml").write_text("[phase_quantizer]\nbits = 0\n")
    before = sorted(os.listdir(tmp_path))
    error = refused(*arguments, cwd=tmp_path)
    assert error.startswith("photonzero: error: ")
    assert error.count("\n") == 1
    assert message in error
    assert sorted(os.listdir(tmp_path)) == before


def test_nothing_is_overwritten_and_damage_is_named(finished, tmp_path):
    held = {p: p.read_bytes() for p in finished.rglob("*") if p.is_file()}
    error = photonzero("train", *SMALL, "--out", finished, cwd=tmp_path, code=2).stderr
    assert "holds a run already" in error
    assert {p: p.read_bytes() for p in finished.rglob("*") if p.is_file()} == held

    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "config.toml").write_bytes(held[finished / "config.toml"])
    (copy / "history.csv").write_bytes(held[finished / "history.csv"])
    assert "not found" in photonzero("train", "--resume", copy, cwd=tmp_path, code=2).stderr
    (copy / "checkpoint.npz").write_bytes(b"damaged")
    assert "damaged" in photonzero("train", "--resume", copy, cwd=tmp_path, code=2).stderr
    foreign = (copy / "config.toml").read_text().replace("seed = 0", "seed = 1")
    (copy / "config.toml").write_text(foreign)
    (copy / "checkpoint.npz").write_bytes(held[finished / "checkpoint.npz"])
    error = photonzero("train", "--resume", copy, cwd=tmp_path, code=2).stderr
    assert "another configuration" in error
    assert (copy / "checkpoint.npz").read_bytes() == held[finished / "checkpoint.npz"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(tmp_path):
    # A file size limit makes every write beyond it fail, as on a full disk.
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from photonzero.experiments.cli import main\n"
        "import photonzero.experiments.run.runs\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "main()"
    )
    command = [
        sys.executable,
        "-c",
        code,
        "train",
        *SMALL,
        "--steps",
        "1",
        "--out",
        "run",
        "--quiet",
    ]
    # Compiled kernels are kept before, so that it is the run's own files that do not fit.
    photonzero("train", *SMALL, "--steps", "1", "--out", "first", "--quiet", cwd=tmp_path)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("photonzero: error: ")
    assert done.stderr.count("\n") == 1
    assert {p.name for p in (tmp_path / "run").iterdir()} == {".lock", "config.toml"}
    photonzero("train", "--resume", "run", "--quiet", cwd=tmp_path)
    assert json.loads((tmp_path / "run/result.json").read_text())["steps"] == 1


OWN_CHIP = """
n_inputs = 3
[[layers]]
out_modes = [4, 4]
in_modes = [2, 2]
ranks = [1, 2, 1]
activation = "tanh"
gain = 2.0
trainable_gain = true
core = { kind = "meshes", size = 4 }
"""


def test_a_chip_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN_CHIP)
    photonzero("train", "hjb2", "--chip", path, "--steps", 1, "--out", "a", cwd=tmp_path)
    # The run can be repeated from its folder alone.
    path.unlink()
    config = tmp_path / "a" / "config.toml"
    photonzero("train", "--config", config, "--steps", 1, "--out", "b", cwd=tmp_path)
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in "ab"]
    assert results[0]["chip"] == "mine"
    assert results[0]["rel_l2"] == results[1]["rel_l2"]


BUTTERFLY = """
readout = false
n_out = 10
[[layers]]
out_modes = [4, 4, 4]
in_modes = [4, 4, 4]
ranks = [1, 2, 2, 1]
activation = "tanh"
core = { kind = "meshes", size = 8, topology = "butterfly" }
[[layers]]
out_modes = [10]
in_modes = [64]
ranks = [1, 1]
activation = "identity"
core = { kind = "numbers" }
"""


def test_butterflies_train_on_digits(tmp_path):
    (tmp_path / "butterfly.toml").write_text(BUTTERFLY)
    options = ("--steps", 20, "--max-inferences", 1_000_000, "--noise", "published", "--out", "a")
    photonzero("train", "digits", "--chip", "butterfly.toml", *options, cwd=tmp_path)
    history = np.loadtxt(tmp_path / "a" / "history.csv", delimiter=",", skiprows=1)
    assert history[-1, 2] < 0.7 * history[0, 2]
    # The run folder says what the chip is made of, and can be repeated from it.
    core = load_config(tmp_path / "a").design.layers[0].core
    assert (core.kind, core.size, core.topology) == ("meshes", 8, "butterfly")


def test_a_chip_in_an_old_file_is_the_chip_of_today(tmp_path):
    (tmp_path / "today.toml").write_text(OWN_CHIP)
    old = OWN_CHIP.replace('core = { kind = "meshes", size = 4 }', 'domain = "phase"\ncore_size = 4')
    assert old != OWN_CHIP
    (tmp_path / "old.toml").write_text(old)
    today, old = (read_design(str(tmp_path / f"{name}.toml")) for name in ("today", "old"))
    assert today.layers == old.layers


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("gain = 2.0", "gian = 2.0"), "unknown key design.layers.gian"),
        (("ranks = [1, 2, 1]", "ranks = [1, 1]"), "2 out_modes, 2 in_modes, 2 ranks"),
        (('"tanh"', '"cos"'), "cos"),
        (('"meshes"', '"waves"'), "core: 'waves'; allowed: meshes, numbers, rings"),
        (("size = 4", "bits = 4"), "unknown key core.bits"),
        (('{ kind = "meshes", size = 4 }', "3"), "core: 3; allowed: {kind = ..}"),
        (("core =", 'domain = "wave"\nkernel ='), "domain 'wave'"),
    ],
)
def test_a_chip_of_ones_own_with_a_fault(tmp_path, refused, change, message):
    path = tmp_path / "mine.toml"
    path.write_text(OWN_CHIP.replace(*change))
    assert message in refused("train", "hjb2", "--chip", path, "--out", "a", cwd=tmp_path)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("command", [(), ("train",), ("tables",), ("tables", "hjb20"), ("cost",), ("check",)])
def test_help_shows_examples_line_by_line(command, tmp_path):
    text = photonzero(*command, "--help", cwd=tmp_path).stdout
    assert "\\b" not in text
    assert any(line.strip().startswith("photonzero ") for line in text.splitlines())
