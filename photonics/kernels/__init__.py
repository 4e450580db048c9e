"""Compiled kernels. Public functions elsewhere validate and allocate; these only compute.

One jit policy: `JIT` below. ``nogil`` because threads run these kernels side by side on disjoint
slices (numba's own parallel runtime is not used: it may not be entered from two threads, and a
schedule of our own keeps the bits independent of the number of threads). ``cache`` because a second
start should not compile. ``contract`` lets the compiler fuse a * b + c, which doubles the arithmetic
rate and rounds less; ``nsz`` (the sign of zero) lets it use the fused form for a first product. No
other relaxation: NaN and infinity propagate, and sums keep their order. ``error_model`` is NumPy's
because Python's checks every division for zero, a branch that stops vectorisation.
"""

from typing import Any

JIT: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "fastmath": {"contract", "nsz"},
    "error_model": "numpy",
}
