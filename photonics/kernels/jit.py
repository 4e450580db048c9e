"""How every kernel of the project is compiled: one policy, in this one place.

- ``nogil``: threads run kernels side by side on disjoint slices. Numba's own parallel runtime is not used: it
  may not be entered from two threads, and a schedule of our own keeps the bits independent of the number of
  threads.
- ``cache``: a second start should not compile.
- ``contract``: the compiler may fuse a * b + c, which doubles the arithmetic rate and rounds less. Off for
  the kernel that gives NumPy's bits.
- ``nsz``, no signed zeros: lets it use the fused form for a first product. Off for the kernels that read
  angles off their results, where 0 and -0 are half a turn apart.
- No other relaxation: NaN and infinity propagate, and sums keep their order.
- ``error_model``: NumPy's. Python's checks every division for zero, a branch that stops vectorisation.
- ``inline``: only for kernels that must see constants of their caller, such as the width of a tile.

Kernels that are cached know nothing of a change here: delete the ``__pycache__`` folders after one. In
innermost loops indices are unsigned where that matters: signed ones cost a test for negative values each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

JIT: Any = {"nogil": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}
"""What holds for functions that are compiled into kernels, too."""

COMPILED: list[Any] = []
"""All kernels that have been made, each with its plain Python form as `py_func`."""


def kernel(
    *, inline: bool = False, signed_zeros: bool = False, fused: bool = True
) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function by the policy above, when it is first called.

    Args:
        inline: put it into its callers before they are compiled.
        signed_zeros: keep the sign of zeros.
        fused: products may be fused with sums; without it every operation is rounded, as NumPy does.
    """
    options: Any = {**JIT, "cache": True}
    if signed_zeros:
        options["fastmath"] = {"contract"}
    if not fused:
        options["fastmath"] = False
    if inline:
        options["inline"] = "always"

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            made = njit(**options)(function)
        except RuntimeError:
            # Neither the package's folder nor the user's can be written, as in some containers: kernels are
            # compiled at every start then, to the same code. NUMBA_CACHE_DIR names a place that can.
            options["cache"] = False
            made = njit(**options)(function)
        COMPILED.append(made)
        return made

    return compiled
