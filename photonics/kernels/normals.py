"""Gaussian noise as a pure function of a key and a counter.

A kernel that kept a random state would give other bits for another order of work. Here the noise of
a reading depends on nothing but (key, counter), so any number of threads, in any order, sees the same
bits. The hash is Wellons' "lowbias32" applied twice with a 32-bit half of the key before each pass
[wellons2018]; normals come in pairs by Box and Muller [box1958].
"""

from __future__ import annotations

import numpy as np

from photonzero.photonics.kernels.elementary import log, sin
from photonzero.photonics.kernels.jit import kernel


@kernel()
def mix64(x):
    """Scramble a 64-bit word (the splitmix64 finaliser), to derive one key from another."""
    x = np.uint64(x) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel(inline=True)
def _lowbias32(x):
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * np.uint32(0x7FEB352D))
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * np.uint32(0x846CA68B))
    return np.uint32(x ^ (x >> np.uint32(16)))


@kernel(inline=True)
def _hash32(counter, key_low, key_high):
    return _lowbias32(np.uint32(_lowbias32(np.uint32(counter ^ key_low)) + key_high))


@kernel()
def add_normals(values, n_rows, width, std, key):
    """Add ``std`` times standard normals to ``values``, rows of ``width``, in place.

    Args:
        values: (>= n_rows * width,) float32 or float64, row after row.
        n_rows: rows that get noise.
        width: length of a row.
        std: standard deviation, of the type of `values`.
        key: uint64; each key is an independent stream.
    """
    low = np.uint32(key & np.uint64(0xFFFFFFFF))
    high = np.uint32(key >> np.uint64(32))
    half = values.dtype.type(0.5)
    to_unit = values.dtype.type(2.0**-24)
    two = values.dtype.type(2.0)
    two_pi = values.dtype.type(2.0 * np.pi)
    quarter_turn = values.dtype.type(0.5 * np.pi)
    for i in range(0, n_rows, 2):
        first = values[i * width : (i + 1) * width]
        # The second row of the last pair of an odd number of rows is computed and dropped.
        second = values[(i + 1) * width : (i + 2) * width] if i + 1 < n_rows else first[:0]
        base = np.uint32(i * width)
        for t in range(width):
            counter = np.uint32(base + np.uint32(2 * t))
            a = _hash32(counter, low, high)
            b = _hash32(np.uint32(counter + np.uint32(1)), low, high)
            # 24 bits, moved off zero by half a step so that the logarithm is finite.
            u = (values.dtype.type(np.int32(a >> np.uint32(8))) + half) * to_unit
            angle = (values.dtype.type(np.int32(b >> np.uint32(8))) + half) * to_unit * two_pi
            radius = std * np.sqrt(-two * log(u))
            first[t] += radius * sin(angle + quarter_turn)
            if second.size:
                second[t] += radius * sin(angle)
