"""Questions to single layers, put to a chip that shows the readings of its last layer alone.

See `photonzero.training.layers.behind` for how a layer is driven and read then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import nnls

from photonzero.training.layers.behind import Behind, best_views, flatness, inverse, invertible
from photonzero.training.layers.network import activated
from photonzero.training.layers.oracle import LastLayerReading, LayerFormat, LayerReading
from photonzero.training.layers.tensor_train import tt_cores, tt_matrix
from photonzero.training.layers.weighing import entry_noise, reading_variance, weighed, weighing_design
from photonzero.training.oracle import Array

_ALIKE = 0.3
"""Weight of layers before the last being alike in noise, over that of what was measured."""


class ThroughLast:
    """Puts questions to single layers, and finds their answers in the readings of the last one.

    A question to a layer behind which others stand is put S times, once for each of S settings of those: the
    views, whose matrices are known. It costs S times the inferences. A vector that biases present takes a
    setting of its own.

    Args:
        formats: of the layers.
        by_core: places of each core's controls that may be moved, layer by layer.
        n_views: S.

    Attributes:
        matrices: of every layer but the first at the views, (S, m, n), by its number; those that are known.

    Raises:
        ArgumentError: an activation before the last layer through which nothing can be told.
    """

    def __init__(
        self, formats: Sequence[LayerFormat], by_core: Sequence[Sequence[Array]], n_views: int
    ) -> None:
        for layer in formats[:-1]:
            invertible(layer.activation)
        self._formats, self._n_views = formats, n_views
        self._moved = [np.concatenate(own) for own in by_core]
        self._settings = np.zeros((n_views, 0))
        self.matrices: dict[int, Array] = {}
        self._vectors: dict[int, Array] = {}

    @property
    def last(self) -> int:
        """Number of the last layer."""
        return len(self._formats) - 1

    def behind(self, layer: int) -> Behind:
        """What stands behind a layer, at the views."""
        later = range(layer + 1, len(self._formats))
        return Behind([own.activation for own in self._formats[layer:-1]], [self.matrices[k] for k in later])

    def asked(self, question: LayerReading) -> LastLayerReading:
        """A question to one layer as one to the whole chip."""
        k, n_controls = question.layer, question.controls.shape[1]
        settings = question.controls[:, None]
        if k < self.last:
            settings = np.repeat(settings, self._n_views, axis=1)
            later = np.concatenate(self._moved[k + 1 :])
            settings[:, :, later] = self._settings[None][:, :, later]
        settings = settings.copy()
        for j, own in enumerate(self._formats):
            if j != k - 1:
                settings[..., own.bias] = 0.0
        if k == 0:
            return LastLayerReading(settings.reshape(-1, n_controls), question.vectors)
        before = self._formats[k - 1]
        settings = np.repeat(settings[:, :, None], len(question.vectors), axis=2)
        settings[..., before.bias] = inverse(before.activation, question.vectors)
        return LastLayerReading(settings.reshape(-1, n_controls), np.zeros((1, self._formats[0].n_in)))

    def answered(self, question: LayerReading, last: Array) -> Array:
        """Readings (P, B, m) of the layer that a question was put to, from those of the last layer."""
        seen = self._by_vector(question, last)
        # Of the last layer there is one view, the setting itself.
        found = self.behind(question.layer).readings(seen) if question.layer < self.last else seen
        return found.reshape(len(question.controls), len(question.vectors), -1)

    def operations(self, question: LayerReading) -> float:
        """Multiplications and additions of `answered`, but for the corrections of deep networks."""
        if question.layer == self.last:
            return 0.0
        n_readings = self._n_views * self._formats[-1].n_out
        return 2.0 * question.n_inferences * n_readings * self._formats[question.layer].n_out

    def pool(self, layer: int, candidates: Array, size: float, rng: np.random.Generator) -> LayerReading:
        """Some settings (P, n_controls) of a layer, weighed once, for views to be chosen from."""
        self._vectors[layer] = weighing_design(self._formats[layer].n_in, 1, size, rng)
        return LayerReading(layer, candidates, self._vectors[layer])

    def choose(self, question: LayerReading, readings: Array) -> None:
        """The views of a layer: of a pool, those that together tell best what the layer is presented."""
        chosen = best_views(weighed(readings, question.vectors), self._n_views)
        if not self._settings.size:
            self._settings = question.controls[chosen].copy()
        own = self._moved[question.layer]
        self._settings[:, own] = question.controls[chosen][:, own]

    def views(self, layer: int, repeats: int, size: float, rng: np.random.Generator) -> LayerReading:
        """The views of a layer, to be weighed."""
        return LayerReading(
            layer, self._settings, weighing_design(self._formats[layer].n_in, repeats, size, rng)
        )

    def learn(self, question: LayerReading, readings: Array) -> None:
        """The matrices of a layer at its views, from readings (S, B, m)."""
        own, vectors = self._formats[question.layer], question.vectors
        found = weighed(readings, vectors)
        std = entry_noise(reading_variance(readings, vectors, found), vectors)
        cores = [tt_cores(each, own.out_modes, own.in_modes, own.ranks, std) for each in found]
        self.matrices[question.layer] = np.stack([tt_matrix(each) for each in cores])

    def detector_variances(
        self,
        questions: Sequence[LayerReading],
        last: Sequence[Array],
        matrices: Sequence[Array],
        variance: float,
    ) -> Array:
        """Of one reading of every layer, (layers,), where only the last layer's are seen.

        What the last readings differ by from those that measured matrices give is the noise of all
        detectors on the way, each by the slope with which it gets through; as many mean squares as layers
        tell them apart, those before the last one weakly.

        Args:
            questions: weighings of all layers at one setting, the first layer first.
            last: the last readings that answer them, (.., B, m) each.
            matrices: of all layers at that setting, as found from these.
            variance: of the last layer's readings as found from them.
        """
        n_layers = len(self._formats)
        shares, seen = np.zeros((n_layers, n_layers)), np.zeros(n_layers)
        for k, (question, answer) in enumerate(zip(questions, last, strict=True)):
            presented = question.vectors
            shares[k, -1] = 1.0
            if k == self.last:
                seen[k], through = variance, matrices[k][None]
            else:
                own, behind = self._formats[k], self.behind(k)
                z = presented @ matrices[k].T
                there = activated(own.activation, z)
                left = self._by_vector(question, answer) - behind.last_readings(there)
                seen[k] = (left**2).sum() / (left.size - matrices[k].size)
                through = behind.slopes * np.sqrt((flatness(own.activation, there) ** 2).mean(axis=0))
                shares[k, k] = _row_size(through)
                through = through @ matrices[k]
                for j in range(k + 1, self.last):
                    shares[k, j] = _row_size(self.behind(j).slopes)
            for j in range(k - 1, -1, -1):
                if j == k - 1:
                    slope = flatness(self._formats[j].activation, presented)
                    through = through * np.sqrt((slope**2).mean(axis=0))
                shares[k, j] = _row_size(through)
                through = through @ matrices[j]
        if not seen.all():
            return np.zeros(n_layers)
        # Layers before the last answer alike: what hardly tells them apart is left to their being alike.
        alike = np.eye(n_layers)[: n_layers - 2] - np.eye(n_layers, k=1)[: n_layers - 2]
        rows = np.concatenate([shares / seen[:, None], _ALIKE * alike * shares.mean() / seen.mean()])
        return nnls(rows, np.append(np.ones(n_layers), np.zeros(len(alike))))[0]

    def state(self) -> dict[str, Array]:
        """What is known of the views."""
        state = {"views": self._settings.copy()}
        for k in range(1, len(self._formats)):
            state[f"view{k}"] = self.matrices[k].copy() if k in self.matrices else np.zeros(0)
        return state

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from `state`."""
        self._settings = np.array(state["views"])
        known = {k: np.array(state[f"view{k}"]) for k in range(1, len(self._formats))}
        self.matrices = {k: own for k, own in known.items() if own.size}

    def _by_vector(self, question: LayerReading, last: Array) -> Array:
        """Last readings with a row for every setting and vector, (P B, S, m)."""
        n_settings, n_vectors = len(question.controls), len(question.vectors)
        rows = last.astype(np.float64).reshape(n_settings, -1, n_vectors, last.shape[-1])
        return rows.transpose(0, 2, 1, 3).reshape(n_settings * n_vectors, -1, last.shape[-1])


def _row_size(slopes: Array) -> float:
    """Mean square length of a row of (.., m, n)."""
    return float((slopes**2).sum(axis=-1).mean())
