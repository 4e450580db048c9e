"""Write fidelity_reference.npz: fidelity of noisy 64-mode meshes by Perceval, an independent simulator.

Run where Perceval is installed (1.3.1 made the committed file); the tests need only the file:

    pip install perceval-quandela==1.3.1
    python tests/golden/make_fidelity_reference.py

Nothing of this project is used. Targets are Haar-random matrices by SciPy, decomposed after Clements et al.
2016 by the few lines below; every phase shifter, those at the outputs included, gets an independent normal
error; Perceval multiplies the circuit out. It takes minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from perceval.components import BS, PS, Circuit
from scipy.stats import unitary_group

MODES = 64
CHIPS = 20
SIGMAS_RAD = np.geomspace(1e-3, 1.0, 21)


def cell(theta: float, phi: float) -> np.ndarray:
    """Phi on the upper mode, coupler, theta on the upper arm, coupler."""
    coupler = np.array([[1, 1j], [1j, 1]]) / np.sqrt(2)
    return coupler @ np.diag([np.exp(1j * theta), 1]) @ coupler @ np.diag([np.exp(1j * phi), 1])


def decompose(u: np.ndarray) -> tuple[list[tuple[int, float, float]], np.ndarray]:
    """Cells (mode, theta, phi) in the order light meets them, and the phases at the outputs."""
    u, n = u.copy(), u.shape[0]
    right, left = [], []
    for i in range(n - 1):
        for j in range(i + 1):
            if i % 2 == 0:
                m, row = i - j, n - 1 - j
                a, b = u[row, m], u[row, m + 1]
                theta, phi = 2 * np.arctan2(abs(b), abs(a)), -np.angle(-b * a.conj())
                u[:, m : m + 2] = u[:, m : m + 2] @ cell(theta, phi).conj().T
                right.append((m, theta, phi))
            else:
                m = n - 2 - i + j
                a, b = u[m, j], u[m + 1, j]
                theta, phi = 2 * np.arctan2(abs(a), abs(b)), np.angle(b * a.conj())
                u[m : m + 2] = cell(theta, phi) @ u[m : m + 2]
                left.append((m, theta, phi))
    d = np.diag(u).copy()
    moved = []
    for m, theta, phi in reversed(left):
        moved.append((m, theta, np.angle(d[m] / d[m + 1])))
        d[m], d[m + 1] = -np.exp(-1j * (theta + phi)) * d[m + 1], -np.exp(-1j * theta) * d[m + 1]
    return right + moved, np.angle(d)


def transfer(cells: list[tuple[int, float, float]], out: np.ndarray) -> np.ndarray:
    """What Perceval makes of the circuit."""
    circuit = Circuit(out.size)
    for mode, theta, phi in cells:
        circuit.add(mode, PS(phi)).add(mode, BS.Rx()).add(mode, PS(theta)).add(mode, BS.Rx())
    for mode, phase in enumerate(out):
        circuit.add(mode, PS(float(phase)))
    return np.array(circuit.compute_unitary())


def main() -> None:
    rng = np.random.default_rng(64)
    fidelity = np.empty((CHIPS, SIGMAS_RAD.size))
    for chip in range(CHIPS):
        wanted = unitary_group.rvs(MODES, random_state=rng)
        cells, out = decompose(wanted)
        if chip == 0:
            assert np.abs(transfer(cells, out) - wanted).max() < 1e-10
        for k, sigma in enumerate(SIGMAS_RAD):
            errors = sigma * rng.standard_normal((len(cells), 2))
            noisy = [(m, t + e, p + f) for (m, t, p), (e, f) in zip(cells, errors, strict=True)]
            realised = transfer(noisy, out + sigma * rng.standard_normal(MODES))
            overlap = np.abs(np.trace(wanted.conj().T @ realised)) ** 2
            fidelity[chip, k] = overlap / MODES**2
        print(chip, fidelity[chip], file=sys.stderr, flush=True)
    path = Path(__file__).with_name("fidelity_reference.npz")
    np.savez_compressed(path, sigma_phase_rad=SIGMAS_RAD, fidelity=fidelity)


if __name__ == "__main__":
    main()
