"""Compiled kernels of `photonzero.photonics.mesh.transfer`. No checks here: the public functions do them.

A 2x2 complex matrix costs 16 multiply-adds per column. Here it costs 8: with a complex scale kept
for every mode, ``diag(d) A`` being the true fields, any cell is ``diag(d') [[1, x], [y, 1]] diag(d)^-1``
up to an exchange of its two outputs. The exchange is chosen so that the larger product of entries
goes into the scales (a pivot), which keeps the form stable for every cell, imperfect or not; it
costs nothing, since modes carry the number of the row they live in. This is the complex form of
the fast Givens rotation (Golub and Van Loan, Matrix Computations, section 5.1.13). Scales shrink
by at most sqrt(2) per ideal layer and are multiplied in before they can underflow.
"""

from __future__ import annotations

import numpy as np

from photonzero.photonics.kernels.jit import kernel
from photonzero.photonics.kernels.mesh_rows import TILE, mix_rows

# Cody-Waite: pi/2 in three parts, the first two with 33 bits, so that k * part is exact, k < 2^20.
_TWO_OVER_PI = 6.36619772367581382433e-01
_PI_2_A = 1.57079632673412561417e00
_PI_2_B = 6.07710050630396597660e-11
_PI_2_C = 2.02226624879595063154e-21
# Angles whose sines and cosines are computed together; they stay in the first-level cache.
CHUNK = 512
# Beyond this the reduction loses bits and the caller reduces the angles first.
MAX_ANGLE_RAD = 1.0e6


