"""A first idea of where every phase stands, from nothing: one setting a phase, and algebra.

Where nothing is programmed the phase of every cell is its bias. Cores come from the layer's matrix by
TT-SVD, in an arbitrary gauge of every bond; each further setting turns one phase by a quarter turn, and the
change of its core follows by least squares in the same gauge. Attenuators, whose singular vectors come with
them, are turned by a half as well. The gauge is then found from what a cell cannot reach (its rows must not
change), from known lengths (the vectors of a block are orthogonal, its singular values at most s_max) and
from the sense in which cells turn. With the gauge gone meshes are taken apart, see `peeling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from photonzero.photonics.calibration.peeling import peel
from photonzero.photonics.calibration.signs import SignedMesh, SignSystem, parity, signed
from photonzero.photonics.calibration.wiring import CoreWiring
from photonzero.photonics.errors import PhotonicsError
from photonzero.photonics.mesh.topology import MeshTopology

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_CLEAR = 1e-4
"""Gap of a form, over all that changes, below which its least vector is not told from the next."""


class UndeterminedError(PhotonicsError):
    """Readings around one setting do not tell what is asked; another setting may."""


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


@lru_cache(maxsize=32)
def _reaching(mesh: MeshTopology) -> BoolArray:
    """(n_mzi, N) inputs whose light reaches each cell."""
    reaching = np.zeros((mesh.n_mzi, mesh.n_modes), bool)
    for k in range(mesh.n_mzi):
        reaching[k, [mesh.row[k], mesh.partner[k]]] = True
        for a, b in zip(mesh.row[:k][::-1], mesh.partner[:k][::-1], strict=True):
            reaching[k, [a, b]] = reaching[k, a] or reaching[k, b]
    return reaching


def phases_from_probes(
    cores: Sequence[CoreWiring], probes: Sequence[CoreProbes], *, believing: bool = True
) -> list[FloatArray]:
    """Where all phases stand, core by core, each in the order of ``places`` (blocks, phases) [rad].

    Args:
        cores: of the layer.
        probes: of each core, the layer's gain taken out.
        believing: phases are within a quarter turn of what is expected; otherwise anywhere on the circle.

    Raises:
        PhotonicsError: a block or a bond that probes do not determine; names it.
    """
    system = SignSystem()
    found: list[list[_Block]] = []
    change, behind = np.eye(1), [0]
    for k in range(len(cores) - 1, -1, -1):
        own = probes[k].with_columns(change)
        before = [system.new() for _ in range(cores[k].shape[0])] if k else [0]
        try:
            if k:
                rows = _row_gauge(cores[k], own, cores[k - 1], probes[k - 1])
                own = own.with_rows(rows)
                # Rows times core_k went with core_(k-1) times their inverse.
                change = np.linalg.inv(rows).astype(np.float64)
            found.append(
                [_block(cores[k], block, own, system, before, behind) for block in range(cores[k].n_blocks)]
            )
        except PhotonicsError as error:
            raise type(error)(f"core {k}: {error}") from error
        behind = before
    bits = system.solve(believing=believing)
    return [np.stack([block.phases(bits) for block in own]) for own in found[::-1]]


def _row_gauge(
    core: CoreWiring, probes: CoreProbes, core_before: CoreWiring, probes_before: CoreProbes
) -> FloatArray:
    """What undoes the gauge of the bond before a core, (r, r), up to the sign of each row.

    Args:
        core: behind the bond.
        probes: of it, its columns in the right gauge.
        core_before: before the bond.
        probes_before: of it, in the gauge of both its bonds.
    """
    r, m = core.shape[:2]
    changes = probes.turned.reshape(len(probes.turned), r, m, -1)
    untouched = ~_reached_rows(core).reshape(len(changes), r, m)
    if core.columns < core.size:
        found = _orthogonal_to([_grams(changes, untouched[:, q]) for q in range(r)])
        lengths = _row_lengths(core, probes.with_rows(found))
        return found / lengths[:, None]
    # Rows of U, and those of V, are orthonormal: amplitudes of all attenuators tell the metric.
    metric = np.zeros((r, r))
    for block in range(core.n_blocks):
        columns = core.visible(block)[1]
        if columns.stop - columns.start == core.size:
            whole = _attenuators(core, block, probes, everywhere=True).amplitudes
            parts = whole.reshape(len(whole), r, m, core.shape[2], core.shape[3])
            flat = parts.transpose(1, 0, 2, 3, 4).reshape(r, -1)
            metric += flat @ flat.T
    n_full = core.columns // core.size
    values, vectors = np.linalg.eigh(metric / (m * n_full * core.s_max**2))
    if values[0] <= 1e-9 * values[-1]:
        raise UndeterminedError("its rows at this setting are not independent")
    white = (vectors / np.sqrt(values)) @ vectors.T
    changes = np.moveaxis(np.tensordot(white, changes, axes=([1], [1])), 0, 1)
    # In what is orthogonal now, columns of the core before are told by the same vectors as rows of this one.
    before = probes_before.turned
    before = before.reshape(len(before), core_before.rows, core_before.shape[2], r)
    before = (before @ np.linalg.inv(white)).transpose(0, 3, 2, 1)
    unseen = ~_reached_columns(core_before).reshape(len(before), core_before.shape[2], r)
    grams = [_grams(changes, untouched[:, q]) + _grams(before, unseen[:, :, q]) for q in range(r)]
    return _orthogonal_to(grams, orthonormal=True) @ white


def _grams(changes: FloatArray, untouched: BoolArray) -> FloatArray:
    """Sum (r, r) over changes (p, r, i, ..) of what should not change, by (p, i); of size 1 at most."""
    whole = np.einsum("paic,pbic->ab", changes, changes)
    kept = changes * untouched[:, None, :, None]
    return np.einsum("paic,pbic->ab", kept, kept) / np.trace(whole)


def _orthogonal_to(grams: Sequence[FloatArray], *, orthonormal: bool = False) -> FloatArray:
    """Vectors (r, r) of length 1, each where its own of r forms is least, the clearest ones first.

    Raises:
        UndeterminedError: one of them can be turned and its form stays as small.
    """
    r = len(grams)
    found, left = np.zeros((r, r)), list(range(r))
    while left:
        best, clear, vector = -1, -1.0, np.zeros(r)
        for q in left:
            form = grams[q] + (found.T @ found if orthonormal else 0.0)
            values, vectors = np.linalg.eigh(form)
            gap = 1.0 if r == 1 else float(values[1] - values[0])
            if gap > clear:
                best, clear, vector = q, gap, vectors[:, 0]
        if clear < _CLEAR:
            raise UndeterminedError(
                "the gauge of its bond cannot be told: its cells reach rows of every rank"
            )
        found[best] = vector
        left.remove(best)
    return found


def _reached_rows(core: CoreWiring) -> BoolArray:
    """(n_own, rows) of the core that each of its phases changes in the right gauge."""
    reached = np.zeros((core.n_blocks, core.places.shape[1], core.grid[0] * core.size), bool)
    for block in range(core.n_blocks):
        start = core.visible(block)[0].start
        reached[block, :, start : start + core.size] = True
        reached[block, : core.mesh.n_mzi, start : start + core.size] = _reached(core.mesh)
    return reached.reshape(-1, reached.shape[2])[:, : core.rows]


def _reached_columns(core: CoreWiring) -> BoolArray:
    """(n_own, columns) of the core that each of its phases changes in the right gauge."""
    reached = np.zeros((core.n_blocks, core.places.shape[1], core.grid[1] * core.size), bool)
    for block in range(core.n_blocks):
        start = core.visible(block)[1].start
        reached[block, :, start : start + core.size] = True
        reached[block, -core.mesh.n_mzi :, start : start + core.size] = _reaching(core.mesh)
    return reached.reshape(-1, reached.shape[2])[:, : core.columns]


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


def _attenuators(
    core: CoreWiring, block: int, probes: CoreProbes, *, everywhere: bool = False
) -> _Attenuators:
    """Of one block: what they change in it, or in the whole core, as a wrong gauge spreads it."""
    n_mzi, size = core.mesh.n_mzi, core.size
    first = block * core.places.shape[1] + n_mzi
    once, twice = probes.turned[first : first + size], probes.turned_twice[first : first + size]
    if not everywhere:
        once, twice = _own(core, block, once), _own(core, block, twice)
    amplitudes, phase_rad = attenuators_from(once, twice, probes.turn_rad, probes.twice_rad)
    # Half a turn more is the other sign of the amplitude.
    far = np.cos(phase_rad - probes.expected_rad[block, n_mzi : n_mzi + size]) < 0
    sign = np.where(far, -1.0, 1.0).reshape(-1, *[1] * (amplitudes.ndim - 1))
    return _Attenuators(sign * amplitudes, phase_rad + np.pi * far)


def attenuators_from(
    once: FloatArray, twice: FloatArray, turn_rad: float, twice_rad: float
) -> tuple[FloatArray, FloatArray]:
    """Amplitudes and phases of attenuators from two turns of each.

    A core is ``K + P cos x + Q sin x`` of the turn x of an attenuator, ``P = a cos(b) u v^T`` and
    ``Q = -a sin(b) u v^T`` with the phase b where it stands.

    Args:
        once: (n, ..) changes of the core by a turn of each.
        twice: (n, ..) changes by another.
        turn_rad: the first [rad].
        twice_rad: the other [rad].

    Returns:
        (n, ..) ``a u v^T``, and (n,) phases b, half a turn more with the other sign [rad].
    """
    turns = np.array([turn_rad, twice_rad])
    unmix = np.linalg.inv(np.stack([np.cos(turns) - 1.0, np.sin(turns)], axis=1))
    n = len(once)
    changes = np.stack([once.reshape(n, -1), twice.reshape(n, -1)], axis=1)
    left, values, right = np.linalg.svd(unmix @ changes, full_matrices=False)
    amplitudes = (values[:, 0, None] * right[:, 0]).reshape(once.shape)
    return amplitudes, np.arctan2(-left[:, 1, 0], left[:, 0, 0])


@dataclass(frozen=True, eq=False)
class _Block:
    """Both meshes of a block, V^T with its cells in reverse where `reversed_v`, U^T where `reversed_u`."""

    u: SignedMesh
    v: SignedMesh
    reversed_u: bool
    reversed_v: bool
    attenuator_rad: FloatArray
    flipped: Sequence[int]

    def phases(self, bits: int) -> FloatArray:
        """Of U, attenuators and V, once all signs are known [rad]."""
        u_rad, v_rad = self.u.angles(bits), self.v.angles(bits)
        s_rad = self.attenuator_rad + np.array([np.pi * parity(own & bits) for own in self.flipped])
        # A transposed mesh has its cells in the opposite order, each turning the other way.
        u_rad = -u_rad[::-1] if self.reversed_u else u_rad
        v_rad = -v_rad[::-1] if self.reversed_v else v_rad
        return np.concatenate([u_rad, s_rad, v_rad])


def _block(
    core: CoreWiring,
    block: int,
    probes: CoreProbes,
    system: SignSystem,
    before: Sequence[int],
    behind: Sequence[int],
) -> _Block:
    """Take a block apart, and add what it says of signs.

    Args:
        core: of the block.
        block: its number.
        probes: of the core, right up to the signs of its bonds.
        system: of all signs.
        before: (r,) sums of the signs of the bond before the core.
        behind: (s,) sums of those of the bond behind it.
    """
    n_mzi, size = core.mesh.n_mzi, core.size
    first = block * core.places.shape[1]
    changes = _own(core, block, probes.turned[first : first + core.places.shape[1]])
    base = _own(core, block, probes.base)
    of_u, of_v = changes[:n_mzi], changes[n_mzi + size :]
    attenuators = _attenuators(core, block, probes)
    pairs = list(zip(core.mesh.row.tolist(), core.mesh.partner.tolist(), strict=True))
    rows, columns = core.visible(block)
    of_rows = [before[row // core.shape[1]] for row in range(rows.start, rows.stop)]
    of_columns = [behind[column % core.shape[3]] for column in range(columns.start, columns.stop)]
    expected = probes.expected_rad[block]
    outer = _Mesh(pairs, of_u, expected[:n_mzi])
    inner = _Mesh(pairs, of_v, expected[n_mzi + size :])
    seen = attenuators.amplitudes
    level = core.s_max * np.cos(attenuators.phase_rad)
    flipped = [system.new() for _ in range(size)]
    system.believed += [(own, 0) for own in flipped]
    if len(base) == size:
        u = peel(pairs, base, of_u, seen, probes.turn_rad)
        of_u_signs = signed(system, pairs, u, of_rows, outer.expected_rad)
        ends = [own ^ sign for own, sign in zip(of_u_signs.ends, flipped, strict=True)]
        if base.shape[1] < size:
            v_signs = _from_inside(system, inner, u.product, level, base, ends, of_columns, probes.turn_rad)
            return _Block(of_u_signs, v_signs, False, False, attenuators.phase_rad, flipped)
        back = inner.transposed
        v = peel(back.pairs, base.T, back.changes, seen.swapaxes(-1, -2), -probes.turn_rad)
        v_signs = signed(system, back.pairs, v, of_columns, back.expected_rad)
        left = np.einsum("ik,kij,jk->k", u.product, seen, v.product)
        for own, other, value in zip(ends, v_signs.ends, left, strict=True):
            system.seen.append((own ^ other, int(value < 0), abs(float(value))))
        return _Block(of_u_signs, v_signs, False, True, attenuators.phase_rad, flipped)
    if base.shape[1] < size:
        raise PhotonicsError(
            f"block {block}: {base.shape[0]} x {base.shape[1]} of {size} x {size} seen; "
            "allowed: cut on one side"
        )
    back, outer = inner.transposed, outer.transposed
    v = peel(back.pairs, base.T, back.changes, seen.swapaxes(-1, -2), -probes.turn_rad)
    v_signs = signed(system, back.pairs, v, of_columns, back.expected_rad)
    ends = [own ^ sign for own, sign in zip(v_signs.ends, flipped, strict=True)]
    u_signs = _from_inside(system, outer, v.product, level, base.T, ends, of_rows, -probes.turn_rad)
    return _Block(u_signs, v_signs, True, True, attenuators.phase_rad, flipped)


@dataclass(frozen=True, eq=False)
class _Mesh:
    """Cells in the order light meets them: modes, changes (n, rows, columns), expected angles [rad]."""

    pairs: Sequence[tuple[int, int]]
    changes: FloatArray
    expected_rad: FloatArray

    @property
    def transposed(self) -> _Mesh:
        """With light in the opposite direction."""
        return _Mesh(self.pairs[::-1], self.changes[::-1].swapaxes(-1, -2), -self.expected_rad[::-1])


def _from_inside(
    system: SignSystem,
    mesh: _Mesh,
    outer: FloatArray,
    level: FloatArray,
    base: FloatArray,
    starts: Sequence[int],
    ends: Sequence[int],
    turn_rad: float,
) -> SignedMesh:
    """The inner mesh of a cut block, taken apart from the attenuators: ``S^-1 U^T`` times the block.

    Args:
        system: of all signs.
        mesh: its cells.
        outer: (size, size) the mesh on the other side of the attenuators.
        level: (size,) singular values.
        base: (size, w) of the block.
        starts: (size,) sums of the signs of light that leaves the attenuators.
        ends: (w,) sums of those of the bond on its other side.
        turn_rad: of the cells [rad].
    """
    back = outer.T / level[:, None]
    inside, moved = back @ base, back @ mesh.changes
    size, width = inside.shape
    entering = np.zeros((size, size, width))
    for x in range(width):
        entering[x, :, x] = inside[:, x]
    peeled = peel(mesh.pairs, inside, moved, entering, turn_rad)
    found = signed(system, mesh.pairs, peeled, starts, mesh.expected_rad)
    left = np.einsum("ix,ix->x", peeled.product[:, :width], inside)
    for own, other, value in zip(found.ends, ends, left, strict=False):
        system.seen.append((own ^ other, int(value < 0), abs(float(value))))
    return found
