"""Batches that overlap: windows that slide along an endless stream of random points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from photonzero.training.oracle import Array

Drawn = tuple[Array, ...]
"""Arrays of as many rows as points were asked for."""


def window(
    draw: Callable[[int, np.random.Generator], Drawn], seed: list[int], chunk: int, span: slice
) -> Drawn:
    """Points `span.start` to `span.stop` of the stream, a pure function of the seed.

    Args:
        draw: so many points, from a generator.
        seed: of the stream.
        chunk: points that are drawn together, each chunk from a generator of its own.
        span: place in the stream.
    """
    first, last = span.start // chunk, (span.stop - 1) // chunk
    chunks = [draw(chunk, np.random.default_rng([*seed, number])) for number in range(first, last + 1)]
    start = span.start - first * chunk
    return tuple(
        np.concatenate(parts)[start : start + span.stop - span.start] for parts in zip(*chunks, strict=True)
    )


def span_of(number: int, size: int, overlap: float) -> slice:
    """Where batch `number` of `size` points lies; it keeps the share `overlap` of the one before."""
    fresh = max(1, round((1.0 - overlap) * size))
    return slice(number * fresh, number * fresh + size)
