"""A first idea of where every phase stands, from nothing: one setting a phase, and algebra.

Where nothing is programmed the phase of every cell is its bias. Cores come from the layer's matrix by
TT-SVD, in an arbitrary gauge of every bond; each further setting turns one phase by a quarter turn, and the
change of its core follows by least squares in the same gauge. Attenuators, whose singular vectors come with
them, are turned by a half as well. The gauge is then found from what a cell cannot reach (its rows must not
change), from known lengths (the vectors of a block are orthogonal, its singular values at most s_max) and
from the sense in which cells turn. With the gauge gone meshes are taken apart, see `peeling`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.peeling import Peeled, peel
from photonzero.photonics.calibration.wiring import CoreWiring
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CoreProbes:
    """What was seen of one core, in the gauge of its bonds.

    Attributes:
        base: (r, m, n, s) where they started from.
        turned: (n_own, r, m, n, s) change when one phase is turned by `turn_rad`.
        turned_twice: (n_own, r, m, n, s) change when it is turned by `twice_rad`; 0 but for attenuators.
        turn_rad: about a quarter turn [rad].
        twice_rad: about a half turn [rad].
        expected_rad: (blocks, phases) where phases stand, to within a quarter turn [rad].
    """

    base: FloatArray
    turned: FloatArray
    turned_twice: FloatArray
    turn_rad: float
    twice_rad: float
    expected_rad: FloatArray

    def with_rows(self, change: FloatArray) -> CoreProbes:
        """In another gauge of the bond before it: ``change`` (r, r) times every core."""
        return replace(
            self,
            base=np.tensordot(change, self.base, axes=1),
            turned=np.moveaxis(np.tensordot(change, self.turned, axes=([1], [1])), 0, 1),
            turned_twice=np.moveaxis(np.tensordot(change, self.turned_twice, axes=([1], [1])), 0, 1),
        )

    def with_columns(self, change: FloatArray) -> CoreProbes:
        """In another gauge of the bond behind it: every core times ``change`` (s, s)."""
        return replace(
            self,
            base=self.base @ change,
            turned=self.turned @ change,
            turned_twice=self.turned_twice @ change,
        )


@dataclass(frozen=True, eq=False)
class _Attenuators:
    """Of one block: amplitudes u_i v_i^T (size, rows, columns) times s_max, and phases (size,) [rad]."""

    amplitudes: FloatArray
    phase_rad: FloatArray


@lru_cache(maxsize=32)
def _reached(mesh: MeshTopology) -> BoolArray:
    """(n_mzi, N) outputs that light from each cell reaches."""
    reached = np.zeros((mesh.n_mzi, mesh.n_modes), bool)
    for k in range(mesh.n_mzi):
        reached[k, [mesh.row[k], mesh.partner[k]]] = True
        for a, b in zip(mesh.row[k + 1 :], mesh.partner[k + 1 :], strict=True):
            reached[k, [a, b]] = reached[k, a] or reached[k, b]
    return reached


def phases_from_probes(cores: Sequence[CoreWiring], probes: Sequence[CoreProbes]) -> list[FloatArray]:
    """Where all phases stand, core by core, each in the order of ``places`` (blocks, phases) [rad].

    Args:
        cores: of the layer.
        probes: of each core, the layer's gain taken out.

    Raises:
        PhotonicsError: a block or a bond that probes do not determine; names it.
    """
    found: list[FloatArray] = []
    change = np.eye(1)
    for k in range(len(cores) - 1, -1, -1):
        own = probes[k].with_columns(change)
        try:
            phase_rad, back = _one_core(cores[k], own, has_bond=k > 0)
        except PhotonicsError as error:
            raise PhotonicsError(f"core {k}: {error}") from error
        found.append(phase_rad)
        # (Q^-1) core_k went with core_(k-1) Q.
        change = back
    return found[::-1]


def _one_core(core: CoreWiring, probes: CoreProbes, *, has_bond: bool) -> tuple[FloatArray, FloatArray]:
    """Phases (blocks, phases) of a core whose columns have the right gauge; and what its rows' gauge was."""
    r = core.shape[0]
    rows = np.eye(r)
    if has_bond:
        rows = _row_directions(core, probes)
        probes = probes.with_rows(rows)
        lengths = _row_lengths(core, probes)
        rows = rows / lengths[:, None]
        probes = probes.with_rows(np.diag(1.0 / lengths))
    best, signs = None, np.ones(r)
    # The sign of the first row is no freedom where a block is complete, but costs nothing to try.
    for flips in itertools.product((1.0, -1.0), repeat=r if has_bond else 0):
        candidate = np.array(flips) if has_bond else np.ones(r)
        parts = [_block(core, block, probes.with_rows(np.diag(candidate))) for block in range(core.n_blocks)]
        score = sum(part.score for part in parts)
        if best is None or score > best[0]:
            best, signs = (score, np.stack([part.phase_rad for part in parts])), candidate
    assert best is not None
    back: FloatArray = np.linalg.inv(signs[:, None] * rows).astype(np.float64)
    return best[1], back


