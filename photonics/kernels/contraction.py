"""The kernel that nearly all of the time is spent in: a tensor-train network on a tile of inputs.

A tile holds `width` input points as the fastest axis, so that every arithmetic instruction works on
neighbouring points with one weight broadcast to all. A tensor-train core k contracts, for every left
index l = (j_1 .. j_{k-1}) and right index m = (i_{k+1} .. i_d),

    out[l, (a, i_k), m] = sum over (j_k, b) of core[(a, i_k), (j_k, b)] in[l, (j_k, b), m],

cores from the last to the first. With the tile appended to m this is a batch of small matrix
products with rows of ``n_right * width`` contiguous numbers; 4 rows x 8 columns of weights are held
in registers while those rows stream by. The shapes of the cores are data (`StageTable`), the size of
the register block is compiled in: one compiled kernel serves every network.
"""

from __future__ import annotations

import numpy as np

from photonzero.photonics.kernels.elementary import sin, tanh
from photonzero.photonics.kernels.jit import kernel
from photonzero.photonics.kernels.normals import add_normals, mix64

# Columns of the tables that describe a network to the kernel.
LAYER_STAGE_START, LAYER_STAGE_STOP, LAYER_N_IN, LAYER_N_OUT, LAYER_ACTIVATION, LAYER_BIAS = range(6)
STAGE_N_LEFT, STAGE_ROWS, STAGE_COLUMNS, STAGE_N_RIGHT, STAGE_WEIGHT = range(5)

# Columns of the table of what happens to a reading. A 0 switches a step off.
(
    DETECT_STD,  # standard deviation of the noise in the dark
    DETECT_SIGNAL,  # its growth with the signal: the variance is std^2 + (signal * reading)^2
    DETECT_COMMON,  # relative deviation that all readings of an inference share
    ADC_STEP,  # width of a code
    ADC_SHIFT,  # level of code 0 in codes: 0, or 1/2 of a mid-rise converter
    ADC_CODES,  # half the number of codes
    DAC_STEP,  # the same two of the converter behind the activation
    DAC_CODES,
    N_DETECT,
) = range(9)

IDENTITY, SIN, TANH, RELU, GELU = range(5)


