"""The convention of one MZI, stated once: every kernel and every test refers to this page.

Fields are amplitudes of exp(-i omega t); a phase shifter multiplies by exp(+i phase). Light meets,
in this order:

- asymmetric cell: external shifter phi on the upper input, coupler, internal shifter theta on the
  upper arm, coupler: ``M = C(out) diag(e^{i theta}, 1) C(in) diag(e^{i phi}, 1)``;
- symmetric cell: coupler, theta on the upper arm and phi on the lower arm, coupler:
  ``M = C(out) diag(e^{i theta}, e^{i phi}) C(in)``.

A coupler with angle error d has ``C = [[cos e, i sin e], [i sin e, cos e]]``, ``e = pi/4 + d``, so it
sends sin^2 e of the power across. Ideal cells are, with h = theta/2 (asymmetric) or
(theta - phi)/2 (symmetric):

- asymmetric: ``i e^{i theta/2} [[e^{i phi} sin h, cos h], [e^{i phi} cos h, -sin h]]``;
- symmetric: ``i e^{i (theta + phi)/2} [[sin h, cos h], [cos h, -sin h]]``.

theta = 0 is the cross state, theta = pi the bar state (Clements et al. 2016, with 50:50 couplers
i/sqrt(2); Bell and Walmsley 2021 for the symmetric form). A transfer matrix U maps inputs to
outputs, ``out = U @ in``, and after the last layer every mode has an output phase shifter.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from photonzero.devices.coupler import coupler_transfer
from photonzero.devices.loss import amplitude_transmission

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]


def coupler_pair(
    first_rad: FloatArray, second_rad: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """All that the couplers of an MZI do to it, whatever stands between them.

    Products of the cosines and sines of pi/4 + e1 and pi/4 + e2 are half sums of these, such as
    ``cos cos = (cos(e1 - e2) - sin(e1 + e2)) / 2``: exactly 1/2 where both errors are zero.

    Args:
        first_rad: angle errors e1 of the couplers that light meets first, any shape [rad].
        second_rad: errors e2 of the second ones, the same shape [rad].

    Returns:
        cos(e1 - e2), sin(e1 + e2), cos(e1 + e2) and sin(e1 - e2), of that shape.
    """
    plus, minus = first_rad + second_rad, first_rad - second_rad
    return np.cos(minus), np.sin(plus), np.cos(plus), np.sin(minus)


def cell_matrix(
    theta_rad: float,
    phi_rad: float,
    kind: Literal["asymmetric", "symmetric"] = "asymmetric",
    *,
    coupler_in_error_rad: float = 0.0,
    coupler_out_error_rad: float = 0.0,
    cell_loss_db: float = 0.0,
    theta_loss_db: float = 0.0,
    phi_loss_db: float = 0.0,
) -> ComplexArray:
    """Transfer matrix (2, 2) of one MZI, as the product of its parts; modes (upper, lower).

    Args:
        theta_rad: internal phase, upper arm.
        phi_rad: external phase, upper input (asymmetric), or lower arm (symmetric).
        kind: which cell.
        coupler_in_error_rad: angle error of the coupler that light meets first.
        coupler_out_error_rad: angle error of the second coupler.
        cell_loss_db: loss of both modes, whatever their phases.
        theta_loss_db: loss of the theta shifter, on its arm only.
        phi_loss_db: loss of the phi shifter, on its waveguide only.
    """
    first = coupler_transfer(coupler_in_error_rad)
    second = coupler_transfer(coupler_out_error_rad)
    theta = amplitude_transmission(theta_loss_db) * np.exp(1j * theta_rad)
    phi = amplitude_transmission(phi_loss_db) * np.exp(1j * phi_rad)
    if kind == "asymmetric":
        matrix = second @ np.diag([theta, 1.0]) @ first @ np.diag([phi, 1.0])
    else:
        matrix = second @ np.diag([theta, phi]) @ first
    return amplitude_transmission(cell_loss_db) * matrix
