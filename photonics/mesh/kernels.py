"""Compiled kernels of `photonics.mesh.transfer`. No checks here: the public functions do them.

A 2x2 complex matrix costs 16 multiply-adds per column. Here it costs 8: with a complex scale kept
for every mode, ``diag(d) A`` being the true fields, any cell is ``diag(d') [[1, x], [y, 1]] diag(d)^-1``
up to an exchange of its two outputs. The exchange is chosen so that the larger product of entries
goes into the scales (a pivot), which keeps the form stable for every cell, imperfect or not; it
costs nothing, since modes carry the number of the row they live in. This is the complex form of
the fast Givens rotation (Golub and Van Loan, Matrix Computations, section 5.1.13). Scales shrink
by at most sqrt(2) per ideal layer and are multiplied in before they can underflow.

One jit policy for all kernels here:
- nogil: populations are shared among threads of the caller; no kernel starts threads itself.
- cache: compiled once per machine.
- fastmath contract: allows a*b + c as one fused operation, which is faster and rounds once less.
  No other freedom is given: results do not depend on the order of columns or settings.
- error_model numpy: no branch for division by zero; pivots are never zero for checked arguments.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Columns that cross the mesh together: one row, real and imaginary, is 4 cache lines in float64.
TILE = 16

# Cody-Waite: pi/2 in three parts, the first two with 33 bits, so that k * part is exact, k < 2^20.
_TWO_OVER_PI = 6.36619772367581382433e-01
_PI_2_A = 1.57079632673412561417e00
_PI_2_B = 6.07710050630396597660e-11
_PI_2_C = 2.02226624879595063154e-21
# Beyond this the reduction loses bits and the caller reduces the angles first.
MAX_ANGLE_RAD = 1.0e6

_JIT = {"nogil": True, "cache": True, "fastmath": {"contract"}, "error_model": "numpy"}


@njit(**_JIT)
def sincos(angle_rad, sine, cosine):
    """Sine and cosine of an array, below 1 ulp each; written so that it is vectorised.

    Polynomials of fdlibm (k_sin.c, k_cos.c) on [-pi/4, pi/4].

    Args:
        angle_rad: (n,), at most `MAX_ANGLE_RAD` in magnitude.
        sine: (n,) written.
        cosine: (n,) written.
    """
    for i in range(angle_rad.size):
        x = angle_rad[i]
        k = np.floor(x * _TWO_OVER_PI + 0.5)
        r = ((x - k * _PI_2_A) - k * _PI_2_B) - k * _PI_2_C
        z = r * r
        p = 2.75573137070700676789e-06 + z * (
            -2.50507602534068634195e-08 + z * 1.58969099521155010221e-10
        )
        p = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * p)
        s = r + r * z * (-1.66666666666666324348e-01 + z * p)
        q = -2.75573143513906633035e-07 + z * (
            2.08757232129817482790e-09 + z * -1.13596475577881948265e-11
        )
        q = -1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * q)
        c = 1.0 - (0.5 * z - z * z * (4.16666666666666019037e-02 + z * q))
        quadrant = k - 4.0 * np.floor(0.25 * k)
        odd = (quadrant == 1.0) | (quadrant == 3.0)
        a = c if odd else s
        b = s if odd else c
        sine[i] = -a if quadrant >= 2.0 else a
        cosine[i] = -b if (quadrant == 1.0) | (quadrant == 2.0) else b


@njit(**_JIT)
def half_angles(theta_rad, phi_rad, symmetric, angle_rad):
    """Angles whose sines and cosines the cells need.

    Args:
        theta_rad: (n,).
        phi_rad: (n,).
        symmetric: which cell.
        angle_rad: (2 n,) written: half angle, then external phase (asymmetric) or the mean of the
            two arms (symmetric).
    """
    n = theta_rad.size
    if symmetric:
        for i in range(n):
            angle_rad[i] = 0.5 * (theta_rad[i] - phi_rad[i])
        for i in range(n):
            angle_rad[n + i] = 0.5 * (theta_rad[i] + phi_rad[i])
    else:
        for i in range(n):
            angle_rad[i] = 0.5 * theta_rad[i]
        for i in range(n):
            angle_rad[n + i] = phi_rad[i]


@njit(**_JIT)
def coefficients(
    program, symmetric, mixing, sine, cosine, edge_re, edge_im, out_re, out_im, state, work
):
    """Turn the phases of one setting into the program that `cross` runs.

    Args:
        program: (order, upper, lower, first_column, last_column, edge, edge_out, segment), see
            `photonics.mesh.program.MeshProgram`.
        symmetric: which cell.
        mixing: (n, 8) of `CellConstants`, or (0, 8) for ideal cells.
        sine: (2 n,) of the angles of `half_angles`, in the topology's order.
        cosine: (2 n,).
        edge_re: (n_edge,) amplitudes of the edge shifters, real parts.
        edge_im: (n_edge,) imaginary parts.
        out_re: (N,) amplitudes of the output shifters, real parts.
        out_im: (N,) imaginary parts.
        state: (2, N) work space, the scales d.
        work: (coefficient (n, 4), rows (n, 2), scale (n_segment, N, 2), home (N,)), written:
            x and y of each cell, the two rows it mixes, the factor of each row after each segment,
            the row in which each output is found.
    """
    order, upper, lower, _, _, edge, edge_out, segment = program
    coefficient, rows, scale, home = work
    n = order.size
    ideal = mixing.shape[0] == 0
    for m in range(home.size):
        home[m] = m
        state[0, m] = 1.0
        state[1, m] = 0.0
    for part in range(segment.size - 1):
        for i in range(segment[part], segment[part + 1]):
            cell, u, v = order[i], upper[i], lower[i]
            s, c = sine[cell], cosine[cell]
            phase_im, phase_re = sine[n + cell], cosine[n + cell]
            ur, ui = state[0, u], state[1, u]
            vr, vi = state[0, v], state[1, v]
            if edge_re.size:
                if edge[i, 0] >= 0:
                    er, ei = edge_re[edge[i, 0]], edge_im[edge[i, 0]]
                    ur, ui = ur * er - ui * ei, ur * ei + ui * er
                if edge[i, 1] >= 0:
                    er, ei = edge_re[edge[i, 1]], edge_im[edge[i, 1]]
                    vr, vi = vr * er - vi * ei, vr * ei + vi * er
            if symmetric:
                kr, ki = -phase_im, phase_re
            else:
                ur, ui = ur * phase_re - ui * phase_im, ur * phase_im + ui * phase_re
                kr, ki = -s, c
            wr, wi = vr * ur + vi * ui, vi * ur - vr * ui
            uu, vv = ur * ur + ui * ui, vr * vr + vi * vi
            if ideal:
                ss, cc, sc = s * s, c * c, s * c
                swap = ss * ss < cc * cc
                if swap:
                    a, h, sc = c, c, -sc
                else:
                    a, h = s, -s
                aa = a * a
                x_scale, y_scale = 1.0 / (aa * uu), 1.0 / (aa * vv)
                xr, xi = x_scale * (sc * wr), x_scale * (sc * wi)
                yr, yi = -(y_scale * (sc * wr)), y_scale * (sc * wi)
                ur, ui, vr, vi = a * ur, a * ui, h * vr, h * vi
            else:
                ar, ai = mixing[cell, 1] * s, -(mixing[cell, 0] * c)
                br, bi = mixing[cell, 2] * c, mixing[cell, 3] * s
                gr, gi = mixing[cell, 4] * c, mixing[cell, 5] * s
                hr, hi = mixing[cell, 7] * s, -(mixing[cell, 6] * c)
                aa, bb = ar * ar + ai * ai, br * br + bi * bi
                gg, hh = gr * gr + gi * gi, hr * hr + hi * hi
                swap = aa * hh < bb * gg
                if swap:
                    ar, ai, gr, gi, aa = gr, gi, ar, ai, gg
                    br, bi, hr, hi, hh = hr, hi, br, bi, bb
                # x = (b/a) (v/u) and y = (g/h) (u/v)
                fr, fi = br * ar + bi * ai, bi * ar - br * ai
                x_scale, y_scale = 1.0 / (aa * uu), 1.0 / (hh * vv)
                xr, xi = x_scale * (fr * wr - fi * wi), x_scale * (fr * wi + fi * wr)
                fr, fi = gr * hr + gi * hi, gi * hr - gr * hi
                yr, yi = y_scale * (fr * wr + fi * wi), y_scale * (fi * wr - fr * wi)
                ur, ui = ar * ur - ai * ui, ar * ui + ai * ur
                vr, vi = hr * vr - hi * vi, hr * vi + hi * vr
            p, q = home[u], home[v]
            coefficient[i, 0], coefficient[i, 1] = xr, xi
            coefficient[i, 2], coefficient[i, 3] = yr, yi
            rows[i, 0], rows[i, 1] = p, q
            ur, ui = kr * ur - ki * ui, kr * ui + ki * ur
            vr, vi = kr * vr - ki * vi, kr * vi + ki * vr
            if swap:
                home[u], home[v] = q, p
                ur, ui, vr, vi = vr, vi, ur, ui
            state[0, u], state[1, u] = ur, ui
            state[0, v], state[1, v] = vr, vi
        for m in range(home.size):
            scale[part, home[m], 0], scale[part, home[m], 1] = state[0, m], state[1, m]
            state[0, m], state[1, m] = 1.0, 0.0
    last = segment.size - 2
    for m in range(home.size):
        fr, fi = out_re[m], out_im[m]
        if edge_out[m] >= 0:
            er, ei = edge_re[edge_out[m]], edge_im[edge_out[m]]
            fr, fi = fr * er - fi * ei, fr * ei + fi * er
        sr, si = scale[last, home[m], 0], scale[last, home[m], 1]
        scale[last, home[m], 0], scale[last, home[m], 1] = sr * fr - si * fi, sr * fi + si * fr


@njit(**_JIT)
def cross(program, work, first, stop, tile):
    """Send a tile of columns through the mesh, in place.

    Args:
        program: see `coefficients`.
        work: see `coefficients`.
        first: cells whose light cone ends before this input mode are skipped,
        stop: as are those whose cone starts at or after this one: their rows are zero.
        tile: (N, 2 TILE) real parts, then imaginary parts of `TILE` columns.
    """
    _, _, _, first_column, last_column, _, _, segment = program
    coefficient, rows, scale, _ = work
    for part in range(segment.size - 1):
        for i in range(segment[part], segment[part + 1]):
            if last_column[i] >= first and first_column[i] < stop:
                p, q = rows[i, 0], rows[i, 1]
                xr, xi = coefficient[i, 0], coefficient[i, 1]
                yr, yi = coefficient[i, 2], coefficient[i, 3]
                for t in range(TILE):
                    ar, ai = tile[p, t], tile[p, t + TILE]
                    br, bi = tile[q, t], tile[q, t + TILE]
                    tile[p, t] = ar + (xr * br - xi * bi)
                    tile[p, t + TILE] = ai + (xr * bi + xi * br)
                    tile[q, t] = br + (yr * ar - yi * ai)
                    tile[q, t + TILE] = bi + (yr * ai + yi * ar)
        for m in range(tile.shape[0]):
            sr, si = scale[part, m, 0], scale[part, m, 1]
            for t in range(TILE):
                ar, ai = tile[m, t], tile[m, t + TILE]
                tile[m, t] = sr * ar - si * ai
                tile[m, t + TILE] = sr * ai + si * ar


@njit(**_JIT)
def build_tiles(program, work, tile, out):
    """Write the transfer matrix, tile after tile of its columns.

    Args:
        program: see `coefficients`.
        work: see `coefficients`.
        tile: (N, 2 TILE) work space.
        out: (N, 2 N) written, real and imaginary parts interleaved.
    """
    n_modes = tile.shape[0]
    home = work[3]
    for first in range(0, n_modes, TILE):
        width = min(TILE, n_modes - first)
        tile[:] = 0.0
        for j in range(width):
            tile[first + j, j] = 1.0
        cross(program, work, first, first + width, tile)
        for m in range(n_modes):
            row = home[m]
            for j in range(width):
                out[m, 2 * (first + j)] = tile[row, j]
                out[m, 2 * (first + j) + 1] = tile[row, j + TILE]


@njit(**_JIT)
def propagate_tiles(program, work, tile, fields, out):
    """Send fields through the mesh, tile after tile of their columns.

    Args:
        program: see `coefficients`.
        work: see `coefficients`.
        tile: (N, 2 TILE) work space.
        fields: (N, 2 B) real and imaginary parts interleaved.
        out: (N, 2 B) written.
    """
    n_modes = tile.shape[0]
    n_columns = fields.shape[1] // 2
    home = work[3]
    for first in range(0, n_columns, TILE):
        width = min(TILE, n_columns - first)
        if width < TILE:
            tile[:] = 0.0
        for m in range(n_modes):
            for j in range(width):
                tile[m, j] = fields[m, 2 * (first + j)]
                tile[m, j + TILE] = fields[m, 2 * (first + j) + 1]
        cross(program, work, 0, n_modes, tile)
        for m in range(n_modes):
            row = home[m]
            for j in range(width):
                out[m, 2 * (first + j)] = tile[row, j]
                out[m, 2 * (first + j) + 1] = tile[row, j + TILE]


@njit(**_JIT)
def run_settings(
    program, symmetric, mixing, theta_rad, phi_rad, outputs, edges, amplitudes, fields, out
):
    """Build (no fields) or propagate, setting after setting.

    Args:
        program: see `coefficients`.
        symmetric: which cell.
        mixing: (n, 8) or (0, 8).
        theta_rad: (P, n).
        phi_rad: (P, n).
        outputs: (P, N) output phases [rad].
        edges: (P, n_edge) phases [rad] of the edge shifters.
        amplitudes: ((N,), (n_edge,)) of the output and the edge shifters.
        fields: (1 or P, N, 2 B) or (0, N, 0) to build.
        out: (P, N, 2 B) or (P, N, 2 N) written; its type is that of the arithmetic on fields.
    """
    n_settings, n = theta_rad.shape
    n_modes, n_edge = outputs.shape[1], edges.shape[1]
    angle = np.empty(2 * n + n_modes + n_edge)
    sine, cosine = np.empty(angle.size), np.empty(angle.size)
    stop = 2 * n + n_modes
    out_re, out_im = cosine[2 * n : stop], sine[2 * n : stop]
    edge_re, edge_im = cosine[stop:], sine[stop:]
    state = np.empty((2, n_modes))
    n_segment = program[7].size - 1
    work = (
        np.empty((n, 4), out.dtype),
        np.empty((n, 2), np.int32),
        np.empty((n_segment, n_modes, 2), out.dtype),
        np.empty(n_modes, np.int32),
    )
    tile = np.empty((n_modes, 2 * TILE), out.dtype)
    for k in range(n_settings):
        half_angles(theta_rad[k], phi_rad[k], symmetric, angle[: 2 * n])
        angle[2 * n : stop] = outputs[k]
        angle[stop:] = edges[k]
        sincos(angle, sine, cosine)
        for m in range(n_modes):
            out_re[m] *= amplitudes[0][m]
            out_im[m] *= amplitudes[0][m]
        for m in range(n_edge):
            edge_re[m] *= amplitudes[1][m]
            edge_im[m] *= amplitudes[1][m]
        coefficients(
            program, symmetric, mixing, sine, cosine, edge_re, edge_im, out_re, out_im, state, work
        )
        if fields.shape[0] == 0:
            build_tiles(program, work, tile, out[k])
        else:
            propagate_tiles(program, work, tile, fields[k % fields.shape[0]], out[k])