@kernel()
def _rows4(w, src, dst, n_left, rows, columns, run, r0):
    """Rows r0 .. r0 + 3 of every left block: dst = w @ src, eight columns at a time."""
    for q0 in range(0, columns - 7, 8):
        p = r0 * columns + q0
        a0, a1, a2, a3 = w[p], w[p + 1], w[p + 2], w[p + 3]
        a4, a5, a6, a7 = w[p + 4], w[p + 5], w[p + 6], w[p + 7]
        p += columns
        b0, b1, b2, b3 = w[p], w[p + 1], w[p + 2], w[p + 3]
        b4, b5, b6, b7 = w[p + 4], w[p + 5], w[p + 6], w[p + 7]
        p += columns
        c0, c1, c2, c3 = w[p], w[p + 1], w[p + 2], w[p + 3]
        c4, c5, c6, c7 = w[p + 4], w[p + 5], w[p + 6], w[p + 7]
        p += columns
        d0, d1, d2, d3 = w[p], w[p + 1], w[p + 2], w[p + 3]
        d4, d5, d6, d7 = w[p + 4], w[p + 5], w[p + 6], w[p + 7]
        for left in range(n_left):
            i = (left * columns + q0) * run
            x0, x1 = src[i : i + run], src[i + run : i + 2 * run]
            x2, x3 = src[i + 2 * run : i + 3 * run], src[i + 3 * run : i + 4 * run]
            x4, x5 = src[i + 4 * run : i + 5 * run], src[i + 5 * run : i + 6 * run]
            x6, x7 = src[i + 6 * run : i + 7 * run], src[i + 7 * run : i + 8 * run]
            o = (left * rows + r0) * run
            y0, y1 = dst[o : o + run], dst[o + run : o + 2 * run]
            y2, y3 = dst[o + 2 * run : o + 3 * run], dst[o + 3 * run : o + 4 * run]
            if q0 == 0:
                for s in range(run):
                    u0, u1, u2, u3 = x0[s], x1[s], x2[s], x3[s]
                    u4, u5, u6, u7 = x4[s], x5[s], x6[s], x7[s]
                    y0[s] = a0 * u0 + a1 * u1 + a2 * u2 + a3 * u3 + a4 * u4 + a5 * u5 + a6 * u6 + a7 * u7
                    y1[s] = b0 * u0 + b1 * u1 + b2 * u2 + b3 * u3 + b4 * u4 + b5 * u5 + b6 * u6 + b7 * u7
                    y2[s] = c0 * u0 + c1 * u1 + c2 * u2 + c3 * u3 + c4 * u4 + c5 * u5 + c6 * u6 + c7 * u7
                    y3[s] = d0 * u0 + d1 * u1 + d2 * u2 + d3 * u3 + d4 * u4 + d5 * u5 + d6 * u6 + d7 * u7
            else:
                for s in range(run):
                    u0, u1, u2, u3 = x0[s], x1[s], x2[s], x3[s]
                    u4, u5, u6, u7 = x4[s], x5[s], x6[s], x7[s]
                    y0[s] += a0 * u0 + a1 * u1 + a2 * u2 + a3 * u3 + a4 * u4 + a5 * u5 + a6 * u6 + a7 * u7
                    y1[s] += b0 * u0 + b1 * u1 + b2 * u2 + b3 * u3 + b4 * u4 + b5 * u5 + b6 * u6 + b7 * u7
                    y2[s] += c0 * u0 + c1 * u1 + c2 * u2 + c3 * u3 + c4 * u4 + c5 * u5 + c6 * u6 + c7 * u7
                    y3[s] += d0 * u0 + d1 * u1 + d2 * u2 + d3 * u3 + d4 * u4 + d5 * u5 + d6 * u6 + d7 * u7
    for q in range(columns - columns % 8, columns):
        p = r0 * columns + q
        a0, b0 = w[p], w[p + columns]
        c0, d0 = w[p + 2 * columns], w[p + 3 * columns]
        for left in range(n_left):
            i = (left * columns + q) * run
            x0 = src[i : i + run]
            o = (left * rows + r0) * run
            y0, y1 = dst[o : o + run], dst[o + run : o + 2 * run]
            y2, y3 = dst[o + 2 * run : o + 3 * run], dst[o + 3 * run : o + 4 * run]
            if q == 0:
                for s in range(run):
                    u0 = x0[s]
                    y0[s], y1[s], y2[s], y3[s] = a0 * u0, b0 * u0, c0 * u0, d0 * u0
            else:
                for s in range(run):
                    u0 = x0[s]
                    y0[s] += a0 * u0
                    y1[s] += b0 * u0
                    y2[s] += c0 * u0
                    y3[s] += d0 * u0


@kernel()
def _row1(w, src, dst, n_left, rows, columns, run, r):
    """Row r of every left block, for cores of fewer than four rows such as a readout."""
    for left in range(n_left):
        o = (left * rows + r) * run
        y = dst[o : o + run]
        for s in range(run):
            y[s] = 0
        for q0 in range(0, columns - 3, 4):
            p = r * columns + q0
            a0, a1, a2, a3 = w[p], w[p + 1], w[p + 2], w[p + 3]
            i = (left * columns + q0) * run
            x0, x1 = src[i : i + run], src[i + run : i + 2 * run]
            x2, x3 = src[i + 2 * run : i + 3 * run], src[i + 3 * run : i + 4 * run]
            for s in range(run):
                y[s] += a0 * x0[s] + a1 * x1[s] + a2 * x2[s] + a3 * x3[s]
        for q in range(columns - columns % 4, columns):
            a0 = w[r * columns + q]
            i = (left * columns + q) * run
            x0 = src[i : i + run]
            for s in range(run):
                y[s] += a0 * x0[s]