def _row_directions(core: CoreWiring, probes: CoreProbes) -> FloatArray:
    """Rows (r, r), each up to a factor, of what undoes the gauge of the bond before the core.

    In the right gauge a phase changes no row that its light does not reach: row q of the answer is orthogonal
    to what such phases change in the rows (q, i).
    """
    r, m = core.shape[:2]
    if r == 1:
        return np.eye(1)
    changes = probes.turned.reshape(len(probes.turned), r, m, -1)
    reached = np.ones((core.n_blocks, core.places.shape[1], core.grid[0] * core.size), bool)
    for block in range(core.n_blocks):
        rows, _ = core.visible(block)
        inside = np.zeros(reached.shape[2], bool)
        inside[rows.start : rows.start + core.size] = True
        reached[block] = inside
        reached[block, : core.mesh.n_mzi, rows.start : rows.start + core.size] = _reached(core.mesh)
    untouched = ~reached[:, :, : core.rows].reshape(len(changes), r, m)
    found = np.empty((r, r))
    for q in range(r):
        seen = [changes[untouched[:, q, i], :, i] for i in range(m)]
        gram = sum(np.einsum("pac,pbc->ab", own, own) for own in seen)
        values, vectors = np.linalg.eigh(gram)
        if values[1] < 1e-3 * values[-1]:
            raise PhotonicsError("the gauge of its bond cannot be told: its cells reach rows of every rank")
        found[q] = vectors[:, 0]
    return found


def _row_lengths(core: CoreWiring, probes: CoreProbes) -> FloatArray:
    """(r,) factors of the rows of every rank, from lengths that are known."""
    r, m = core.shape[:2]
    squares, weights = np.zeros(r), np.zeros(r)
    for block in range(core.n_blocks):
        rows, columns = core.visible(block)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        rank = np.arange(rows.start, rows.stop) // m
        seen = _attenuators(core, block, probes).amplitudes / core.s_max
        if width == core.size:
            # Rows of U have length 1, and so have those of V.
            length = (seen**2).sum(axis=(0, 2))
        elif height == core.size:
            length = _lengths_of_columns_cut(seen, rank)
        else:
            continue
        np.add.at(squares, rank, length)
        np.add.at(weights, rank, 1.0)
    if not weights.all():
        raise PhotonicsError("every block of one of its ranks is cut on both sides")
    return np.sqrt(squares / weights)


def _lengths_of_columns_cut(seen: FloatArray, rank: npt.NDArray[np.int64]) -> FloatArray:
    """(size,) squared factors of rows, from amplitudes (size, size, w) of a block with w columns.

    The left vectors are orthogonal to each other once the factors are gone; the columns of V have length 1.
    """
    ranks = np.unique(rank)
    left = np.stack([np.linalg.svd(own)[0][:, 0] * np.linalg.norm(own) for own in seen])
    factor = np.ones(len(rank))
    if len(ranks) > 1:
        upper = np.triu_indices(len(left), 1)
        products = (left[:, None] * left[None])[upper]
        design = np.stack([products[:, rank == own].sum(axis=1) for own in ranks], axis=1)
        inverse = np.linalg.svd(design)[2][-1]
        inverse = np.abs(inverse)
        factor = 1.0 / np.maximum(inverse[np.searchsorted(ranks, rank)], 1e-6)
    total = ((seen / np.sqrt(factor)[:, None]) ** 2).sum()
    return factor * total / seen.shape[2]


def _own(core: CoreWiring, block: int, cores: FloatArray) -> FloatArray:
    """What a block covers of cores (.., r, m, n, s)."""
    rows, columns = core.visible(block)
    return cores.reshape(*cores.shape[:-4], core.rows, core.columns)[..., rows, columns]


