"""sin, exp, log and tanh that the compiler can vectorise; libm's scalar calls are ten times slower.

Each has a float32 and a float64 form, chosen by the type of its argument when a kernel is compiled.
Polynomials interpolate at Chebyshev nodes (computed to 40 digits and rounded), with the argument
reduced by a constant split in two parts, the first short enough for its product to be exact.
Absolute errors, tested: sin 2e-7 / 4e-16 for arguments up to 1e3, tanh 3e-7 / 5e-16.

In uncompiled kernels the NumPy functions run instead: they are the slow twins.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import overload

from photonzero.photonics.kernels.jit import JIT


def sin(x):
    """Sine of a scalar [rad]; uncompiled twin."""
    return np.sin(x)


def exp(x):
    """Exponential of a scalar in [-80, 80]; uncompiled twin."""
    return np.exp(x)


def log(x):
    """Natural logarithm of a positive normal scalar; uncompiled twin."""
    return np.log(x)


def tanh(x):
    """Hyperbolic tangent of a scalar; uncompiled twin."""
    return np.tanh(x)


def _sin_f32(x):
    # sin(x) = (-1)^k sin(x - k pi). Adding 1.5 * 2^23 rounds to an integer k and leaves its parity in
    # the lowest bit, which moves to the sign bit.
    shifted = x * np.float32(0.3183098861837907) + np.float32(12582912.0)
    k = shifted - np.float32(12582912.0)
    r = x - k * np.float32(3.140625)
    r = r - k * np.float32(0.0009676535897932384)
    # Beyond 1e6 the two parts of pi no longer cancel; a number has no phase there, but no sine above 1.
    r = np.float32(1.6) if r > np.float32(1.6) else r
    r = np.float32(-1.6) if r < np.float32(-1.6) else r
    s = r * r
    p = np.float32(2.605093e-06)
    p = p * s + np.float32(-0.00019809011)
    p = p * s + np.float32(0.00833305)
    p = p * s + np.float32(-0.16666658)
    value = r + (r * s) * p
    sign = np.int32(np.float32(shifted).view(np.int32) << 31)
    return np.int32(np.float32(value).view(np.int32) ^ sign).view(np.float32)


def _sin_f64(x):
    shifted = x * 0.3183098861837907 + 6755399441055744.0
    k = shifted - 6755399441055744.0
    r = x - k * 3.1415926534682512
    r = r - k * 1.2154201013012384e-10
    r = 1.6 if r > 1.6 else r
    r = -1.6 if r < -1.6 else r
    s = r * r
    p = 2.7215660921125597e-15
    p = p * s - 7.643025738964345e-13
    p = p * s + 1.6058940847832492e-10
    p = p * s - 2.505210688997513e-08
    p = p * s + 2.7557319211223257e-06
    p = p * s - 0.00019841269841208638
    p = p * s + 0.008333333333333186
    p = p * s - 0.16666666666666666
    value = r + (r * s) * p
    sign = np.int64(np.float64(shifted).view(np.int64) << 63)
    return np.int64(np.float64(value).view(np.int64) ^ sign).view(np.float64)


def _exp_f32(x):
    # exp(x) = 2^k 2^f with f in [-1/2, 1/2]; 2^k is written into the exponent bits.
    y = x * np.float32(1.4426950408889634)
    k = np.rint(y)
    f = (x - k * np.float32(0.693359375)) + k * np.float32(0.00021219444005469057)
    f = f * np.float32(1.4426950408889634)
    p = np.float32(0.00015461445)
    p = p * f + np.float32(0.0013400428)
    p = p * f + np.float32(0.009618057)
    p = p * f + np.float32(0.05550327)
    p = p * f + np.float32(0.2402265)
    p = p * f + np.float32(0.6931472)
    p = p * f + np.float32(1.0)
    power = np.int32((np.int32(k) + np.int32(127)) << 23)
    return p * np.int32(power).view(np.float32)


def _exp_f64(x):
    y = x * 1.4426950408889634
    k = np.rint(y)
    f = (x - k * 0.6931471803691238) - k * 1.9082149292705877e-10
    f = f * 1.4426950408889634
    p = 4.4558179083360645e-10
    p = p * f + 7.074194297288521e-09
    p = p * f + 1.0178057087733941e-07
    p = p * f + 1.3215432535912375e-06
    p = p * f + 1.5252733841556773e-05
    p = p * f + 0.00015403530463724353
    p = p * f + 0.001333355814640647
    p = p * f + 0.009618129107587256
    p = p * f + 0.055504108664821625
    p = p * f + 0.24022650695910158
    p = p * f + 0.6931471805599453
    p = p * f + 1.0
    return p * np.int64((np.int64(k) + 1023) << 52).view(np.float64)


def _log_f32(x):
    # x = 2^e m with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m - 1) / (m + 1)).
    bits = np.float32(x).view(np.int32)
    shifted = np.int32(bits - np.int32(0x3F3504F3))
    e = np.int32(shifted >> 23)
    m = np.int32(bits - np.int32(e << 23)).view(np.float32)
    z = (m - np.float32(1.0)) / (m + np.float32(1.0))
    s = z * z
    p = np.float32(0.2992439)
    p = p * s + np.float32(0.3997485)
    p = p * s + np.float32(0.6666682)
    p = p * s + np.float32(2.0)
    return z * p + np.float32(e) * np.float32(0.6931471805599453)


def _log_f64(x):
    bits = np.float64(x).view(np.int64)
    shifted = np.int64(bits - np.int64(0x3FE6A09E667F3BCD))
    e = np.int64(shifted >> 52)
    m = np.int64(bits - np.int64(e << 52)).view(np.float64)
    z = (m - 1.0) / (m + 1.0)
    s = z * z
    p = 0.13262103674021808
    p = p * s + 0.13248763083460116
    p = p * s + 0.1538716092613408
    p = p * s + 0.18181773738016305
    p = p * s + 0.2222222267692954
    p = p * s + 0.2857142856881913
    p = p * s + 0.40000000000007496
    p = p * s + 0.6666666666666666
    p = p * s + 2.0
    return z * p + np.float64(e) * 0.6931471805599453


def _by_type(name: str, f32, f64):
    """Impl of `name` for overload: the float32 or the float64 form."""

    def choose(x):
        if x == types.float32:
            return f32
        if x == types.float64:
            return f64
        return None

    choose.__name__ = name
    return choose


overload(sin, jit_options=JIT)(_by_type("sin", _sin_f32, _sin_f64))
overload(exp, jit_options=JIT)(_by_type("exp", _exp_f32, _exp_f64))
overload(log, jit_options=JIT)(_by_type("log", _log_f32, _log_f64))


@overload(tanh, jit_options=JIT)
def _tanh(x):
    if x not in (types.float32, types.float64):
        return None
    real, integer = (np.float32, np.int32) if x == types.float32 else (np.float64, np.int64)
    one, limit = real(1.0), real(20.0)
    sign_bit = integer(np.iinfo(integer).min)

    def tanh_impl(x):
        # The exponential of a negative number cannot overflow; beyond 20 the result is 1 in both types.
        t = exp(real(-2.0) * min(abs(x), limit))
        y = (one - t) / (one + t)
        sign = integer(real(x).view(integer) & sign_bit)
        return integer(real(y).view(integer) ^ sign).view(real)

    return tanh_impl
