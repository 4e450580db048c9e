"""Write digits_mesh.npz: trained phases of a 16-mode mesh between two linear layers, for `photonzero sweep`.

A stand-in for phases of your own chip or simulator; docs/how-to/studies.md states the format.

    pip install 'photonzero[digits]'
    python examples/make_mesh_phases.py

The 16 leading principal components of the 8 x 8 digits, on top of a constant field, enter the mesh; powers
are detected; a ridge regression reads them out. The phases are trained by random steps, kept if they help.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from photonzero.photonics.mesh import MeshPhases, build, haar_phases, rectangular
from photonzero.photonics.mesh.phase_file import MeshNetwork, save_phases

MODES, TRAIN, CHECK = 16, 1000, 1300
STEPS = 3000


def readout(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (10, N) and biases (10,) by ridge regression."""
    design = np.column_stack([features, np.ones(len(features))])
    normal = design.T @ design + 1e-3 * len(features) * np.eye(design.shape[1])
    solution = np.linalg.solve(normal, design.T @ np.eye(10)[labels])
    return solution[:-1].T, solution[-1]


def main() -> None:
    """Train and write."""
    digits = load_digits()
    pixels, labels = digits.data / 16.0, digits.target
    mean = pixels[:TRAIN].mean(axis=0)
    components = np.linalg.svd(pixels[:TRAIN] - mean, full_matrices=False)[2][:MODES]
    mesh, rng = rectangular(MODES), np.random.default_rng(0)
    network = MeshNetwork(mesh, haar_phases(mesh, rng), components, 1.0 - components @ mean)

    def trained(phases: MeshPhases) -> tuple[float, MeshNetwork]:
        """Mean squared error on samples beside the training ones, and the network with its readout."""
        matrix = build(mesh, *phases)
        optics = replace(network, phases=phases)
        weight, bias = readout(optics.outputs(matrix, pixels[:TRAIN]), labels[:TRAIN])
        fitted = replace(optics, after_weight=weight, after_bias=bias)
        answers = fitted.outputs(matrix, pixels[TRAIN:CHECK])
        return float(((answers - np.eye(10)[labels[TRAIN:CHECK]]) ** 2).mean()), fitted

    loss, best = trained(network.phases)
    for step in range(STEPS):
        size = 0.3 * 0.1 ** (step / STEPS)
        moved = MeshPhases(*(p + size * rng.standard_normal(p.size) for p in best.phases))
        new_loss, new = trained(moved)
        if new_loss < loss:
            loss, best = new_loss, new
    best = replace(best, test_inputs=pixels[CHECK:], test_labels=labels[CHECK:])
    print(f"test accuracy {best.test_accuracy(best.matrix()):.3f}")
    save_phases(Path(__file__).with_name("digits_mesh.npz"), best)


if __name__ == "__main__":
    main()
