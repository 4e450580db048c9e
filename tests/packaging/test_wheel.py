"""The built packages: what they hold, and that they work beside folders named as this project's rooms."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("devices", "photonics", "training", "experiments")
BUDGET = 200_000


def build(source, kind, folder):
    """Path of the wheel or sdist of a source tree."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def tracked_files(room):
    listed = subprocess.run(["git", "ls-files", room], cwd=ROOT, check=True, capture_output=True, text=True)
    return {f"photonzero/{name}" for name in listed.stdout.split("\n") if name}


def test_the_wheel_holds_real_files_under_one_name(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {info.filename for info in archive.infolist() if not info.filename.endswith("/")}
        links = [info.filename for info in archive.infolist() if (info.external_attr >> 28) == 0o12]
    assert not links
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"photonzero"}
    assert {"photonzero/py.typed", "photonzero/__init__.py", "photonzero/__main__.py"} <= names
    assert "photonzero/experiments/presets/heat.toml" in names
    if (ROOT / ".git").exists():
        for room in ROOMS:
            in_wheel = {name for name in names if name.startswith(f"photonzero/{room}/")}
            assert tracked_files(room) <= in_wheel, room


def test_the_sdist_builds_the_same_wheel(wheel, tmp_path):
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        assert not [member.name for member in archive if member.issym() or member.islnk()]
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / sdist.name.removesuffix(".tar.gz"), "wheel", tmp_path / "again")
    assert again.read_bytes() == wheel.read_bytes()


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A fresh environment with the wheel; what it depends on is this one's."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    # The lines of this environment's own .pth files are not read: its editable photonzero stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


@pytest.fixture
def among_strays(tmp_path):
    """A folder of research code with the names of this project's rooms, none of which can be imported."""
    for room in (*ROOMS, "photonzero"):
        (tmp_path / room).mkdir()
    for room in ROOMS:
        (tmp_path / room / "__init__.py").write_text(f"raise ImportError('the stray {room}')\n")
        (tmp_path / f"{room}.py").write_text(f"raise ImportError('the stray {room}.py')\n")
    return tmp_path


def run(arguments, folder):
    # Neither the checkout nor the threads that this suite is held to.
    taken = ("PYTHONPATH", *(key for key in os.environ if key.endswith("_NUM_THREADS")))
    environment = {key: value for key, value in os.environ.items() if key not in taken}
    done = subprocess.run(
        [str(a) for a in arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def test_no_stray_folder_hides_a_room(installed, among_strays):
    version = run([installed / "photonzero", "--version"], among_strays)
    assert version[0] == 0
    assert "version" in version[1]
    helped = run([installed / "python", "-m", "photonzero", "--help"], among_strays)
    assert helped[0] == 0, helped[2]
    assert "photonzero train hjb20" in helped[1]
    where = "import photonzero, photonzero.training.trainer as t; print(photonzero.__file__, t.__file__)"
    code, out, err = run([installed / "python", "-c", where], among_strays)
    assert code == 0, err
    assert all(path.startswith(str(installed.parent)) for path in out.split())


def test_python_trains_with_the_bits_of_the_command(installed, among_strays):
    code = (
        f"import photonzero as pz; run = pz.train('heat', max_inferences={BUDGET}); print(run.test_error); "
        "run.save('from-python')"
    )
    status, out, err = run([installed / "python", "-c", code], among_strays)
    assert status == 0, err
    assert 0 < float(out) < 1e-2
    command = [installed / "photonzero", "train", "heat", "--max-inferences", BUDGET, "--out", "by-command"]
    status, _, err = run([*command, "--quiet"], among_strays)
    assert status == 0, err
    histories = [
        [line.rpartition(",")[0] for line in (among_strays / name / "history.csv").read_text().splitlines()]
        for name in ("from-python", "by-command")
    ]
    assert len(histories[0]) > 3
    # All columns but the time.
    assert histories[0] == histories[1]
    results = [
        json.loads((among_strays / name / "result.json").read_text())
        for name in ("from-python", "by-command")
    ]
    assert results[0]["rel_l2"] == results[1]["rel_l2"] == float(out)


def test_old_names_are_not_installed(installed, tmp_path):
    for room in ROOMS:
        code, _, err = run([installed / "python", "-c", f"import {room}"], tmp_path)
        assert code != 0
        assert f"No module named '{room}'" in err


def test_a_link_that_became_a_text_file_is_named_in_one_line(tmp_path):
    """A checkout on a system without symbolic links."""
    package = tmp_path / "photonzero"
    package.mkdir()
    for name in ("__init__.py", "__main__.py"):
        (package / name).write_text((ROOT / "photonzero" / name).read_text())
    for room in ROOMS:
        (package / room).write_text(f"../{room}")
    code, _, err = run([sys.executable, "-m", "photonzero", "--help"], tmp_path)
    assert code == 2
    assert err.count("\n") == 1
    assert f"photonzero: error: {package / 'devices'}: not a folder; allowed: a link to ../devices" in err
    code, _, err = run([sys.executable, "-c", "import photonzero as pz; pz.mesh('rectangular', 4)"], tmp_path)
    assert code == 1
    assert err.splitlines()[-1].startswith(f"ImportError: {package / 'devices'}: not a folder")
