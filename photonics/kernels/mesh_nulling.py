"""Compiled kernels of `photonzero.photonics.mesh.decompose`: null a unitary matrix with one MZI at a time.

They work with cells without their common phase, ``K = [[e^{i phi} s, c], [e^{i phi} c, -s]]`` with
s, c the sine and cosine of theta/2: a phase common to both outputs of an MZI can be moved forward
to the next ones, which `asymmetric_phases` and `symmetric_phases` do at the end.

The matrix is kept as its real and its imaginary part. Cells on the left mix two contiguous rows, which
the compiler vectorises. Cells on the right come in sweeps over neighbouring columns, from right to
left: a row takes a whole sweep at once, and the element that two cells share stays in a register. No
angle is needed before the end, only sines, cosines and unit phase factors.
"""

from __future__ import annotations

import numpy as np

from photonzero.photonics.kernels.jit import kernel

# Squares below this, or the product of two of them, may lose digits to underflow.
_TINY = 1e-140


@kernel(signed_zeros=True)
def sides(ur, ui, vr, vi):
    """The cell that a pair (u, v) asks for; never NaN.

    Args:
        ur: real part of u.
        ui: imaginary part of u.
        vr: real part of v.
        vi: imaginary part of v.

    Returns:
        Sine and cosine of the angle with tan = |u|/|v|, and the real and imaginary parts of
        e^{i(arg u - arg v)}; where u or v is zero that phase is free, and 0.
    """
    uu, vv = ur * ur + ui * ui, vr * vr + vi * vi
    if uu < _TINY or vv < _TINY:
        long_u, long_v = np.hypot(ur, ui), np.hypot(vr, vi)
        radius = np.hypot(long_u, long_v)
        if radius == 0.0:
            return 1.0, 0.0, 1.0, 0.0
        s, c = long_u / radius, long_v / radius
        if long_u == 0.0 or long_v == 0.0:
            return s, c, 1.0, 0.0
        ur, ui, vr, vi = ur / long_u, ui / long_u, vr / long_v, vi / long_v
        return s, c, ur * vr + ui * vi, ui * vr - ur * vi
    inverse = 1.0 / (uu + vv)
    wr, wi = ur * vr + ui * vi, ui * vr - ur * vi
    unit = 1.0 / np.sqrt(uu * vv)
    return np.sqrt(uu * inverse), np.sqrt(vv * inverse), wr * unit, wi * unit


@kernel(signed_zeros=True)
def sweep_row(re, im, top, cells, sine, cosine, turn_re, turn_im):
    """Let one row pass the first cells of a sweep: columns top and top + 1, then one to the left, ...

    Each multiplies by K^H from the right.

    Args:
        re: (N,) real parts of the row, changed in place.
        im: (N,) imaginary parts.
        top: left column of the first cell.
        cells: how many cells.
        sine: (>= cells,) of theta/2, in the order of the sweep.
        cosine: the same.
        turn_re: real parts of e^{-i phi}.
        turn_im: imaginary parts.
    """
    br, bi = re[top + 1], im[top + 1]
    for k in range(cells):
        j, m, right = np.uintp(k), np.uintp(top - k), np.uintp(top - k + 1)
        s, c, tr, ti = sine[j], cosine[j], turn_re[j], turn_im[j]
        xr, xi = re[m], im[m]
        ar, ai = xr * tr - xi * ti, xr * ti + xi * tr
        re[right], im[right] = c * ar - s * br, c * ai - s * bi
        br, bi = s * ar + c * br, s * ai + c * bi
    re[top + 1 - cells], im[top + 1 - cells] = br, bi


@kernel(signed_zeros=True)
def sweep_right(re, im, top, n_cells, bottom, sine, cosine, turn_re, turn_im):
    """Null elements (bottom - j, top - j), j = 0, 1, ..., by cells at the input side.

    Args:
        re: (N, N) real parts of the matrix, changed in place.
        im: (N, N) imaginary parts.
        top: left column of the first cell.
        n_cells: how many.
        bottom: row of the first element; rows below are zero in these columns.
        sine: (N,) written, of theta/2, in the order of the sweep.
        cosine: (N,) written.
        turn_re: (N,) written, real parts of e^{-i phi}.
        turn_im: (N,) written, imaginary parts.
    """
    for j in range(n_cells):
        r, m = bottom - j, top - j
        sweep_row(re[r], im[r], top, j, sine, cosine, turn_re, turn_im)
        # e^{-i phi} = -e^{i(arg b - arg a)} makes e^{-i phi} s a + c b vanish for (a, b) = row r.
        s, c, tr, ti = sides(re[r, m + 1], im[r, m + 1], re[r, m], im[r, m])
        sine[j], cosine[j], turn_re[j], turn_im[j] = s, c, -tr, -ti
        ar, ai = -(re[r, m] * tr - im[r, m] * ti), -(re[r, m] * ti + im[r, m] * tr)
        re[r, m + 1], im[r, m + 1] = c * ar - s * re[r, m + 1], c * ai - s * im[r, m + 1]
        re[r, m] = im[r, m] = 0.0
    for r in range(bottom - n_cells + 1):
        sweep_row(re[r], im[r], top, n_cells, sine, cosine, turn_re, turn_im)


