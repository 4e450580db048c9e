"""The network kernel against dense matrices made from the cores by einsum."""

import numpy as np
import pytest

from photonzero.photonics.chip.layout import lay_out
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.kernels import contraction
from photonzero.photonics.kernels.contraction import TILE_WIDTH, contract_stage, run_network

CODES = {"identity": 0, "sin": 1, "tanh": 2, "relu": 3, "gelu": 4}
NUMPY = {
    "identity": lambda x: x,
    "sin": np.sin,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
}


def dense_from_cores(layer, cores):
    """W[i, j] = sum over ranks of the product of the cores; the definition, core by core."""
    full = np.ones((1, 1, 1))
    for k, core in enumerate(cores):
        g = core.reshape(layer.ranks[k], layer.out_modes[k], layer.in_modes[k], layer.ranks[k + 1])
        full = np.einsum("oia,amnb->ominb", full, g)
        full = full.reshape(full.shape[0] * full.shape[1], -1, full.shape[4])
    return full[:, :, 0]


class Network:
    def __init__(self, layers, dtype, seed=0):
        rng = np.random.default_rng(seed)
        self.dtype = np.dtype(dtype)
        self.matrices, self.activations = [], []
        weights, biases = [], []
        design = NetworkDesign("network", "", tuple(layers), layers[-1].n_out, readout=False)
        layout = lay_out(design, 0.0)
        for layer in layers:
            cores = [rng.standard_normal(a * b) / np.sqrt(b) for a, b in layer.core_shapes]
            weights += cores
            biases.append(rng.standard_normal(layer.n_out))
            self.matrices.append(dense_from_cores(layer, cores))
            self.activations.append(layer.activation)
        self.biases_by_layer = biases
        self.table = layout.layer_table
        self.stages = layout.stage_table
        self.weights = np.concatenate(weights).astype(dtype)
        self.biases = np.concatenate(biases).astype(dtype)
        self.silent = np.zeros((len(layers), contraction.N_DETECT), dtype)

    def dense(self, x):
        for w, b, name in zip(self.matrices, self.biases_by_layer, self.activations, strict=True):
            x = NUMPY[name](x @ w.T + b)
        return x

    def points(self, x, table=None, biases=None):
        table = self.table if table is None else table
        out = np.empty((len(x), table[-1, contraction.LAYER_N_OUT]), self.dtype)
        run_network(
            table, self.stages, self.weights, self.biases if biases is None else biases,
            self.silent, np.uint64(0), 0, x.astype(self.dtype), np.zeros((1, 1), self.dtype), out,
        )  # fmt: skip
        return out

    def stencil(self, centers, offsets):
        linear = self.table[:1].copy()
        linear[0, contraction.LAYER_ACTIVATION] = contraction.IDENTITY
        nothing = np.zeros_like(self.biases)
        center_part = self.points(centers, linear, nothing)
        part = self.points(offsets, linear, nothing)
        cyclic = np.arange(len(offsets) + TILE_WIDTH[self.dtype]) % len(offsets)
        out = np.empty((len(centers) * len(offsets), self.table[-1, 3]), self.dtype)
        run_network(
            self.table, self.stages, self.weights, self.biases, self.silent, np.uint64(0),
            len(offsets), center_part, np.ascontiguousarray(part[cyclic].T), out,
        )  # fmt: skip
        return out


SHAPES = {
    "published": [TTLayer((8, 4, 4, 4), (1, 1, 3, 7), (1, 2, 2, 2, 1)),
                  TTLayer((8, 4, 4, 4), (4, 4, 4, 8), (1, 2, 2, 2, 1))],
    "dense": [TTLayer((5,), (3,), (1, 1), "tanh"), TTLayer((2,), (5,), (1, 1), "identity")],
    "odd rows": [TTLayer((3, 5), (2, 3), (1, 3, 1), "relu"),
                 TTLayer((7, 2), (3, 5), (1, 1, 1), "gelu")],
    "long columns": [TTLayer((4, 6), (3, 9), (1, 2, 1)), TTLayer((1,), (24,), (1, 1), "identity")],
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernel_equals_the_dense_network(name, dtype):
    network = Network(SHAPES[name], dtype)
    x = np.random.default_rng(1).standard_normal((150, SHAPES[name][0].n_in))
    # Each output sums a few thousand roundings of numbers of order one.
    tolerance = 3e-4 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(network.points(x), network.dense(x), rtol=0, atol=tolerance)


@pytest.mark.parametrize("n_offsets", [1, 2, 7, 31, 43, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stencil_equals_its_points(n_offsets, dtype):
    network = Network(SHAPES["odd rows"], dtype)
    rng = np.random.default_rng(2)
    centers, offsets = rng.standard_normal((9, 6)), rng.standard_normal((n_offsets, 6))
    points = (centers[:, None] + offsets).reshape(-1, 6)
    tolerance = 1e-4 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(
        network.stencil(centers, offsets), network.dense(points), rtol=0, atol=tolerance
    )


@pytest.mark.parametrize(("rows", "columns"), [(1, 3), (3, 9), (4, 8), (6, 13), (8, 16)])
def test_stage_compiled_uncompiled_and_einsum(rows, columns):
    rng = np.random.default_rng(3)
    w, src = rng.standard_normal((rows, columns)), rng.standard_normal((2, columns, 5))
    out = np.full(2 * rows * 5, np.nan)
    contract_stage(w.ravel(), src.ravel(), out, 2, rows, columns, 5)
    np.testing.assert_allclose(out.reshape(2, rows, 5), np.einsum("rq,lqs->lrs", w, src), atol=1e-14)
    slow = np.full_like(out, np.nan)
    contract_stage.py_func(w.ravel(), src.ravel(), slow, 2, rows, columns, 5)
    np.testing.assert_allclose(slow, out, atol=1e-14)