def _attenuators(core: CoreWiring, block: int, probes: CoreProbes) -> _Attenuators:
    """``K + P cos x + Q sin x`` of every attenuator, P = a cos(b) u v^T and Q = -a sin(b) u v^T."""
    n_mzi, size = core.mesh.n_mzi, core.size
    first = block * core.places.shape[1] + n_mzi
    once = _own(core, block, probes.turned[first : first + size])
    twice = _own(core, block, probes.turned_twice[first : first + size])
    turns = np.array([probes.turn_rad, probes.twice_rad])
    unmix = np.linalg.inv(np.stack([np.cos(turns) - 1.0, np.sin(turns)], axis=1))
    by_cos = unmix[0, 0] * once + unmix[0, 1] * twice
    by_sin = unmix[1, 0] * once + unmix[1, 1] * twice
    amplitudes, phase_rad = np.empty_like(by_cos), np.empty(size)
    expected = probes.expected_rad[block, n_mzi : n_mzi + size]
    for i in range(size):
        pair = np.stack([by_cos[i].ravel(), by_sin[i].ravel()])
        left, values, right = np.linalg.svd(pair, full_matrices=False)
        near = left[0, 0] * np.cos(expected[i]) - left[1, 0] * np.sin(expected[i])
        sign = 1.0 if near >= 0 else -1.0
        c, s = sign * left[:, 0]
        amplitudes[i] = sign * values[0] * right[0].reshape(by_cos[i].shape)
        phase_rad[i] = np.arctan2(-s, c)
    return _Attenuators(amplitudes, phase_rad)


@dataclass(frozen=True, eq=False)
class _Block:
    """Phases of a block, U, attenuators and V, and how well senses and signs agree, from -1 to 1."""

    phase_rad: FloatArray
    score: float


def _block(core: CoreWiring, block: int, probes: CoreProbes) -> _Block:
    n_mzi, size = core.mesh.n_mzi, core.size
    first = block * core.places.shape[1]
    changes = _own(core, block, probes.turned[first : first + core.places.shape[1]])
    base = _own(core, block, probes.base)
    of_u, of_v = changes[:n_mzi], changes[n_mzi + size :]
    attenuators = _attenuators(core, block, probes)
    pairs = list(zip(core.mesh.row.tolist(), core.mesh.partner.tolist(), strict=True))
    height, width = base.shape
    turn = probes.turn_rad
    level = core.s_max * np.cos(attenuators.phase_rad)
    seen = attenuators.amplitudes
    expected = probes.expected_rad[block]
    of_u_rad, of_v_rad = expected[:n_mzi], expected[n_mzi + size :]

    def turned_around(cells: FloatArray) -> FloatArray:
        """Transposed, light meets the cells in the opposite order."""
        return cells[::-1].swapaxes(-1, -2)

    if height == size:
        u = peel(pairs, base, of_u, seen, turn, of_u_rad)
        u_rad = u.angles_rad
        if width == size:
            v = peel(pairs[::-1], base.T, turned_around(of_v), seen.swapaxes(-1, -2), -turn, -of_v_rad[::-1])
            v_rad = -v.angles_rad[::-1]
        else:
            v = _from_inside(pairs, u.product, level, base, of_v, turn, of_v_rad)
            v_rad = v.angles_rad
        signs = np.einsum("ik,kij,jk->k", u.product, seen, _inner(v, width, size))
    elif width == size:
        v = peel(pairs[::-1], base.T, turned_around(of_v), seen.swapaxes(-1, -2), -turn, -of_v_rad[::-1])
        v_rad = -v.angles_rad[::-1]
        u = _from_inside(pairs[::-1], v.product, level, base.T, turned_around(of_u), -turn, -of_u_rad[::-1])
        u_rad = -u.angles_rad[::-1]
        signs = np.einsum("ik,kji,jk->k", v.product, seen, _inner(u, height, size))
    else:
        raise PhotonicsError(
            f"block {block}: {height} x {width} of {size} x {size} seen; allowed: cut on one side"
        )
    score = u.senses.sum() + v.senses.sum() + signs.sum()
    total = np.abs(u.senses).sum() + np.abs(v.senses).sum() + np.abs(signs).sum()
    return _Block(np.concatenate([u_rad, attenuators.phase_rad, v_rad]), float(score / total))


def _inner(peeled: Peeled, n_seen: int, size: int) -> FloatArray:
    """(n_seen, size) of a mesh: what light of each attenuator is at the modes of the block that are seen."""
    return peeled.product if n_seen == size else peeled.product.T[:n_seen]


def _from_inside(
    pairs: Sequence[tuple[int, int]],
    outer: FloatArray,
    level: FloatArray,
    base: FloatArray,
    changes: FloatArray,
    turn_rad: float,
    expected_rad: FloatArray,
) -> Peeled:
    """The inner mesh of a cut block, taken apart from the attenuators: ``S^-1 U^T`` times the block.

    Args:
        pairs: of its cells, in the order light meets them.
        outer: (size, size) the mesh on the other side of the attenuators.
        level: (size,) singular values.
        base: (size, w) of the block.
        changes: (n, size, w).
        turn_rad: of the cells [rad].
        expected_rad: (n,) their angles to within a quarter turn [rad].
    """
    back = outer.T / level[:, None]
    inside, moved = back @ base, back @ changes
    size, width = inside.shape
    entering = np.zeros((size, size, width))
    for x in range(width):
        entering[x, :, x] = inside[:, x]
    return peel(pairs, inside, moved, entering, turn_rad, expected_rad)
