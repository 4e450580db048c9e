"""Whether derivatives of rounded answers are still derivatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photonzero.training.errors import ArgumentError
from photonzero.training.objective.pinn.block import Block
from photonzero.training.pde.fields import quantity_map

_LARGEST_SHARE = 0.1
"""Of a derivative that rounding may be; a chip rounds more than once, by two or three times as much."""


def check_rounding(blocks: Sequence[Block], relative: float) -> None:
    """Refuse stencils so narrow that the rounding of answers is not small beside what they measure.

    A function of size 1 that changes over the width of what is presented has derivatives of about 1 in
    units of the network's input, and a derivative with weights w over nodes carries the rounding of each.

    Args:
        blocks: a batch.
        relative: distance of neighbouring numbers around 1 in the chip's arithmetic.

    Raises:
        ArgumentError: says how much of a derivative would be rounding.
    """
    for block in blocks:
        rows = quantity_map(block.stencil, block.term.keys, np.ones(block.points.shape[1])).rows
        share = relative * float(np.sqrt((rows**2).sum(axis=1)).max())
        if not share <= _LARGEST_SHARE:
            raise ArgumentError(
                f"derivatives: rounding alone makes errors of {100 * share:.0f} % in {block.term.name}, "
                f"whose nodes lie {_narrowest(block):.1e} apart; allowed: {100 * _LARGEST_SHARE:.0f} % "
                "(a wider spacing or sigma, or dtype = 'float64')"
            )


def _narrowest(block: Block) -> float:
    offsets = np.abs(block.stencil.offsets)
    return float(offsets[offsets > 0].min())
