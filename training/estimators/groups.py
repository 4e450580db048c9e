"""Gradients group by group: layer by layer, core by core.

A direction that moves one group alone does not carry the other groups' slopes as noise: with K losses
for each of G groups the variance of entry i in group g is ``(|grad_g|^2 - grad_i^2) / K`` in place of
``(|grad|^2 - grad_i^2) / (G K)`` for as many directions of all controls (Rademacher, antithetic). It pays
where the slopes are concentrated in few groups, or where steps are scaled group by group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from photonzero.training.estimators.base import Memoryless, Probes, directional_probes
from photonzero.training.estimators.random_directions import Distribution, draw_directions
from photonzero.training.oracle import Array


class GroupDirections(Memoryless):
    """K directions of every group.

    Args:
        groups: indices of each group among the n controls; together all of them.
        n: number of controls.
        n_directions: K, number of directions of every group.
        distribution: of the directions, see `draw_directions`.
        antithetic: measure pairs, 2 K losses a group, else K and one for the centre.
    """

    def __init__(
        self, groups: Sequence[Array], n: int, n_directions: int, distribution: Distribution, antithetic: bool
    ) -> None:
        self._groups, self._n, self._k = list(groups), n, n_directions
        self._distribution: Distribution = distribution
        self._antithetic = antithetic

    def probes(self, step: int, rng: np.random.Generator) -> Probes:
        """Directions of one group after the other."""
        directions = np.zeros((self._k * len(self._groups), self._n))
        for g, group in enumerate(self._groups):
            drawn = draw_directions(self._distribution, self._k, group.size, rng)
            directions[g * self._k : (g + 1) * self._k, group] = drawn
        whole = directional_probes(directions, self._antithetic)
        # Each group has K of the G K directions, which the common mean divides by.
        return Probes(whole.offsets, lambda losses: whole.gradient(losses) * len(self._groups))


class ImportantGroups:
    """K directions a step, each of a group drawn by its importance.

    Group g is drawn with a probability q_g proportional to the running mean of its gradient's length,
    mixed with the uniform one, and its estimate divided by q_g: unbiased whatever the q_g.

    Args:
        groups: indices of each group among the n controls; together all of them.
        n: number of controls.
        n_directions: K, number of directions of all groups together.
        distribution: of the directions, see `draw_directions`.
        antithetic: measure pairs, 2 K losses, else K + 1.
    """

    _UNIFORM_SHARE = 0.2
    """Of the uniform distribution in the drawn one: no q_g is below a fifth of 1 / n_groups."""
    _DECAY = 0.9
    """Of the running length when a group is seen again: a mean over some ten estimates, each a factor off."""

    def __init__(
        self, groups: Sequence[Array], n: int, n_directions: int, distribution: Distribution, antithetic: bool
    ) -> None:
        self._groups, self._n, self._k = list(groups), n, n_directions
        self._distribution: Distribution = distribution
        self._antithetic = antithetic
        self._length = np.ones(len(self._groups))

    @property
    def probabilities(self) -> Array:
        """How likely each group is to be drawn, q_g, (n_groups,)."""
        total = self._length.sum()
        own = self._length / total if total > 0 else np.full(len(self._groups), 1 / len(self._groups))
        return self._UNIFORM_SHARE / len(self._groups) + (1 - self._UNIFORM_SHARE) * own

    def probes(self, step: int, rng: np.random.Generator) -> Probes:
        """Directions of the groups that were drawn."""
        probability = self.probabilities
        chosen = rng.choice(len(self._groups), size=self._k, p=probability)
        directions, weight = np.zeros((self._k, self._n)), np.empty(self._k)
        for k, g in enumerate(chosen):
            group = self._groups[g]
            directions[k, group] = draw_directions(self._distribution, 1, group.size, rng)[0]
            weight[k] = 1.0 / probability[g]
        whole = directional_probes(directions, self._antithetic)

        def gradient(losses: Array) -> Array:
            if self._antithetic:
                slope = (losses[: self._k] - losses[self._k :]) / 2.0
            else:
                slope = losses[1:] - losses[0]
            return (slope * weight) @ directions / self._k

        return Probes(whole.offsets, gradient)

    def learn(self, loss: float, gradient: Array) -> None:
        """Update the importance of the groups that were seen."""
        for g, group in enumerate(self._groups):
            length = float(np.linalg.norm(gradient[group]))
            if length > 0:
                self._length[g] = self._DECAY * self._length[g] + (1 - self._DECAY) * length

    def state(self) -> dict[str, Array]:
        """The running lengths of the groups' gradients, (n_groups,)."""
        return {"length": self._length.copy()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        self._length = np.array(state["length"])
