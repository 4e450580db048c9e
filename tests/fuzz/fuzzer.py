"""Wrong inputs by the thousand, from a seed: each must end well, or as one line of a typed error.

    python -m tests.fuzz.fuzzer COUNT SEED FOLDER

prints a line for each input that ended otherwise, and last how many of which kind were tried. The process
limits its own memory, so that a count of 2^31 is "out of memory" and not the end of the machine.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import resource
import shutil
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path

import numpy as np
import tomli_w

from photonzero.devices.errors import DeviceError
from photonzero.experiments import cli
from photonzero.experiments.config.run_config import default_table, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.run import runs
from photonzero.experiments.run.teacher import teacher_from
from photonzero.experiments.tasks.datasets.idx import read_mnist
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh import MeshPhases, from_layers
from photonzero.photonics.mesh.phase_file import MeshNetwork, load_phases, save_phases
from photonzero.training.errors import TrainingError

SECONDS = 45
TYPED = (DeviceError, PhotonicsError, TrainingError, UsageError, OSError, MemoryError)

NUMBERS = (
    "0", "-1", "1", "2", "3", "0.5", "-0.0", "1e-300", "1e300", "1e-30", "1e30", "1e9", "nan", "inf", "-inf",
    "2147483648", "9223372036854775807", "9223372036854775808", "9" * 400, "1" * 4301, "4294967295", "1_000",
)  # fmt: skip
WORDS = (
    '""', '"x"', "true", "false", "[]", "[1]", "[[[]]]", "[" * 3000, "{}", "{a=1}",
    '"\\u0000"', '"\\u0000.py"', '"../x"', '"/dev/null"', "1979-05-27", "[1, 'a']", "'auto'", "none", "=",
    "a.b=c", '"é∂"', "{from=1,to=2,count=3}",
    '"' + "x" * 5000 + '"', "[nan]", "central", "spsa", "published", "no.py:X", "no.toml",
)  # fmt: skip
PROBLEMS = ("hjb2", "black-scholes", "heat", "burgers")
OPTIMIZERS = ("gauss-newton", "recursive-gauss-newton", "spsa", "rge-adam", "coordinate", "cma-es", "flops")
RULES = ("central", "central4", "sparse-grid", "hutchinson", "stein-mc", "sampled-dims")


class TooLong(BaseException):
    """An input took longer than any may."""


class Fuzzer:
    """Makes inputs from one generator and looks at how each ends."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = np.random.default_rng(seed)
        self.folder = folder
        self.failures: list[str] = []
        self.tried: Counter[str] = Counter()
        self.endings: Counter[str] = Counter()
        # Figures take most of a run, and inputs have little to do with them.
        runs._draw = lambda *_: None
        self._make_samples()

    def _make_samples(self) -> None:
        """Files as they should be."""
        base = self.folder / "whole"
        base.mkdir(parents=True)
        with contextlib.redirect_stdout(io.StringIO()):
            self._command(["train", *self._small("hjb2"), "--steps", "1", "--out", str(base / "run")])
            study = ["--set", "n_modes=4", "--set", "chips=2", "--set", "sigma_phase_rad=[0.1]", "--quiet"]
            self._command(["sweep", "phase-error", *study, "--out", str(base / "study")])
        assert (base / "run" / "result.json").exists()
        assert (base / "study" / "result.json").exists()
        mesh = from_layers("own", 4, [[(0, 1), (2, 3)], [(1, 2)]], edges=[(1, 0)])
        phases = MeshPhases.uniform(mesh, np.random.default_rng(0))
        save_phases(base / "phases.npz", MeshNetwork(mesh, phases))
        np.save(base / "matrix.npy", np.arange(6.0).reshape(2, 3))
        images = np.zeros((40, 28, 28), np.uint8)
        (base / "idx").mkdir()
        header = b"".join(n.to_bytes(4, "big") for n in (0x803, 40, 28, 28))
        (base / "idx" / "t10k-images-idx3-ubyte").write_bytes(header + images.tobytes())
        labels = (0x801).to_bytes(4, "big") + (40).to_bytes(4, "big") + bytes(k % 10 for k in range(40))
        (base / "idx" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels, mtime=0))
        self.base = base

    def _small(self, problem: str) -> list[str]:
        numbers = ("batch_size=6", "points.n_test=20", "points.n_validation=20")
        return [problem, "--quiet", *(part for number in numbers for part in ("--set", number))]

    def choice(self, options):
        """One of several, drawn."""
        return options[int(self.rng.integers(len(options)))]

    def value(self) -> str:
        """Text of a value that may be wrong."""
        return self.choice(NUMBERS if self.rng.random() < 0.6 else WORDS)

    def damaged(self, content: bytes) -> bytes:
        """Bytes with bits flipped, cut, repeated or put in."""
        data = bytearray(content)
        for _ in range(int(self.rng.integers(1, 4))):
            place = int(self.rng.integers(len(data) + 1))
            kind = int(self.rng.integers(6))
            if kind == 0 and data:
                data[min(place, len(data) - 1)] ^= 1 << int(self.rng.integers(8))
            elif kind == 1:
                data[place:place] = self.value().encode()
            elif kind == 2:
                del data[place : place + int(self.rng.integers(1, 30))]
            elif kind == 3:
                data[place:place] = data[place : place + int(self.rng.integers(1, 60))]
            elif kind == 4:
                del data[place:]
            else:
                data[place:place] = self.rng.bytes(int(self.rng.integers(1, 9)))
        return bytes(data)

    def changed_value(self, text: str) -> str:
        """A text of lines ``key = value`` with one value changed."""
        lines = text.splitlines()
        places = [k for k, line in enumerate(lines) if " = " in line]
        place = self.choice(places)
        key = lines[place].partition(" = ")[0]
        value = self.choice(NUMBERS if self.rng.random() < 0.7 else WORDS)
        lines[place] = f"{key} = {value}"
        return "\n".join(lines)

    # Each kind of input gives back what to show of it, and what runs it.

    def options(self):
        """Command lines with options in place and values that may not be."""
        names = (
            "hjb2",
            "heat",
            "nope",
            "HJB2",
            "",
            "\udcff",
            "x.py",
            "x.py:Y",
            "rectangular",
            "phase-error",
            "all",
        )
        commands = {
            "train": ("--noise", "--optimizer", "--derivatives", "--max-inferences", "--target-error",
                      "--seed", "--threads", "--chip", "--config", "--resume", "--data", "--callback",
                      "--nonsense"),
            "sweep": ("--set", "--executor", "--workers", "--scheduler", "--quick"),
            "cost": ("--inferences",), "list": (), "show": (), "check": (), "report": ("--out",),
            "draw": ("--modes", "--picture", "--unitary", "--noise", "--coupler-std-rad", "--seed"),
            "map": ("--noise", "--chips", "--seed", "--max-inferences"),
        }  # fmt: skip
        command = self.choice(tuple(commands))
        arguments = [command]
        if self.rng.random() < 0.9:
            arguments.append(self.choice(names))
        for option in commands[command]:
            if self.rng.random() < 0.25:
                arguments += [option, self.value().strip('"')]
        if command in ("train", "sweep"):
            arguments += ["--out", str(self.folder / "out"), "--quiet"]
        if command == "train":
            arguments += ["--steps", "1", "--set", "batch_size=6", "--set", "points.n_test=20"]
        if command == "sweep":
            arguments += ["--set", "n_modes=4", "--set", "chips=1", "--set", "sigma_phase_rad=[0.1]"]
        if command == "draw":
            arguments += ["--out", str(self.folder / "out.png"), "--modes", "2"]
        return arguments, lambda: self._command(arguments)

    def settings(self):
        """Any key of a run's configuration with a value that may be wrong."""
        problem, optimizer, rule = (self.choice(names) for names in (PROBLEMS, OPTIMIZERS, RULES))
        keys = list(_flat(resolve(default_table(problem, optimizer, rule)).to_table()))
        keys += ["noise.adc.bits", "noise.adc.full_scale", "noise.input_dac.full_scale",
                 "noise.insertion_loss.cell_db", "noise.phase_jitter.std_rad", "noise.phase_drift.std_rad",
                 "noise.optical_readout.link_loss_db", "design.layers", "x", "a.b.c"]  # fmt: skip
        arguments = [
            "train",
            *self._small(problem),
            "--optimizer",
            optimizer,
            "--derivatives",
            rule,
            "--steps",
            "1",
        ]
        arguments += ["--max-inferences", "30000", "--out", str(self.folder / "out")]
        for _ in range(int(self.rng.integers(1, 3))):
            arguments += ["--set", f"{self.choice(keys)}={self.value()}"]
        return arguments, lambda: self._command(arguments)

    def axes(self):
        """Axes, repeats and options of studies."""
        key = self.choice(
            ("sigma_phase_rad", "n_modes", "topology", "chips", "seeds", "root_seed", "bits", "grid.x")
        )
        arguments = [
            "sweep",
            self.choice(("phase-error", "quantization", "component-error")),
            "--quiet",
            "--quick",
        ]
        arguments += ["--set", "n_modes=2", "--set", "chips=1", "--set", f"{key}={self.value()}"]
        arguments += ["--out", str(self.folder / "out")]
        # A value that is right would measure all of the study: what it says of wrong ones is asked for.
        return arguments, lambda: self._plan(arguments)

    def toml(self):
        """Configurations, chips and noises in files, with a value or some bytes changed."""
        kind = self.choice(("config", "chip", "noise", "study"))
        path = self.folder / f"{kind}.toml"
        text = {
            "config": lambda: (self.base / "run" / "config.toml").read_text(),
            "study": lambda: (self.base / "study" / "study.toml").read_text(),
            "chip": lambda: tomli_w.dumps(_CHIP),
            "noise": lambda: tomli_w.dumps(_NOISE),
        }[kind]()
        changed = (
            self.changed_value(text).encode() if self.rng.random() < 0.6 else self.damaged(text.encode())
        )
        path.write_bytes(changed)
        out = ["--out", str(self.folder / "out"), "--quiet"]
        small = [*self._small("hjb2"), "--steps", "1", "--max-inferences", "30000", *out[:2]]
        arguments = {
            "config": ["train", "--config", str(path), "--steps", "1", *out],
            "study": ["sweep", str(path), *out],
            "chip": ["train", *small, "--chip", str(path)],
            "noise": ["train", *small, "--noise", str(path)],
        }[kind]
        shown = [*arguments, changed[:4000]]
        return shown, lambda: self._plan(arguments) if kind == "study" else self._command(arguments)

    def phases(self):
        """Files of phases."""
        path = self.folder / "phases.npz"
        path.write_bytes(self.damaged((self.base / "phases.npz").read_bytes()))
        return [path.read_bytes()], lambda: load_phases(path).matrix()

    def matrices(self):
        """Matrices for `map`."""
        path = self.folder / "matrix.npy"
        path.write_bytes(self.damaged((self.base / "matrix.npy").read_bytes()))
        return [path.read_bytes()], lambda: teacher_from(path)

    def idx(self):
        """Images and labels."""
        folder = self.folder / "idx"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.base / "idx", folder)
        path = self.choice(sorted(folder.iterdir()))
        content = path.read_bytes()
        start = self.damaged(content[:16])
        path.write_bytes(start + content[16:] if self.rng.random() < 0.5 else self.damaged(content))
        return [path.name, path.read_bytes()[:60]], lambda: read_mnist(folder)

    def folders(self):
        """Files of runs and studies: checkpoint, history, result, table, journal."""
        kind = self.choice(("run", "study"))
        folder = self.folder / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.base / kind, folder)
        path = self.choice(
            [each for each in sorted(folder.iterdir()) if each.is_file() and each.name != ".lock"]
        )
        if path.suffix == ".json" and self.rng.random() < 0.6:
            result = json.loads(path.read_text())
            key = self.choice(list(result))
            if self.rng.random() < 0.4:
                del result[key]
            else:
                result[key] = self.choice((None, 0, "x", [], {}, [1], -1.5, "../../x", True))
            path.write_text(json.dumps(result))
        else:
            path.write_bytes(self.damaged(path.read_bytes()))
        arguments = ["report", str(folder)]
        if kind == "run" and self.rng.random() < 0.5:
            arguments = ["train", "--resume", str(folder), "--steps", "1", "--quiet"]
        if kind == "study" and self.rng.random() < 0.5:
            arguments = ["sweep", str(folder / "study.toml"), "--out", str(folder), "--quiet"]
        run = self._plan if arguments[0] == "sweep" and path.name == "study.toml" else self._command
        return [*arguments, path.name, path.read_bytes()[:3000]], lambda: run(arguments)

    def _command(self, arguments: list[str]) -> None:
        sys.argv = ["photonzero", *arguments]
        try:
            cli.main()
        except SystemExit as stopped:
            if stopped.code not in (0, None):
                raise

    def _plan(self, arguments: list[str]) -> None:
        """What `sweep` says of a study before it measures it."""
        from photonzero.experiments.files.toml import read_toml
        from photonzero.experiments.studies.registry import find_plan

        name = arguments[1]
        given = [arguments[k + 1] for k, each in enumerate(arguments) if each == "--set"]
        content = read_toml(Path(name)) if name.endswith(".toml") else {"study": name}
        find_plan(content, given, quick=not name.endswith(".toml"))

    def run(self, count: int) -> None:
        """Try so many inputs."""
        kinds = {
            self.options: 2, self.settings: 3, self.axes: 1, self.toml: 2, self.phases: 1, self.matrices: 1,
            self.idx: 1, self.folders: 2,
        }  # fmt: skip
        names, weights = list(kinds), np.array(list(kinds.values())) / sum(kinds.values())
        for _ in range(count):
            make = names[int(self.rng.choice(len(names), p=weights))]
            shutil.rmtree(self.folder / "out", ignore_errors=True)
            shown, run = make()
            self.tried[make.__name__] += 1
            ending = self._ending(run)
            self.endings[ending.partition(":")[0]] += 1
            if ending.startswith("FAULT"):
                self.failures.append(f"{make.__name__}: {shown!r}\n    {ending}")

    def _ending(self, run) -> str:
        out, err = io.StringIO(), io.StringIO()

        def late(*_):
            raise TooLong

        # The command takes SIGTERM for itself; the alarm is nobody's.
        signal.signal(signal.SIGALRM, late)
        signal.alarm(SECONDS)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                run()
        except SystemExit as stopped:
            said = err.getvalue()
            lines = [line for line in said.splitlines() if line.startswith("photonzero: error: ")]
            if stopped.code != 2 or len(lines) != 1 or "Traceback" in said:
                return f"FAULT: exit {stopped.code}: {said[-600:]}"
            return "refused"
        except TYPED:
            return "refused"
        except TooLong:
            return f"FAULT: longer than {SECONDS} s"
        except BaseException as error:  # noqa: BLE001 - whatever it is, is what is looked for
            return "FAULT: " + "".join(traceback.format_exception(error)[-4:])
        finally:
            signal.alarm(0)
        return "accepted"