@kernel()
def sincos(angle_rad, sine, cosine):
    """Sine and cosine of an array, below 1 ulp each; written so that it is vectorised.

    `elementary.sin` is another one on purpose: activations want half the work and no cosine, phases of
    deep meshes the last bit of both. Polynomials of fdlibm (k_sin.c, k_cos.c) on [-pi/4, pi/4].

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
        p = 2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)
        p = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * p)
        s = r + r * z * (-1.66666666666666324348e-01 + z * p)
        q = -2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)
        q = -1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * q)
        c = 1.0 - (0.5 * z - z * z * (4.16666666666666019037e-02 + z * q))
        quadrant = k - 4.0 * np.floor(0.25 * k)
        odd = (quadrant == 1.0) | (quadrant == 3.0)
        a = c if odd else s
        b = s if odd else c
        sine[i] = -a if quadrant >= 2.0 else a
        cosine[i] = -b if (quadrant == 1.0) | (quadrant == 2.0) else b


@kernel()
def coefficients(program, symmetric, mixing, theta_rad, phi_rad, rim, trig, work):
    """Turn the phases of one setting into the coefficients that `cross` runs on.

    Args:
        program: (place, upper, lower, edge, edge_out, segment, first_column, last_column), see
            `photonzero.photonics.mesh.schedule.MeshSchedule`.
        symmetric: which cell.
        mixing: (n, 8) of `CellConstants`, or (0, 8) for ideal cells.
        theta_rad: (n,).
        phi_rad: (n,).
        rim: (2, N + n_edge) amplitudes of the output and then of the edge shifters, imaginary
            parts and real parts.
        trig: (angle (CHUNK,), sine (CHUNK,), cosine (CHUNK,), state (2, N)) work space.
        work: (coefficient (n, 4), rows (n, 2), scale (n_segment, N, 2), home (N,)), written:
            x and y of each cell and the two rows it mixes, in the order of execution, the factor
            of each row after each segment, the row in which each output is found.
    """
    place, upper, lower, edge, edge_out, segment, _, _ = program
    angle, sine, cosine, state = trig
    coefficient, rows, scale, home = work
    ideal = mixing.shape[0] == 0
    n_modes, half = home.size, CHUNK // 2
    has_edges = rim.shape[1] > n_modes
    for m in range(n_modes):
        home[m] = m
        state[0, m], state[1, m] = 1.0, 0.0
    for part in range(segment.size - 1):
        for start in range(segment[part], segment[part + 1], half):
            stop = min(start + half, segment[part + 1])
            for i in range(start, stop):
                outer = phi_rad[i] if symmetric else 0.0
                angle[i - start] = 0.5 * (theta_rad[i] - outer)
            for i in range(start, stop):
                angle[half + i - start] = 0.5 * (theta_rad[i] + phi_rad[i]) if symmetric else phi_rad[i]
            sincos(angle, sine, cosine)
            for k in range(start, stop):
                i, here, there = np.uintp(k), np.uintp(k - start), np.uintp(half + k - start)
                u, v = np.uintp(upper[i]), np.uintp(lower[i])
                s, c = sine[here], cosine[here]
                phase_im, phase_re = sine[there], cosine[there]
                ur, ui = state[0, u], state[1, u]
                vr, vi = state[0, v], state[1, v]
                if has_edges:
                    if edge[i, 0] >= 0:
                        ei, er = rim[0, n_modes + edge[i, 0]], rim[1, n_modes + edge[i, 0]]
                        ur, ui = ur * er - ui * ei, ur * ei + ui * er
                    if edge[i, 1] >= 0:
                        ei, er = rim[0, n_modes + edge[i, 1]], rim[1, n_modes + edge[i, 1]]
                        vr, vi = vr * er - vi * ei, vr * ei + vi * er
                if symmetric:
                    kr, ki = -phase_im, phase_re
                else:
                    ur, ui = ur * phase_re - ui * phase_im, ur * phase_im + ui * phase_re
                    kr, ki = -s, c
                # w = v conj(u), so that v/u = w/uu and u/v = conj(w)/vv
                wr, wi = vr * ur + vi * ui, vi * ur - vr * ui
                uu, vv = ur * ur + ui * ui, vr * vr + vi * vi
                if ideal:
                    sc = s * c
                    ss, cc = s * s, c * c
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
                    ar, ai = mixing[i, 1] * s, -(mixing[i, 0] * c)
                    br, bi = mixing[i, 2] * c, mixing[i, 3] * s
                    gr, gi = mixing[i, 4] * c, mixing[i, 5] * s
                    hr, hi = mixing[i, 7] * s, -(mixing[i, 6] * c)
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
                p, q, at = home[u], home[v], np.uintp(place[i])
                coefficient[at, 0], coefficient[at, 1] = xr, xi
                coefficient[at, 2], coefficient[at, 3] = yr, yi
                rows[at, 0], rows[at, 1] = p, q
                ur, ui = kr * ur - ki * ui, kr * ui + ki * ur
                vr, vi = kr * vr - ki * vi, kr * vi + ki * vr
                if swap:
                    home[u], home[v] = q, p
                    ur, ui, vr, vi = vr, vi, ur, ui
                state[0, u], state[1, u] = ur, ui
                state[0, v], state[1, v] = vr, vi
        last = part == segment.size - 2
        for m in range(n_modes):
            fr, fi = state[0, m], state[1, m]
            state[0, m], state[1, m] = 1.0, 0.0
            if last:
                if edge_out[m] >= 0:
                    ei, er = rim[0, n_modes + edge_out[m]], rim[1, n_modes + edge_out[m]]
                    fr, fi = fr * er - fi * ei, fr * ei + fi * er
                ei, er = rim[0, m], rim[1, m]
                fr, fi = fr * er - fi * ei, fr * ei + fi * er
            scale[part, home[m], 0], scale[part, home[m], 1] = fr, fi


@kernel()
def cross(program, work, first, stop, tile):
    """Send a tile of columns through the mesh, in place, up to the factors of the last segment.

    Args:
        program: see `coefficients`.
        work: see `coefficients`.
        first: cells whose light cone ends before this input mode are skipped,
        stop: as are those whose cone starts at or after this one: their rows are zero.
        tile: (N, 2 TILE) real parts, then imaginary parts of `TILE` columns.
    """
    _, _, _, _, _, segment, first_column, last_column = program
    coefficient, rows, scale, _ = work
    for part in range(segment.size - 1):
        for k in range(segment[part], segment[part + 1]):
            i = np.uintp(k)
            if last_column[i] >= first and first_column[i] < stop:
                xr, xi = coefficient[i, 0], coefficient[i, 1]
                yr, yi = coefficient[i, 2], coefficient[i, 3]
                mix_rows(tile, rows[i, 0], rows[i, 1], xr, xi, yr, yi)
        if part < segment.size - 2:
            for m in range(tile.shape[0]):
                sr, si = scale[part, m, 0], scale[part, m, 1]
                for t in range(TILE):
                    ar, ai = tile[m, t], tile[m, t + TILE]
                    tile[m, t] = sr * ar - si * ai
                    tile[m, t + TILE] = sr * ai + si * ar


@kernel()
def hand_out(work, tile, first, width, out):
    """Write the columns of a tile: rows by output mode, with the factors of the last segment.

    Args:
        work: see `coefficients`.
        tile: (N, 2 TILE).
        first: column of `out` that the tile starts at.
        width: columns to write, at most TILE.
        out: (N, 2 B) written, real and imaginary parts interleaved.
    """
    _, _, scale, home = work
    last = scale.shape[0] - 1
    for m in range(tile.shape[0]):
        row = home[m]
        sr, si = scale[last, row, 0], scale[last, row, 1]
        for j in range(width):
            ar, ai = tile[row, j], tile[row, j + TILE]
            out[m, 2 * (first + j)] = sr * ar - si * ai
            out[m, 2 * (first + j) + 1] = sr * ai + si * ar


@kernel()
def run_settings(program, symmetric, mixing, theta_rad, phi_rad, rim_rad, amplitude, fields, scratch, out):
    """Build (no fields) or propagate, setting after setting, tile after tile of columns.

    Args:
        program: see `coefficients`.
        symmetric: which cell.
        mixing: (n, 8) or (0, 8).
        theta_rad: (P, n).
        phi_rad: (P, n).
        rim_rad: (P, N + n_edge) phases of the output and then of the edge shifters.
        amplitude: (N + n_edge,) of the same shifters.
        fields: (1 or P, N, 2 B), real and imaginary parts interleaved, or (0, N, 0) to build.
        scratch: (trig, work, rim (2, N + n_edge), tile (N, 2 TILE)), see `coefficients`.
        out: (P, N, 2 B) or (P, N, 2 N) written; its type is that of the arithmetic on fields.
    """
    trig, work, rim, tile = scratch
    n_modes = tile.shape[0]
    n_columns = out.shape[2] // 2
    for k in range(theta_rad.shape[0]):
        sincos(rim_rad[k], rim[0], rim[1])
        for m in range(amplitude.size):
            rim[0, m] *= amplitude[m]
            rim[1, m] *= amplitude[m]
        coefficients(program, symmetric, mixing, theta_rad[k], phi_rad[k], rim, trig, work)
        for first in range(0, n_columns, TILE):
            width = min(TILE, n_columns - first)
            if fields.shape[0] == 0 or width < TILE:
                tile[:] = 0.0
            if fields.shape[0] == 0:
                for j in range(width):
                    tile[first + j, j] = 1.0
                cross(program, work, first, first + width, tile)
            else:
                light = fields[k % fields.shape[0]]
                for m in range(n_modes):
                    for j in range(width):
                        tile[m, j] = light[m, 2 * (first + j)]
                        tile[m, j + TILE] = light[m, 2 * (first + j) + 1]
                cross(program, work, 0, n_modes, tile)
            hand_out(work, tile, first, width, out[k])