@kernel(signed_zeros=True)
def mix_rows(ar, ai, br, bi, start, s, c, tr, ti):
    """Multiply by K from the left.

    Args:
        ar: (N,) real parts of the upper row, changed in place as the next three are.
        ai: (N,) imaginary parts of the upper row.
        br: (N,) real parts of the lower row.
        bi: (N,) imaginary parts of the lower row.
        start: columns further left are zero in both rows.
        s: sine of theta/2.
        c: cosine of theta/2.
        tr: real part of e^{i phi}.
        ti: imaginary part of e^{i phi}.
    """
    for column in range(start, ar.size):
        k = np.uintp(column)
        xr, xi, yr, yi = ar[k], ai[k], br[k], bi[k]
        zr, zi = xr * tr - xi * ti, xr * ti + xi * tr
        ar[k], ai[k] = s * zr + c * yr, s * zi + c * yi
        br[k], bi[k] = c * zr - s * yr, c * zi - s * yi


@kernel(signed_zeros=True)
def unit_diagonal(re, im, diagonal):
    """What is left after nulling: the diagonal, of modulus 1."""
    for m in range(diagonal.size):
        length = np.hypot(re[m, m], im[m, m])
        diagonal[m] = complex(re[m, m] / length, im[m, m] / length)


@kernel(signed_zeros=True)
def null_from_right(re, im, first, theta, phi, diagonal):
    """Triangular mesh: row after row from the bottom, all from the input side.

    Args:
        re: (N, N) real parts of a unitary matrix, destroyed.
        im: (N, N) imaginary parts.
        first: (n_layers,) index of the first MZI of each layer.
        theta: (n_mzi,) written.
        phi: (n_mzi,) written, for cells K.
        diagonal: (N,) written, what is left: U = diag(diagonal) K ... K.
    """
    n = diagonal.size
    sine, cosine, turn_re, turn_im = np.empty((4, n))
    for r in range(n - 1, 0, -1):
        ar, ai = re[r, 0], im[r, 0]
        for m in range(r):
            br, bi = re[r, m + 1], im[r, m + 1]
            s, c, tr, ti = sides(br, bi, ar, ai)
            sine[m], cosine[m], turn_re[m], turn_im[m] = s, c, -tr, -ti
            cell = first[2 * (n - 1 - r) + m] + m // 2
            theta[cell], phi[cell] = 2.0 * np.arctan2(s, c), np.arctan2(ti, -tr)
            zr, zi = ar * tr - ai * ti, ar * ti + ai * tr
            ar, ai = -(c * zr + s * br), -(c * zi + s * bi)
        re[r, :r] = im[r, :r] = 0.0
        re[r, r], im[r, r] = ar, ai
        for k in range(r):
            sweep_up(re[k], im[k], r, sine, cosine, turn_re, turn_im)
    unit_diagonal(re, im, diagonal)


@kernel(signed_zeros=True)
def sweep_up(re, im, cells, sine, cosine, turn_re, turn_im):
    """Let one row pass cells at columns 0 and 1, 1 and 2, ...; otherwise as `sweep_row`."""
    ar, ai = re[0], im[0]
    for k in range(cells):
        m, right = np.uintp(k), np.uintp(k + 1)
        s, c, tr, ti = sine[m], cosine[m], turn_re[m], turn_im[m]
        zr, zi = ar * tr - ai * ti, ar * ti + ai * tr
        br, bi = re[right], im[right]
        re[m], im[m] = s * zr + c * br, s * zi + c * bi
        ar, ai = c * zr - s * br, c * zi - s * bi
    re[cells], im[cells] = ar, ai