@kernel()
def contract_stage(w, src, dst, n_left, rows, columns, run):
    """dst[l, r, s] = sum over q of w[r, q] src[l, q, s], on flat arrays.

    Args:
        w: (rows * columns,) weights, row after row.
        src: (>= n_left * columns * run,).
        dst: (>= n_left * rows * run,), overwritten; must not overlap `src`.
        n_left: number of left blocks l.
        rows: outputs of a block.
        columns: inputs of a block.
        run: contiguous numbers that share a weight.
    """
    if rows < 4:
        for r in range(rows):
            _row1(w, src, dst, n_left, rows, columns, run, r)
    else:
        for r0 in range(0, rows, 4):
            # The last block of four may overlap the one before: it computes the same numbers again.
            _rows4(w, src, dst, n_left, rows, columns, run, min(r0, rows - 4))


@kernel(inline=True)
def _contract_first(w, src, dst, n_left, rows, width):
    """`contract_stage` for 8 columns and a run of one tile, the first stage of a published layer.

    Runs are short here, and the check for overlap that the compiler puts before every loop of a
    length unknown to it costs a third of the time: `width` is a constant of the kernel.
    """
    for r0 in range(0, rows, 4):
        p = r0 * 8
        a0, a1, a2, a3, a4, a5, a6, a7 = (
            w[p], w[p + 1], w[p + 2], w[p + 3], w[p + 4], w[p + 5], w[p + 6], w[p + 7]
        )  # fmt: skip
        p += 8
        b0, b1, b2, b3, b4, b5, b6, b7 = (
            w[p], w[p + 1], w[p + 2], w[p + 3], w[p + 4], w[p + 5], w[p + 6], w[p + 7]
        )  # fmt: skip
        p += 8
        c0, c1, c2, c3, c4, c5, c6, c7 = (
            w[p], w[p + 1], w[p + 2], w[p + 3], w[p + 4], w[p + 5], w[p + 6], w[p + 7]
        )  # fmt: skip
        p += 8
        d0, d1, d2, d3, d4, d5, d6, d7 = (
            w[p], w[p + 1], w[p + 2], w[p + 3], w[p + 4], w[p + 5], w[p + 6], w[p + 7]
        )  # fmt: skip
        for left in range(n_left):
            x = src[left * 8 * width : (left + 1) * 8 * width]
            o = (left * rows + r0) * width
            y = dst[o : o + 4 * width]
            for s in range(width):
                u0, u1, u2, u3 = x[s], x[width + s], x[2 * width + s], x[3 * width + s]
                u4, u5 = x[4 * width + s], x[5 * width + s]
                u6, u7 = x[6 * width + s], x[7 * width + s]
                # fmt: off
                y[s] = a0*u0 + a1*u1 + a2*u2 + a3*u3 + a4*u4 + a5*u5 + a6*u6 + a7*u7
                y[width + s] = b0*u0 + b1*u1 + b2*u2 + b3*u3 + b4*u4 + b5*u5 + b6*u6 + b7*u7
                y[2 * width + s] = c0*u0 + c1*u1 + c2*u2 + c3*u3 + c4*u4 + c5*u5 + c6*u6 + c7*u7
                y[3 * width + s] = d0*u0 + d1*u1 + d2*u2 + d3*u3 + d4*u4 + d5*u5 + d6*u6 + d7*u7
                # fmt: on


@kernel(inline=True)
def _activate(h, bias, n, width, activation):
    """h[i] = activation(h[i] + bias[i]) for n rows of a tile, in place."""
    for i in range(n):
        row = h[i * width : (i + 1) * width]
        b = bias[i]
        if activation == SIN:
            for t in range(width):
                row[t] = sin(row[t] + b)
        elif activation == TANH:
            for t in range(width):
                row[t] = tanh(row[t] + b)
        elif activation == RELU:
            for t in range(width):
                row[t] = max(row[t] + b, h.dtype.type(0.0))
        elif activation == GELU:
            c0 = h.dtype.type(0.7978845608028654)
            c1 = h.dtype.type(0.044715)
            half, one = h.dtype.type(0.5), h.dtype.type(1.0)
            for t in range(width):
                x = row[t] + b
                row[t] = half * x * (one + tanh(c0 * (x + c1 * x * x * x)))
        else:
            for t in range(width):
                row[t] += b


