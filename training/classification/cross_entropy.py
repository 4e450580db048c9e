"""Softmax cross-entropy of measured logits, with its exact curvature."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from photonzero.training.objective import QuadraticModel
from photonzero.training.oracle import Array

_LEAST_PROBABILITY = 1e-4
"""Smaller ones count as this in the curvature: their residuals (p - y) / sqrt(p) would drown all others."""


class CrossEntropy:
    """Mean over B samples of ``-log softmax(logits)[label]``, an `OutputLoss` of B * c logits.

    Its Hessian by the logits of a sample is ``H = diag(p) - p p^T = W0^T W0`` with
    ``W0 = (1 - q q^T) diag(q)``, q = sqrt(p), and the gradient ``p - y = W0^T r0`` with ``r0 = (p - y) / q``.
    So ``loss + (p - y) . d + d^T H d / 2 = |r0 + W0 d|^2 / 2 + constant``: generalised Gauss-Newton is least
    squares in the logits' Jacobian alone.

    Args:
        labels: right classes of B samples, (B,) integers.
        n_classes: number of classes, c.
        weights: weights (B,) of the samples in the mean, for samples that were not drawn alike; None for
            all 1.
    """

    is_quadratic = False

    def __init__(self, labels: Array, n_classes: int, weights: Array | None = None) -> None:
        self._labels, self._c = labels, n_classes
        self.residual_variance: float | None = n_classes / 2.0
        self._weights = np.ones(len(labels)) if weights is None else weights

    def losses(self, outputs: Array) -> Array:
        """Cross-entropies (Q,) of logits (Q, B * c)."""
        logits = outputs.reshape(len(outputs), -1, self._c)
        index = np.broadcast_to(self._labels, logits.shape[:2])[..., None]
        log_p = np.take_along_axis(log_softmax(logits, axis=2), index, axis=2)[..., 0]
        return -(self._weights * log_p).mean(axis=1)

    def gradient(self, logits: Array) -> tuple[float, Array]:
        """The loss of logits (B, c), and its derivatives by them."""
        log_p = log_softmax(logits, axis=1)
        rows, slopes = np.arange(len(log_p)), np.exp(log_p)
        slopes[rows, self._labels] -= 1.0
        loss = -float((self._weights * log_p[rows, self._labels]).mean())
        return loss, slopes * (self._weights / len(log_p))[:, None]

    def quadratic(self, outputs: Array) -> QuadraticModel:
        """The model near logits (B * c,); its mean over B * c entries is the loss, up to a constant."""
        logits = outputs.reshape(-1, self._c)
        p = np.maximum(np.exp(log_softmax(logits, axis=1)), _LEAST_PROBABILITY)
        p /= p.sum(axis=1, keepdims=True)
        q = np.sqrt(p)
        gradient = p.copy()
        gradient[np.arange(len(p)), self._labels] -= 1.0
        # |r|^2 / 2 summed over a sample's c entries is c / 2 times their mean.
        factor = np.sqrt(self._weights * self._c / 2.0)
        blocks = (np.eye(self._c) - q[:, :, None] * q[:, None, :]) * q[:, None, :]
        return QuadraticModel((factor[:, None] * gradient / q).ravel(), factor[:, None, None] * blocks)