@kernel(signed_zeros=True)
def null_both_sides(re, im, first, theta, phi, diagonal):
    """Rectangular mesh: diagonals from the lower left corner, from both sides by turns.

    Args:
        re: (N, N) real parts of a unitary matrix, destroyed.
        im: (N, N) imaginary parts.
        first: (n_layers,) index of the first MZI of each layer.
        theta: (n_mzi,) written.
        phi: (n_mzi,) written, for cells K.
        diagonal: (N,) written, what is left: U = diag(diagonal) K ... K.
    """
    n = diagonal.size
    sine, cosine, turn_re, turn_im = np.empty((4, n))
    left = np.empty(theta.size, dtype=np.complex128)
    for i in range(n - 1):
        if i % 2 == 0:
            sweep_right(re, im, i, i + 1, n - 1, sine, cosine, turn_re, turn_im)
            for j in range(i + 1):
                cell = first[j] + (i - j) // 2
                theta[cell] = 2.0 * np.arctan2(sine[j], cosine[j])
                phi[cell] = np.arctan2(-turn_im[j], turn_re[j])
        else:
            for j in range(i + 1):
                m = n - 2 - i + j
                s, c, tr, ti = sides(re[m, j], im[m, j], re[m + 1, j], im[m + 1, j])
                mix_rows(re[m], im[m], re[m + 1], im[m + 1], j, s, c, tr, -ti)
                re[m + 1, j] = im[m + 1, j] = 0.0
                cell = first[n - 1 - j] + m // 2
                theta[cell] = 2.0 * np.arctan2(s, c)
                left[cell] = complex(tr, ti)
    unit_diagonal(re, im, diagonal)
    # K_1 ... K_k U = D ...: the inverses stand left of D, and K^H D = D' K' moves them to its
    # right, the last one first.
    for i in range((n - 2) - (n - 1) % 2, 0, -2):
        for j in range(i, -1, -1):
            m = n - 2 - i + j
            cell = first[n - 1 - j] + m // 2
            upper, lower = diagonal[m], diagonal[m + 1]
            diagonal[m] = lower * left[cell]
            ratio = upper * np.conj(lower)
            phi[cell] = np.arctan2(ratio.imag, ratio.real)


@kernel(signed_zeros=True)
def asymmetric_phases(row, theta, phi, gauge):
    """Give each cell K the common phase i e^{i theta/2} that an MZI has, and take it out later.

    Args:
        row: (n_mzi,) upper modes of a planar mesh.
        theta: (n_mzi,).
        phi: (n_mzi,) of cells K, changed to those of MZIs.
        gauge: (N,) 0 at the inputs; written: phase of the mesh's outputs over that of the K's.
    """
    for k in range(row.size):
        u, v = gauge[row[k]], gauge[row[k] + 1]
        phi[k] += v - u
        common = v + 0.5 * (np.pi + theta[k])
        common -= 2.0 * np.pi * np.rint(common / (2.0 * np.pi))
        gauge[row[k]] = gauge[row[k] + 1] = common


@kernel(signed_zeros=True)
def symmetric_phases(layer, row, edge_layer, theta, phi, edge, gauge):
    """Turn cells K into cells with a phase in each arm, whose outputs can have any common phase.

    The common phases of a layer are chosen such that the fields that meet in the next layer have
    the difference that phi of a K would have made; from the second mode down that fixes one cell
    after the other. Where the last mode passes a layer by, its edge shifter does the rest.

    Args:
        layer: (n_mzi,) of the rectangular brick wall.
        row: (n_mzi,) upper modes.
        edge_layer: (n_edge,) first those of the inputs (layer 0), then those of the last mode.
        theta: (n_mzi,) of K, changed to the upper arm's phase.
        phi: (n_mzi,) of K, changed to the lower arm's phase.
        edge: (n_edge,) written.
        gauge: (N,) 0 at the inputs; written: phase of the mesh's outputs over that of the K's.
    """
    n_mzi, n_modes = row.size, gauge.size
    full = 2.0 * np.pi
    start = 0
    n_used = 0
    while start < n_mzi and layer[start] == 0:
        gauge[row[start]] = edge[n_used] = phi[start]
        n_used += 1
        start += 1
    done = 0
    while done < n_mzi:
        stop = start
        while stop < n_mzi and layer[stop] == layer[start]:
            stop += 1
        target = np.zeros(n_modes)
        target[0] = gauge[0] if row[done] == 1 else 0.0
        for m in range(1, n_modes):
            cell = start + (m - 1) // 2
            if start < stop and (m - 1) % 2 == row[start] % 2 and cell < stop:
                target[m] = target[m - 1] - phi[cell]
                target[m] -= full * np.rint(target[m] / full)
            else:
                target[m] = target[m - 1]
        for k in range(done, start):
            mean = target[row[k] + 1] - gauge[row[k] + 1] - 0.5 * np.pi
            half = 0.5 * theta[k]
            theta[k], phi[k] = mean + half, mean - half
            theta[k] -= full * np.rint(theta[k] / full)
            phi[k] -= full * np.rint(phi[k] / full)
            gauge[row[k]] = gauge[row[k] + 1] = target[row[k]]
        if n_used < edge.size and edge_layer[n_used] == layer[done] + 1:
            edge[n_used] = target[n_modes - 1] - gauge[n_modes - 1]
            gauge[n_modes - 1] = target[n_modes - 1]
            n_used += 1
        done, start = start, stop