@kernel()
def _detect_light(h, spare, n, width, detect, key):
    """Noise that depends on the light: intensity, common to a column, and shot noise of the signal."""
    one = h.dtype.type(1.0)
    if detect[DETECT_COMMON] > 0:
        for t in range(width):
            spare[t] = one
        add_normals(spare, 1, width, detect[DETECT_COMMON], mix64(key))
        for i in range(n):
            for t in range(width):
                h[i * width + t] *= spare[t]
    if detect[DETECT_SIGNAL] > 0:
        dark, slope = detect[DETECT_STD] ** 2, detect[DETECT_SIGNAL] ** 2
        for s in range(n * width):
            spare[s] = 0
        add_normals(spare, n, width, one, key)
        for s in range(n * width):
            h[s] += np.sqrt(dark + slope * h[s] * h[s]) * spare[s]
    elif detect[DETECT_STD] > 0:
        add_normals(h, n, width, detect[DETECT_STD], key)


@kernel()
def _convert(h, n, step, shift, codes):
    """Level of each number, from -codes to codes - 1 steps; `shift` is 0 to round, 1/2 to take floors."""
    half = h.dtype.type(0.5)
    for s in range(n):
        code = np.rint(h[s] / step) if shift == 0 else np.floor(h[s] / step)
        h[s] = (min(max(code, -codes), codes - half - half) + shift) * step


