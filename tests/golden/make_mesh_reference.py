"""Write mesh_reference.npz: transfer matrices of imperfect meshes from SAX, an independent circuit simulator.

Run where SAX is installed (0.18.2 made the committed file); the tests need only the file:

    pip install sax==0.18.2
    python tests/golden/make_mesh_reference.py

Every coupler, phase shifter and lossy waveguide is an instance of its own in a flat netlist, of which SAX
works out the scattering matrix. The circuits are written down here once more, from the papers' figures.
"""

from __future__ import annotations

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import sax

jax.config.update("jax_enable_x64", True)

MESHES = [
    *((name, n) for name in ("rectangular", "triangular", "symmetric") for n in (4, 5, 8, 16)),
    *(("butterfly", n) for n in (4, 8, 16)),
]
PER_MZI = ("theta_rad", "phi_rad", "coupler_in_rad", "coupler_out_rad", "cell_db", "theta_db", "phi_db")
PER_MODE = ("out_rad", "out_db")
PER_EDGE = ("edge_rad", "edge_db")
PHASES = ("theta_rad", "phi_rad", "out_rad", "edge_rad")


def coupler(error_rad=0.0):
    bar, cross = jnp.cos(jnp.pi / 4 + error_rad), 1j * jnp.sin(jnp.pi / 4 + error_rad)
    pairs = {("in0", "out0"): bar, ("in1", "out1"): bar, ("in0", "out1"): cross, ("in1", "out0"): cross}
    return sax.reciprocal(pairs)


def guide(phase_rad=0.0, loss_db=0.0):
    return sax.reciprocal({("in0", "out0"): 10 ** (-loss_db / 20) * jnp.exp(1j * phase_rad)})


def layers(name: str, n: int) -> list[list[tuple[int, int]]]:
    """Pairs of modes that meet, a list a layer, upper modes in increasing order."""
    if name == "butterfly":
        return [[(a, a + 2**k) for a in range(n) if (a // 2**k) % 2 == 0] for k in range(round(math.log2(n)))]
    if name == "triangular":
        # Layer k holds the MZIs of modes m, m + 1 with m <= k, m <= 2n - 4 - k and m + k even.
        return [
            [(m, m + 1) for m in range(n - 1) if m <= k and m <= 2 * n - 4 - k and (m + k) % 2 == 0]
            for k in range(2 * n - 3)
        ]
    return [[(m, m + 1) for m in range(n - 1) if (m + k) % 2 == 0] for k in range(n)]


def edges(name: str, n: int) -> list[tuple[int, int]]:
    """(layer it stands before, mode) of the phase shifters outside the MZIs."""
    if name != "symmetric":
        return []
    inputs = [(0, m) for m in range(0, n - 1, 2)]
    # The last mode passes by every layer whose MZIs do not reach it.
    return inputs + [(k + 1, n - 1) for k in range(n - 1) if (n - 2 + k) % 2]


class Netlist:
    """Parts in a row on each of n waveguides."""

    def __init__(self, n: int) -> None:
        self.instances: dict[str, dict] = {}
        self.connections: dict[str, str] = {}
        self.inputs: dict[str, str] = {}
        self.ends = [""] * n

    def add(self, modes: tuple[int, ...], component: str, **settings: float) -> None:
        name = f"part{len(self.instances)}"
        self.instances[name] = {"component": component, "settings": settings}
        for k, mode in enumerate(modes):
            if self.ends[mode]:
                self.connections[self.ends[mode]] = f"{name},in{k}"
            else:
                self.inputs[f"in{mode}"] = f"{name},in{k}"
            self.ends[mode] = f"{name},out{k}"

    def transfer(self) -> np.ndarray:
        n = len(self.ends)
        ports = self.inputs | {f"out{m}": end for m, end in enumerate(self.ends)}
        netlist = {"instances": self.instances, "connections": self.connections, "ports": ports}
        circuit, _ = sax.circuit(netlist=netlist, models={"coupler": coupler, "guide": guide})
        s = sax.sdict(circuit())
        return np.array([[complex(s[f"in{j}", f"out{i}"]) for j in range(n)] for i in range(n)])


def mesh(name: str, n: int, p: dict[str, np.ndarray]) -> np.ndarray:
    chip, shifters, cell = Netlist(n), edges(name, n), 0
    for k, pairs in enumerate([*layers(name, n), []]):
        for e, (layer, mode) in enumerate(shifters):
            if layer == k:
                chip.add((mode,), "guide", phase_rad=p["edge_rad"][e], loss_db=p["edge_db"][e])
        for upper, lower in pairs:
            theta = {"phase_rad": p["theta_rad"][cell], "loss_db": p["theta_db"][cell]}
            phi = {"phase_rad": p["phi_rad"][cell], "loss_db": p["phi_db"][cell]}
            if name != "symmetric":
                chip.add((upper,), "guide", **phi)
            chip.add((upper, lower), "coupler", error_rad=p["coupler_in_rad"][cell])
            chip.add((upper,), "guide", **theta)
            if name == "symmetric":
                chip.add((lower,), "guide", **phi)
            chip.add((upper, lower), "coupler", error_rad=p["coupler_out_rad"][cell])
            for mode in (upper, lower):
                chip.add((mode,), "guide", loss_db=p["cell_db"][cell])
            cell += 1
    for mode in range(n):
        chip.add((mode,), "guide", phase_rad=p["out_rad"][mode], loss_db=p["out_db"][mode])
    return chip.transfer()


def main() -> None:
    rng = np.random.default_rng(20)
    arrays = {}
    for name, n in MESHES:
        n_mzi = sum(len(pairs) for pairs in layers(name, n))
        sizes = dict.fromkeys(PER_MZI, n_mzi) | dict.fromkeys(PER_MODE, n)
        sizes |= dict.fromkeys(PER_EDGE, len(edges(name, n)))
        parts = {}
        for key, size in sizes.items():
            if key.startswith("coupler"):
                parts[key] = 0.1 * rng.standard_normal(size)
            elif key.endswith("_db"):
                parts[key] = rng.uniform(0.0, 0.5, size)
            else:
                parts[key] = rng.uniform(-np.pi, np.pi, size)
        ideal = {key: value if key in PHASES else 0 * value for key, value in parts.items()}
        arrays |= {f"{name}_{n}_{key}": value for key, value in parts.items()}
        arrays[f"{name}_{n}_ideal"] = mesh(name, n, ideal)
        arrays[f"{name}_{n}_imperfect"] = mesh(name, n, parts)
        print(name, n, flush=True)
    np.savez_compressed(Path(__file__).with_name("mesh_reference.npz"), **arrays)


if __name__ == "__main__":
    main()
