"""Write sparse_grid_reference.npz: nodes and weights from chaospy, an independent package.

Run where chaospy is installed (4.3.21 made the committed file); the tests need only the file:

    pip install chaospy==4.3.21
    python tests/golden/make_sparse_grid_reference.py

Sparse grids of Gauss-Hermite rules, and the one-dimensional nested rules of Genz and Keister, all
for the standard normal weight.
"""

from __future__ import annotations

from pathlib import Path

import chaospy
import numpy as np

GRIDS = ((1, 4), (2, 3), (2, 6), (3, 4), (5, 3), (21, 3))
NESTED = {7: ("genz_keister_16", 2), 17: ("genz_keister_16", 4)} | {
    n: ("genz_keister_24", order) for order, n in enumerate((1, 3, 9, 19))
}


def merged(nodes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Add the weights of nodes that differ by rounding, which chaospy keeps apart."""
    rounded, first, index = np.unique(nodes.T.round(9) + 0.0, axis=0, return_index=True, return_inverse=True)
    total = np.zeros(rounded.shape[0])
    np.add.at(total, index.ravel(), weights)
    kept = np.abs(total) > 1e-12
    return nodes.T[first][kept], total[kept]


def main() -> None:
    arrays = {}
    for dim, level in GRIDS:
        normal = chaospy.Iid(chaospy.Normal(0, 1), dim)
        raw = chaospy.generate_quadrature(level - 1, normal, rule="gaussian", sparse=True)
        arrays[f"nodes_d{dim}_l{level}"], arrays[f"weights_d{dim}_l{level}"] = merged(*raw)
    for n_nodes, (rule, order) in NESTED.items():
        nodes, weights = chaospy.generate_quadrature(order, chaospy.Normal(0, 1), rule=rule)
        arrays[f"nested_nodes_{n_nodes}"] = nodes[0]
        arrays[f"nested_weights_{n_nodes}"] = weights
    path = Path(__file__).with_name("sparse_grid_reference.npz")
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
