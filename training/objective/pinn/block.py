"""One term of a PDE on one batch of points: what is measured for it, and residuals from that.

A residual is a formula of quantities (u, u_t, a Laplacian, ...), each linear in u. The ansatz is affine in
the network's outputs and the digital readout is linear in its features, so quantities are affine in the
readout: ``q = q_0 + G theta``. G has as many rows a point as the formula has quantities, however many
nodes the stencil has, and is all that is kept of a measurement of features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from photonzero.training.errors import MeasurementError
from photonzero.training.objective.pinn.ansatz import AffineAnsatz
from photonzero.training.objective.pinn.features import Features, reduced_features
from photonzero.training.oracle import Array, ForwardOracle, ReadoutOracle, Stencil
from photonzero.training.pde.base import PDE
from photonzero.training.pde.fields import QuantityPlaces, quantity_map
from photonzero.training.pde.terms import Term
from photonzero.training.stencils import DerivativeStencil

_NUMBERS_AT_ONCE = 8_000_000
"""Measured numbers held at a time, 32 MB in float32; what is larger is measured in tiles."""


class Block:
    """A term at B points, with a stencil of K nodes.

    Args:
        problem: the PDE.
        term: the problem's residual or a condition.
        points: B points in the problem's coordinates, (B, d).
        stencil: a stencil of K nodes in the coordinates of the network's input.
    """

    def __init__(self, problem: PDE, term: Term, points: Array, stencil: DerivativeStencil) -> None:
        self.term = term
        self.points = points
        self.stencil = stencil
        self._problem = problem
        self._map = quantity_map(stencil, term.keys, problem.scale)
        self._centers = (points - problem.center) / problem.scale
        n_points, n_nodes = points.shape[0], stencil.n_nodes
        self._ansatz = AffineAnsatz(
            problem, self.nodes, n_points, n_nodes, self.quantities_of, _NUMBERS_AT_ONCE
        )
        self._constant = self._ansatz.constant

    def at(self, points: Array) -> Block:
        """The same term and stencil at other points (B, d)."""
        return Block(self._problem, self.term, points, self.stencil)

    @property
    def n_inferences(self) -> int:
        """Number of optical inferences that a candidate costs, B * K."""
        return self.points.shape[0] * self.stencil.n_nodes

    @property
    def n_residuals(self) -> int:
        """Number of residuals, B times the number of equations."""
        return self.points.shape[0] * self.term.n_equations

    def residuals(self, oracle: ForwardOracle, controls: Array) -> Array:
        """Measured residuals (P, n_residuals) of settings (P, n_controls)."""
        n_points, n_nodes = self.points.shape[0], self.stencil.n_nodes
        quantities = np.empty((len(controls), n_points, *self._constant.shape[1:]))
        for some, rows in self._tiles(len(controls), self._problem.n_outputs):
            network = oracle.measure(controls[some], self._inputs(rows)).astype(np.float64)
            if network.shape[2] != self._problem.n_outputs:
                raise MeasurementError(
                    f"oracle answer: {network.shape[2]} outputs; allowed: {self._problem.n_outputs}, as "
                    f"{self._problem.name} has"
                )
            network = network.reshape(network.shape[0], -1, n_nodes, self._problem.n_outputs)
            quantities[some, rows] = self._constant[rows]
            coefficients = self._ansatz.coefficients(rows)
            for out, net, c in self._ansatz.links:
                weighted = network[..., net] * coefficients[c]
                quantities[some, rows, out] += weighted @ self._map.rows.T
        return self._formula(quantities)

    def features(self, oracle: ReadoutOracle, controls: Array, n_features: int) -> Features:
        """Measured features of settings (P, n_controls), reduced to what the formula needs."""
        n_nodes = self.stencil.n_nodes
        reduced: Features | None = None
        for some, rows in self._tiles(len(controls), n_features):
            measured = oracle.measure_features(controls[some], self._inputs(rows))
            measured = measured.reshape(measured.shape[0], -1, n_nodes, n_features)
            if reduced is None:
                shape = (len(controls), n_features)
                reduced = reduced_features(
                    self._map, self._constant, self._ansatz.links, shape, measured.dtype
                )
            reduced.store(some, rows, measured, self._ansatz.coefficients(rows))
        assert reduced is not None
        return reduced

    def residuals_of(self, features: Features, p: int, readouts: Array) -> Array:
        """Residuals (Q, n_residuals) of candidate p with Q readouts: weights, row after row, then biases."""
        return self._formula(features.quantities(p, self._by_output(readouts)), features.places)

    def columns(self, features: Features, p: int, readout: Array) -> Array:
        """Derivative (n_residuals, n_out, n_f + 1) by weights and bias of each output, at one readout."""
        quantities = features.quantities(p, self._by_output(readout[None]))[0]
        slopes = self.sensitivities(quantities, features.places)
        columns = features.by_readout(p, slopes)
        return columns.reshape(-1, *columns.shape[2:])

    @property
    def has_jets(self) -> bool:
        """Whether derivatives are needed, none above the second."""
        return not self.term.value_only and all(k[0] != "partial" or len(k[1]) <= 2 for k in self.term.keys)

    def maps_of_nodes(self) -> list[Array]:
        """Quantities by a network's answers at the nodes, (B, n_q, K), for each distinct coefficient."""
        return [self._map.rows * own[:, None] for own in self._ansatz.coefficients(slice(None))]

    @cached_property
    def jets(self) -> tuple[Array, Array]:
        """Second derivatives that the stencil makes of a function, and how much of each is in a quantity.

        What it makes of one depends, for close nodes, on the function's Taylor series to the second order:
        with weights a_k and offsets o_k on ``sum a_k``, ``sum a_k o_k`` and ``C = sum a_k o_k o_k^T / 2``.

        Returns:
            The forms C that occur, (J, d, d), and shares (n_q, J).
        """
        rows, offsets = self._map.rows, self.stencil.offsets
        dim = offsets.shape[1]
        sizes = np.abs(rows) @ (offsets**2).sum(axis=1)
        forms: list[Array] = []
        shares = np.zeros((len(rows), 0))
        n_together = max(1, _NUMBERS_AT_ONCE // dim**2)
        for start in range(0, len(rows), n_together):
            some = rows[start : start + n_together]
            used = some.any(axis=0)
            weights, places = some[:, used], offsets[used]
            of_rows = 0.5 * np.einsum("qk,ka,kb->qab", weights, places, places, optimize=True)
            for q, own in enumerate(of_rows, start):
                length = float(np.linalg.norm(own))
                if length <= 1e-9 * sizes[q]:
                    continue
                alike = (np.allclose(form, own / length, rtol=0, atol=1e-9) for form in forms)
                known = [j for j, same in enumerate(alike) if same]
                if not known:
                    forms.append(own / length)
                    shares = np.concatenate([shares, np.zeros((len(rows), 1))], axis=1)
                shares[q, known[0] if known else -1] = length
        return np.array(forms).reshape(-1, dim, dim), shares

    def maps_of_jets(self) -> list[Array]:
        """Quantities by a network's value, d slopes and J second derivatives at the points, see `jets`.

        Returns:
            (B, n_q, 1 + d + J) for each distinct coefficient.
        """
        rows, offsets = self._map.rows, self.stencil.offsets
        forms, shares = self.jets
        low = np.concatenate([np.ones((len(offsets), 1)), offsets], axis=1)
        # A coefficient's mean over the nodes that a second derivative is made of.
        along = 0.5 * np.einsum("jab,ka,kb->jk", forms, offsets, offsets, optimize=True)
        maps = []
        for own in self._ansatz.coefficients(slice(None)):
            second = (own @ (rows[:, None] * along).reshape(-1, len(offsets)).T).reshape(
                len(own), *shares.shape
            )
            maps.append(np.concatenate([(rows * own[:, None]) @ low, second * (shares > 0)], axis=2))
        return maps

    def residuals_at(self, maps: Sequence[Array], answers: Array) -> Array:
        """Residuals (n_residuals,) of a network's answers (B, T, m), and no chip behind it."""
        return self._formula(self._quantities_at(maps, answers)[None])[0]

    def linearised(self, maps: Sequence[Array], answers: Array) -> tuple[Array, Array]:
        """The same, and their derivatives (B, n_equations, T, m) by the answers."""
        quantities = self._quantities_at(maps, answers)
        slopes = self.sensitivities(quantities)
        by_answers = np.zeros((*slopes.shape[:2], *answers.shape[1:]))
        for out, net, c in self._ansatz.links:
            by_answers[..., net] += slopes[:, :, out] @ maps[c]
        return self._formula(quantities[None])[0], by_answers

    def sensitivities(self, quantities: Array, places: QuantityPlaces | None = None) -> Array:
        """Derivatives (B, n_equations, m, n_q) of the formula by the quantities (B, m, n_q).

        Central differences of the formula, which is known and smooth; exact if it is quadratic.
        """
        n_points, n_outputs, n_quantities = quantities.shape
        size = np.sqrt((quantities**2).mean(axis=0))
        step = 1e-3 * np.where(size > 0, size, 1.0)
        slopes = np.empty((n_points, self.term.n_equations, n_outputs, n_quantities))
        for out in range(n_outputs):
            for k in range(n_quantities):
                pair = np.stack([quantities, quantities])
                pair[:, :, out, k] += step[out, k] * np.array([[1.0], [-1.0]])
                plus, minus = self._formula(pair, places).reshape(2, n_points, -1)
                slopes[:, :, out, k] = (plus - minus) / (2 * step[out, k])
        return slopes

    def quantities_of(self, values: Array) -> Array:
        """Quantities (B, m, n_q) of a function with values (B, K, m) at `nodes`."""
        return np.moveaxis(values, -1, 1) @ self._map.rows.T

    def nodes(self, rows: slice = slice(None)) -> Array:
        """The points of the stencils, (B, K, d), in the problem's coordinates."""
        return self.points[rows, None, :] + self.stencil.offsets * self._problem.scale

    def formula(self, quantities: Array) -> Array:
        """Residuals (P, n_residuals) of quantities (P, B, m, n_q)."""
        return self._formula(quantities)

    def _formula(self, quantities: Array, places: QuantityPlaces | None = None) -> Array:
        """Residuals of quantities, which stand as in the stencil's map if nothing else is said."""
        layout = self._map if places is None else places
        sources = [layout.source(quantities[:, :, out]) for out in range(quantities.shape[2])]
        residuals = self.term.residuals(self._problem, self.points, sources)
        return residuals.reshape(residuals.shape[0], -1)

    def _quantities_at(self, maps: Sequence[Array], answers: Array) -> Array:
        """(B, m, n_q) of a network's answers (B, T, m)."""
        quantities = self._constant.copy()
        for out, net, c in self._ansatz.links:
            quantities[:, out] += (maps[c] @ answers[..., net, None])[..., 0]
        return quantities

    def _by_output(self, readouts: Array) -> Array:
        """(Q, m, n_f + 1) of readouts (Q, n_readout): weights, row after row, then biases."""
        m = self._problem.n_outputs
        weights = readouts[:, :-m].reshape(len(readouts), m, -1)
        return np.concatenate([weights, readouts[:, -m:, None]], axis=2)

    def _inputs(self, rows: slice) -> Stencil | Array:
        if self.stencil.n_nodes == 1 and not self.stencil.offsets.any():
            return self._centers[rows]
        return Stencil(self._centers[rows], self.stencil.offsets)

    def _tiles(self, n_candidates: int, width: int) -> Iterator[tuple[slice, slice]]:
        """Candidates and points that are measured together, so that memory is bounded."""
        n_points = self.points.shape[0]
        per_point = self.stencil.n_nodes * width
        n_together = max(1, _NUMBERS_AT_ONCE // (per_point * n_points))
        if n_together == 1:
            n_points = max(1, min(n_points, _NUMBERS_AT_ONCE // per_point))
        for p in range(0, n_candidates, n_together):
            for b in range(0, self.points.shape[0], n_points):
                yield slice(p, p + n_together), slice(b, b + n_points)


@dataclass(frozen=True)
class BlockReadout:
    """`Readout` of one block, from its measured features.

    Attributes:
        block: a term at its points.
        features: reduced features of all candidates.
    """

    block: Block
    features: Features

    def residuals(self, p: int, readouts: Array) -> Array:
        """Residuals (Q, n_residuals) of candidate p with other readouts (Q, n_readout)."""
        return self.block.residuals_of(self.features, p, readouts)

    def columns(self, p: int, readout: Array) -> Array:
        """Derivative (n_residuals, n_readout) of candidate p's residuals by the readout's controls."""
        columns = self.block.columns(self.features, p, readout)
        weights = columns[:, :, :-1].reshape(len(columns), -1)
        return np.concatenate([weights, columns[:, :, -1]], axis=1)
