"""Training offline with noise injected: every input meets one of many simulated chips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from photonzero.photonics.chip.chip import ReadoutChip
from photonzero.training.oracle import Array, ControlGroupView, Inputs, Stencil


class ManyChips:
    """A forward oracle of K chips of one design: input b, or centre b of a stencil, meets chip b mod K.

    What is fitted to its answers has seen the errors of all of them at once, as in training with injected
    noise, at the cost of one chip.

    Args:
        chips: K >= 1 of one design.
    """

    def __init__(self, chips: Sequence[ReadoutChip]) -> None:
        self._chips = chips

    @property
    def n_controls(self) -> int:
        """Length of a control vector."""
        return self._chips[0].n_controls

    @property
    def control_groups(self) -> Mapping[str, ControlGroupView]:
        """Named groups of controls, alike on all chips."""
        return self._chips[0].control_groups

    @property
    def readout_weight(self) -> slice:
        """Place of the readout weights in the control vector."""
        return self._chips[0].readout_weight

    @property
    def readout_bias(self) -> slice:
        """Place of the readout biases in the control vector."""
        return self._chips[0].readout_bias

    def measure(self, controls: Array, inputs: Inputs) -> Array:
        """As one chip: (P, number of inputs, n_out)."""
        return self._gather([chip.measure for chip in self._chips], controls, inputs)

    def measure_features(self, controls: Array, inputs: Inputs) -> Array:
        """As one chip: (P, number of inputs, n_features)."""
        return self._gather([chip.measure_features for chip in self._chips], controls, inputs)

    def _gather(
        self, measure: Sequence[Callable[[Array, Inputs], Array]], controls: Array, inputs: Inputs
    ) -> Array:
        rows, offsets = (inputs.centers, inputs.offsets) if isinstance(inputs, Stencil) else (inputs, None)
        n_offsets = 1 if offsets is None else offsets.shape[0]
        parts = []
        for k, one in enumerate(measure[: rows.shape[0]]):
            mine = rows[k :: len(measure)]
            answer = one(controls, mine if offsets is None else Stencil(mine, offsets))
            parts.append(answer.reshape(controls.shape[0], mine.shape[0], n_offsets, -1))
        gathered = np.empty((controls.shape[0], rows.shape[0], *parts[0].shape[2:]), parts[0].dtype)
        for k, part in enumerate(parts):
            gathered[:, k :: len(measure)] = part
        return gathered.reshape(controls.shape[0], rows.shape[0] * n_offsets, -1)
