"""The one operation that nearly all time goes into: mix two rows of a tile, 8 fused steps each.

Two rows of an array may be the same row for all that a compiler knows, so a plain loop over
columns is compiled with a check of overlap in front of every MZI, which costs as much as the work.
The compiled form therefore says in LLVM's terms what the Python form means: load both rows, mix,
store both. `mix_rows` is the Python form when called from Python (and from `kernel.py_func`), the
vector form when called from compiled code.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, overload

# Columns that cross a mesh together: a row, real and imaginary, is 4 cache lines in float64.
TILE = 16
# Numbers per vector register of the common machines (AVX2); others split or join these.
_LANES = {64: 4, 32: 8}


def mix_rows(tile, p, q, xr, xi, yr, yi):
    """Add x times row q to row p, and y times the old row p to row q, for complex x and y.

    Args:
        tile: (N, 2 TILE) real parts, then imaginary parts of `TILE` columns; contiguous.
        p: first row.
        q: second row, another one.
        xr: real part of x.
        xi: imaginary part of x.
        yr: real part of y.
        yi: imaginary part of y.
    """
    ar, ai = tile[p, :TILE].copy(), tile[p, TILE:].copy()
    br, bi = tile[q, :TILE].copy(), tile[q, TILE:].copy()
    tile[p, :TILE] = (ar + xr * br) - xi * bi
    tile[p, TILE:] = (ai + xr * bi) + xi * br
    tile[q, :TILE] = (br + yr * ar) - yi * ai
    tile[q, TILE:] = (bi + yr * ai) + yi * ar


def _emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Write LLVM instructions for `mix_rows`: per vector 4 loads, 8 multiply-adds, 4 stores."""
    array_type = signature.args[0]
    data = context.make_array(array_type)(context, builder, args[0]).data
    number = context.get_data_type(array_type.dtype)
    lanes = _LANES[array_type.dtype.bitwidth]
    vector = ir.VectorType(number, lanes)
    index = ir.IntType(64)
    size = array_type.dtype.bitwidth // 8

    def pointers(row: Any) -> list[Any]:
        start = builder.mul(builder.sext(row, index), ir.Constant(index, 2 * TILE))
        first = builder.gep(data, [start])
        return [
            builder.bitcast(builder.gep(first, [ir.Constant(index, t)]), vector.as_pointer())
            for t in range(0, 2 * TILE, lanes)
        ]

    def spread(scalar: Any) -> Any:
        blank = ir.Constant(vector, ir.Undefined)
        lane = ir.IntType(32)
        held = builder.insert_element(blank, scalar, ir.Constant(lane, 0))
        return builder.shuffle_vector(held, blank, ir.Constant(ir.VectorType(lane, lanes), None))

    def add(a: Any, x: Any, b: Any) -> Any:
        return builder.fadd(a, builder.fmul(x, b, flags=["contract"]), flags=["contract"])

    def subtract(a: Any, x: Any, b: Any) -> Any:
        return builder.fsub(a, builder.fmul(x, b, flags=["contract"]), flags=["contract"])

    p, q = pointers(args[1]), pointers(args[2])
    xr, xi, yr, yi = (spread(scalar) for scalar in args[3:])
    half = TILE // lanes
    for k in range(half):
        ar, ai = (builder.load(pointer, align=size) for pointer in (p[k], p[k + half]))
        br, bi = (builder.load(pointer, align=size) for pointer in (q[k], q[k + half]))
        builder.store(subtract(add(ar, xr, br), xi, bi), p[k], align=size)
        builder.store(add(add(ai, xr, bi), xi, br), p[k + half], align=size)
        builder.store(subtract(add(br, yr, ar), yi, ai), q[k], align=size)
        builder.store(add(add(bi, yr, ai), yi, ar), q[k + half], align=size)
    return context.get_dummy_value()


@intrinsic
def _mix_rows(typing_context, tile, p, q, xr, xi, yr, yi):
    return types.void(tile, p, q, xr, xi, yr, yi), _emit


@overload(mix_rows, inline="always")
def _overload_mix_rows(tile, p, q, xr, xi, yr, yi):
    if tile.layout != "C" or tile.ndim != 2 or p != types.int32 or q != types.int32:
        return None
    if any(scalar != tile.dtype for scalar in (xr, xi, yr, yi)):
        return None

    def compiled(tile, p, q, xr, xi, yr, yi):
        # Numba supplies the typing context, which a type checker takes for a missing argument.
        _mix_rows(tile, p, q, xr, xi, yr, yi)  # pyright: ignore[reportCallIssue]

    return compiled