_CHIP = {
    "n_out": 1,
    "readout": True,
    "layers": [
        {"out_modes": [2, 2], "in_modes": [1, 3], "ranks": [1, 2, 1], "activation": "tanh", "gain": 1.0,
         "full_scale": 1.0, "initial_bias_std": 1.0,
         "core": {"kind": "meshes", "size": 2, "topology": "rectangular"}}
    ],
}  # fmt: skip

_NOISE = {
    "phase_quantizer": {"bits": 8},
    "thermal_crosstalk": {"coupling": 0.005},
    "phase_shifter": {"v_pi_v": 5.0, "gamma_std_rad_per_v2": 0.002, "bias_max_rad": 3.0},
    "insertion_loss": {"cell_db": 0.2, "phase_shifter_db": 0.1},
    "phase_drift": {"std_rad": 0.01, "correlation_time_s": 10.0},
    "phase_jitter": {"std_rad": 0.001, "hold_inferences": 3},
    "readout_noise": {"std_of_full_scale": 0.01},
    "adc": {"bits": 8, "full_scale": 3.0},
}


def _flat(table, path=""):
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def main() -> None:
    """See the module."""
    count, seed, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
    fuzzer = Fuzzer(seed, folder)
    fuzzer.run(count)
    for failure in fuzzer.failures:
        print(failure)
    print(dict(fuzzer.tried), dict(fuzzer.endings), f"{len(fuzzer.failures)} faults")


if __name__ == "__main__":
    main()