@kernel(inline=True)
def _expand_tile(center_part, offset_part, h, n, n_offsets, start, width):
    """First-layer outputs of `width` consecutive points of a stencil from its centres and offsets.

    Point p is centre p // K, offset p % K. `offset_part` continues cyclically beyond column K, and the
    last centre is repeated, so that a tile always reads `width` neighbouring columns.
    """
    b = start // n_offsets
    k = start - b * n_offsets
    last = center_part.shape[0] - 1
    first_switch = n_offsets - k
    second_switch = first_switch + n_offsets
    if second_switch + n_offsets >= width:
        # At most three centres in the tile, the common case: select instead of gathering.
        b1, b2 = min(b + 1, last), min(b + 2, last)
        for i in range(n):
            c0, c1, c2 = center_part[b, i], center_part[b1, i], center_part[b2, i]
            out = h[i * width : (i + 1) * width]
            part = offset_part[i, k : k + width]
            for t in range(width):
                c = c0 if t < first_switch else (c1 if t < second_switch else c2)
                out[t] = part[t] + c
    else:
        for i in range(n):
            out = h[i * width : (i + 1) * width]
            part = offset_part[i, k : k + width]
            for t in range(width):
                out[t] = part[t] + center_part[min(b + (k + t) // n_offsets, last), i]


@kernel(inline=True)
def run_stage(stage, weights, src, dst, width):
    """One core on a tile, from `src` to `dst`."""
    rows, columns = stage[STAGE_ROWS], stage[STAGE_COLUMNS]
    n_left, n_right = stage[STAGE_N_LEFT], stage[STAGE_N_RIGHT]
    w = weights[stage[STAGE_WEIGHT] : stage[STAGE_WEIGHT] + rows * columns]
    if n_right == 1 and rows % 4 == 0 and columns == 8:
        _contract_first(w, src, dst, n_left, rows, width)
    else:
        contract_stage(w, src, dst, n_left, rows, columns, n_right * width)


@kernel(inline=True)
def finish_layer(layer, biases, d, noise_key, h, spare, width):
    """What follows the cores of a layer, in place: detection, its converters, bias and activation."""
    n = layer[LAYER_N_OUT]
    if d[DETECT_SIGNAL] > 0 or d[DETECT_COMMON] > 0:
        _detect_light(h, spare, n, width, d, noise_key)
    elif d[DETECT_STD] > 0:
        add_normals(h, n, width, d[DETECT_STD], noise_key)
    if d[ADC_STEP] > 0:
        _convert(h, n * width, d[ADC_STEP], d[ADC_SHIFT], d[ADC_CODES])
    bias = biases[layer[LAYER_BIAS] : layer[LAYER_BIAS] + n]
    _activate(h, bias, n, width, layer[LAYER_ACTIVATION])
    if d[DAC_STEP] > 0:
        _convert(h, n * width, d[DAC_STEP], h.dtype.type(0.0), d[DAC_CODES])


@kernel(inline=True)
def buffer_rows(layers, stages):
    """Largest number of rows that any layer or intermediate contraction holds."""
    largest = 0
    for k in range(layers.shape[0]):
        largest = max(largest, layers[k, LAYER_N_IN], layers[k, LAYER_N_OUT])
    for k in range(stages.shape[0]):
        left_right = stages[k, STAGE_N_LEFT] * stages[k, STAGE_N_RIGHT]
        largest = max(largest, left_right * max(stages[k, STAGE_ROWS], stages[k, STAGE_COLUMNS]))
    return largest


def make_run_network(width: int):
    """The network kernel for tiles of `width` points; see `run_network` for its arguments.

    A constant width lets the compiler unroll the loops over a tile completely.
    """

    @kernel()
    def run_network(layers, stages, weights, biases, detect, key, n_offsets, points, offset_part, out):
        n_layers = layers.shape[0]
        n_in, n_first = layers[0, LAYER_N_IN], layers[0, LAYER_N_OUT]
        n_out = layers[n_layers - 1, LAYER_N_OUT]
        size = buffer_rows(layers, stages) * width
        here, there = np.zeros(size, weights.dtype), np.zeros(size, weights.dtype)
        n_points = out.shape[0]
        for start in range(0, n_points, width):
            count = min(width, n_points - start)
            if n_offsets > 0:
                _expand_tile(points, offset_part, here, n_first, n_offsets, start, width)
            else:
                for t in range(count):
                    for i in range(n_in):
                        here[i * width + t] = points[start + t, i]
            tile_key = mix64(key ^ np.uint64(start))
            for k in range(n_layers):
                layer = layers[k]
                if k > 0 or n_offsets == 0:
                    for j in range(layer[LAYER_STAGE_START], layer[LAYER_STAGE_STOP]):
                        run_stage(stages[j], weights, here, there, width)
                        here, there = there, here
                finish_layer(layer, biases, detect[k], mix64(tile_key + np.uint64(k)), here, there, width)
            for i in range(n_out):
                for t in range(count):
                    out[start + t, i] = here[i * width + t]

    return run_network


TILE_WIDTH = {np.dtype(np.float32): 64, np.dtype(np.float64): 32}
"""Points in a tile: two buffers of 512 rows fit the second-level cache of current processors."""

_NARROW = 8
"""Points in a tile when there are few: a wide one would be computed mostly for nothing."""

TILE_WIDTHS = {_NARROW, *TILE_WIDTH.values()}


def tile_width(dtype: np.dtype, n_points: int) -> int:
    """Points in a tile; narrow where two tiles are enough: a point in them takes three times as long."""
    return _NARROW if n_points <= 2 * _NARROW else TILE_WIDTH[dtype]


_KERNELS = {width: make_run_network(width) for width in TILE_WIDTHS}


def run_network(layers, stages, weights, biases, detect, key, n_offsets, points, offset_part, out) -> None:
    """Network outputs of one candidate, at points or at the points of a stencil.

    Args:
        layers: (n_layers, 6) int64; columns LAYER_*.
        stages: (n_stages, 5) int64; columns STAGE_*.
        weights: (n_weights,) float32 or float64, all cores of all layers.
        biases: (n_biases,) same type.
        detect: (n_layers, N_DETECT) same type; what happens to the readings of each layer.
        key: uint64 noise key of this candidate and chunk of inputs.
        n_offsets: 0 for points, else K, the number of offsets of a stencil.
        points: (N, d) same type, the inputs; for a stencil (B, n), W x for the first layer's matrix W.
        offset_part: for a stencil (n, >= K + width), W d, repeated cyclically beyond column K; else
            any array of that type with two dimensions.
        out: (N, n_out) same type, receives the outputs; for a stencil N = B * K, offsets fastest.
    """
    _KERNELS[tile_width(weights.dtype, out.shape[0])](
        layers, stages, weights, biases, detect, key, n_offsets, points, offset_part, out
    )
