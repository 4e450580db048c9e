"""Tensor trains of matrices: from a matrix by successive SVDs, back to it, and grown in rank.

A matrix with M = prod m_k rows and N = prod n_k columns is ``A[i_1 .. i_d, j_1 .. j_d] = prod_k
core_k[:, i_k, j_k, :]``, the first index slowest, core k of shape (r_{k-1}, m_k, n_k, r_k)
[oseledets2011]: what `photonzero.photonics.design.TTLayer` multiplies with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from photonzero.devices.noise_model import NoiseModel
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.design import NetworkDesign, TTLayer
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.networks.load import digital_twin, load_network, unfolded_cores

FloatArray = npt.NDArray[np.float64]


def tt_svd(
    matrix: FloatArray,
    out_modes: Sequence[int],
    in_modes: Sequence[int],
    *,
    max_rank: int | None = None,
    tolerance: float = 0.0,
) -> list[FloatArray]:
    """Cores of a tensor train close to a matrix, by SVDs of one unfolding after the other [oseledets2011].

    Its squared error is at most the sum over the d - 1 unfoldings of what the best matrix of that rank
    misses, so at most sqrt(d - 1) times the error of the best tensor train of these ranks.

    Args:
        matrix: (prod m_k, prod n_k).
        out_modes: (m_1 .. m_d).
        in_modes: (n_1 .. n_d).
        max_rank: largest rank; None for as many as `tolerance` asks for.
        tolerance: error allowed, relative to the Frobenius norm; 0 drops nothing but rounding.

    Returns:
        Cores (r_{k-1}, m_k, n_k, r_k).

    Raises:
        PhotonicsError: modes that do not give the matrix its shape, a rank below 1, a negative tolerance.
    """
    d = len(out_modes)
    shape = (math.prod(out_modes), math.prod(in_modes))
    if d < 1 or len(in_modes) != d or matrix.shape != shape:
        raise PhotonicsError(
            f"TT-SVD: a matrix {matrix.shape} for modes {tuple(out_modes)} x {tuple(in_modes)}; "
            f"allowed: {shape}"
        )
    if max_rank is not None and max_rank < 1:
        raise PhotonicsError(f"TT-SVD: max_rank {max_rank}; allowed: >= 1")
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise PhotonicsError(f"TT-SVD: tolerance {tolerance}; allowed: >= 0")
    # Rows and columns of a core belong together: (m_1, n_1, m_2, n_2, ..).
    pairs = [axis for k in range(d) for axis in (k, d + k)]
    rest = matrix.reshape(*out_modes, *in_modes).transpose(pairs).reshape(1, -1)
    norm = float(np.linalg.norm(matrix))
    allowed = tolerance * norm / math.sqrt(max(d - 1, 1))
    rounding = np.finfo(np.float64).eps * norm * max(shape)
    cores, rank = [], 1
    for m, n in zip(out_modes[:-1], in_modes[:-1], strict=True):
        left, s, right = np.linalg.svd(rest.reshape(rank * m * n, -1), full_matrices=False)
        # missed[r] is what keeping r singular values leaves out.
        missed = np.sqrt(np.cumsum(np.append(s, 0.0)[::-1] ** 2))[::-1]
        kept = max(1, int(np.argmax(missed <= max(allowed, rounding))))
        kept = min(kept, max_rank or kept)
        cores.append(left[:, :kept].reshape(rank, m, n, kept))
        rest, rank = s[:kept, None] * right[:kept], kept
    cores.append(rest.reshape(rank, out_modes[-1], in_modes[-1], 1))
    return cores


def tt_matrix(cores: Sequence[FloatArray]) -> FloatArray:
    """The matrix (prod m_k, prod n_k) of cores (r_{k-1}, m_k, n_k, r_k)."""
    product = np.ones((1, 1, 1))
    for core in cores:
        # (M, N, r) and (r, m, n, r') to (M m, N n, r').
        grown = np.einsum("MNr,rmns->MmNns", product, core)
        rows, m, columns, n, rank = grown.shape
        product = grown.reshape(rows * m, columns * n, rank)
    return product[:, :, 0]


def grown_cores(cores: Sequence[FloatArray], max_rank: int, rng: np.random.Generator) -> list[FloatArray]:
    """Cores of larger ranks with the same product.

    Between neighbours the new part of the left core is random, of the size of its own entries, and that of
    the right one zero: the product does not change, but its derivative by the zeros does not vanish, as it
    would if both were zero.

    Args:
        cores: (r_{k-1}, m_k, n_k, r_k).
        max_rank: every inner rank grows to it, or as far as an exact tensor train could need.
        rng: of the new entries.
    """
    sizes = [core.shape[1] * core.shape[2] for core in cores]
    ranks = [1]
    for k in range(1, len(cores)):
        useful = min(math.prod(sizes[:k]), math.prod(sizes[k:]))
        ranks.append(max(cores[k].shape[0], min(max_rank, useful)))
    ranks.append(1)
    grown = []
    for k, core in enumerate(cores):
        r, m, n, s = core.shape
        new = np.zeros((ranks[k], m, n, ranks[k + 1]))
        new[:r, :, :, :s] = core
        size = float(np.sqrt((core**2).mean()))
        new[:r, :, :, s:] = size * rng.standard_normal((r, m, n, ranks[k + 1] - s))
        grown.append(new)
    return grown


def folded(layer: TTLayer, unfolded: Sequence[FloatArray]) -> list[FloatArray]:
    """Cores (r_{k-1}, m_k, n_k, r_k) of the matrices (r_{k-1} m_k, n_k r_k) that optics realise."""
    r = layer.ranks
    return [
        core.reshape(r[k], layer.out_modes[k], layer.in_modes[k], r[k + 1]) for k, core in enumerate(unfolded)
    ]


def grow_network(
    design: NetworkDesign, controls: FloatArray, max_rank: int, rng: np.random.Generator
) -> tuple[NetworkDesign, FloatArray]:
    """A network of larger ranks that computes the same function, and its controls.

    In the phase domain this holds for chips without imperfections: a larger network is another chip, whose
    fabrication errors have nothing to do with the first one's.

    Args:
        design: all of its layers in the same domain.
        controls: (n_controls,).
        max_rank: see `grown_cores`.
        rng: of the new entries.

    Returns:
        The larger design, in the domain of the old one, and its controls.

    Raises:
        PhotonicsError: layers of different domains.
    """
    domains = {layer.domain for layer in design.layers}
    if len(domains) > 1:
        raise PhotonicsError(f"design {design.name}: domains {', '.join(sorted(domains))}; allowed: one")
    layers, matrices = [], []
    for layer, unfolded in zip(design.layers, unfolded_cores(design, controls), strict=True):
        cores = grown_cores(folded(layer, unfolded), max_rank, rng)
        ranks = (*(core.shape[0] for core in cores), 1)
        layers.append(replace(layer, ranks=ranks))
        matrices.append([core.reshape(len(core) * core.shape[1], -1) for core in cores])
    larger = replace(design, layers=tuple(layers))
    digital = digital_twin(larger)
    grown = _digital_controls(design, controls, digital, matrices)
    if domains == {"weight"}:
        return larger, grown
    return load_network(digital, grown, core_size=design.layers[0].core_size)


def _digital_controls(
    old: NetworkDesign, controls: FloatArray, new: NetworkDesign, matrices: list[list[FloatArray]]
) -> FloatArray:
    """Controls of a network of numbers with these unfolded cores, all else from another network."""
    before = fabricate(old, NoiseModel(), 0).control_groups
    chip = fabricate(new, NoiseModel(), 0)
    grown = np.zeros(chip.n_controls)
    for name, group in chip.control_groups.items():
        place, _, part = name.partition("/core")
        if part:
            core = matrices[int(place.removeprefix("layer")) - 1][int(part.partition("/")[0])]
            grown[group.slice] = core.ravel()
        else:
            grown[group.slice] = controls[before[name].slice]
    return grown
