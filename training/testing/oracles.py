"""What every chip promises: the simulator's, a laboratory's, one behind a wire."""

from __future__ import annotations

import json

import numpy as np

from photonzero.training.layers.network import activated
from photonzero.training.layers.oracle import LastLayerOracle, LayerOracle
from photonzero.training.meter import metered
from photonzero.training.oracle import Array, ForwardOracle, ReadoutOracle, Stencil
from photonzero.training.powers import Stateful
from photonzero.training.rounding import grid_steps
from photonzero.training.testing.expecting import assert_same_mean


class OracleContract:
    """Inherit it, and say how the chip is made.

        class TestMine(OracleContract):
            n_in = 3

            def make(self):
                return MyChip()

    Noise is allowed everywhere: what must be equal is compared over repeated measurements.

    Attributes:
        n_in: coordinates of an input vector.
        repeats: measurements that a noisy answer is averaged over.
        rounding: of the chip's arithmetic, in units of its largest answer.
    """

    n_in: int
    repeats: int = 16
    rounding: float = 1e-5

    def make(self) -> ForwardOracle:
        """The chip, the same at every call."""
        raise NotImplementedError

    def settings(self, chip: ForwardOracle, n: int) -> Array:
        """Settings (n, n_controls) of the size that its groups state."""
        rng = np.random.default_rng(1)
        scale = np.ones(chip.n_controls)
        for group in chip.control_groups.values():
            scale[group.slice] = group.scale
        return scale * rng.uniform(-1.0, 1.0, (n, chip.n_controls))

    def inputs(self, n: int) -> Array:
        """Input vectors (n, n_in) in the unit cube."""
        return np.random.default_rng(2).random((n, self.n_in))

    def test_its_controls_are_covered_by_its_groups(self) -> None:
        """Every control is in one group and one only, and every group says what can be set."""
        chip = self.make()
        assert isinstance(chip, ForwardOracle)
        covered = np.zeros(chip.n_controls, dtype=int)
        for name, group in chip.control_groups.items():
            assert group.kind in ("phase", "digital"), name
            assert group.grid_step >= 0, name
            assert group.scale > 0, name
            assert 0 <= group.slice.start <= group.slice.stop <= chip.n_controls, name
            covered[group.slice] += 1
        assert (covered == 1).all(), "controls in no group, or in several"

    def test_answers_are_real_finite_and_of_one_shape(self) -> None:
        """(P, B, n_out), whatever P and B are."""
        chip = self.make()
        widths = set()
        for n_settings, n_points in ((3, 5), (1, 1), (2, 7)):
            answer = chip.measure(self.settings(chip, n_settings), self.inputs(n_points))
            assert answer.shape[:2] == (n_settings, n_points)
            assert np.isrealobj(answer)
            assert np.isfinite(answer).all()
            widths.add(answer.shape[2])
        assert len(widths) == 1

    def test_measuring_leaves_the_arguments_alone(self) -> None:
        """Settings and inputs belong to the caller."""
        chip = self.make()
        settings, inputs = self.settings(chip, 2), self.inputs(3)
        before = settings.copy(), inputs.copy()
        chip.measure(settings, inputs)
        np.testing.assert_array_equal(settings, before[0])
        np.testing.assert_array_equal(inputs, before[1])

    def test_a_population_is_its_settings_one_by_one(self) -> None:
        """In distribution: noise is fresh at every measurement."""
        chip = self.make()
        settings, inputs = self.settings(chip, 3), self.inputs(4)
        together = self._samples(lambda: chip.measure(settings, inputs))
        alone = self._samples(
            lambda: np.concatenate([chip.measure(setting[None], inputs) for setting in settings])
        )
        assert_same_mean(together, alone, "a population against its settings", self.rounding)

    def test_a_batch_is_its_inputs_one_by_one(self) -> None:
        """In distribution: what is presented beside an input does not change its answer."""
        chip = self.make()
        settings, inputs = self.settings(chip, 2), self.inputs(3)
        together = self._samples(lambda: chip.measure(settings, inputs))
        alone = self._samples(
            lambda: np.concatenate([chip.measure(settings, point[None]) for point in inputs], axis=1)
        )
        assert_same_mean(together, alone, "a batch against its inputs", self.rounding)

    def test_a_stencil_is_its_points(self) -> None:
        """In distribution, offsets running fastest."""
        chip = self.make()
        offsets = 0.1 * np.vstack([np.zeros(self.n_in), np.eye(self.n_in)[:4]])
        stencil = Stencil(0.8 * self.inputs(3), offsets)
        settings = self.settings(chip, 2)
        factored = self._samples(lambda: chip.measure(settings, stencil))
        assert factored.shape[1:3] == (2, stencil.n_points)
        points = self._samples(lambda: chip.measure(settings, stencil.points()))
        assert_same_mean(factored, points, "a stencil against its points", self.rounding)

    def test_settings_matter(self) -> None:
        """Two settings give two answers: a chip that ignores its controls cannot be trained."""
        chip = self.make()
        answers = chip.measure(self.settings(chip, 2), self.inputs(4))
        assert not np.array_equal(answers[0], answers[1])

    def test_the_readout_makes_outputs_of_features(self) -> None:
        """``outputs = features @ weight.T + bias``, where the chip shows its features."""
        chip = self.make()
        if not isinstance(chip, ReadoutOracle):
            return
        settings, inputs = self.settings(chip, 2), self.inputs(4)
        index = np.arange(chip.n_controls)
        weights, biases = settings[:, index[chip.readout_weight]], settings[:, index[chip.readout_bias]]
        n_out = biases.shape[1]

        def combined() -> Array:
            features = chip.measure_features(settings, inputs)
            assert weights.shape[1] == n_out * features.shape[2]
            by_row = weights.reshape(len(settings), n_out, -1)
            return np.einsum("pbk,pok->pbo", features, by_row) + biases[:, None, :]

        outputs = self._samples(lambda: chip.measure(settings, inputs))
        assert_same_mean(outputs, self._samples(combined), "outputs against features", self.rounding)

    def test_layers_one_by_one_make_the_network(self) -> None:
        """In distribution, where layers can be read: readings, biases and activations make the features."""
        chip = self.make()
        if not isinstance(chip, LayerOracle):
            return
        settings, inputs = self.settings(chip, 2), self.inputs(4)
        first = np.zeros((len(inputs), chip.layers[0].n_in))
        first[:, : inputs.shape[1]] = inputs
        realised = self._on_grid(chip, settings)

        def composed() -> Array:
            answers = []
            for setting, set_to in zip(settings, realised, strict=True):
                here = first
                for k, layer in enumerate(chip.layers):
                    readings = chip.measure_layer(k, setting[None], here)
                    assert readings.shape == (1, len(inputs), layer.n_out)
                    here = activated(layer.activation, readings[0].astype(np.float64) + set_to[layer.bias])
                answers.append(here)
            return np.stack(answers)

        whole = chip.measure_features if isinstance(chip, ReadoutOracle) else chip.measure
        features = self._samples(lambda: whole(settings, inputs))
        assert_same_mean(features, self._samples(composed), "features against layers", 10 * self.rounding)

    def test_layers_are_read_as_inputs_pass(self) -> None:
        """In distribution, where layers can be read: the readings of every layer on the way are the pass."""
        chip = self.make()
        if not isinstance(chip, LayerOracle):
            return
        settings, inputs = self.settings(chip, 2), self.inputs(4)
        read = chip.measure_layers(settings, inputs)
        assert [r.shape for r in read] == [(2, len(inputs), layer.n_out) for layer in chip.layers]
        first = np.zeros((len(inputs), chip.layers[0].n_in))
        first[:, : inputs.shape[1]] = inputs
        alone = self._samples(lambda: chip.measure_layer(0, settings, first))
        passing = self._samples(lambda: chip.measure_layers(settings, inputs)[0])
        assert_same_mean(passing, alone, "a first layer passed against read alone", self.rounding)
        last, realised = chip.layers[-1], self._on_grid(chip, settings)

        def behind() -> Array:
            answers = chip.measure_layers(settings, inputs)[-1].astype(np.float64)
            return activated(last.activation, answers + realised[:, None, last.bias])

        whole = chip.measure_features if isinstance(chip, ReadoutOracle) else chip.measure
        features = self._samples(lambda: whole(settings, inputs))
        assert_same_mean(features, self._samples(behind), "features against a pass", 10 * self.rounding)

    def test_the_last_layer_is_read_as_inputs_pass(self) -> None:
        """In distribution, where it is shown: readings, bias and activation make the features."""
        chip = self.make()
        if not isinstance(chip, LastLayerOracle):
            return
        settings, inputs = self.settings(chip, 2), self.inputs(4)
        last, realised = chip.layers[-1], self._on_grid(chip, settings)
        assert chip.measure_last_layer(settings, inputs).shape == (2, len(inputs), last.n_out)

        def behind() -> Array:
            answers = chip.measure_last_layer(settings, inputs).astype(np.float64)
            return activated(last.activation, answers + realised[:, None, last.bias])

        whole = chip.measure_features if isinstance(chip, ReadoutOracle) else chip.measure
        features = self._samples(lambda: whole(settings, inputs))
        assert_same_mean(features, self._samples(behind), "features against a last layer", 10 * self.rounding)

    def test_layers_are_linear(self) -> None:
        """In distribution, where layers can be read: readings of a sum are the sum of readings."""
        chip = self.make()
        if not isinstance(chip, LayerOracle):
            return
        settings = self.settings(chip, 2)
        rng = np.random.default_rng(3)
        for k, layer in enumerate(chip.layers):
            some = 0.5 * min(1.0, chip.largest_input) * rng.uniform(-1.0, 1.0, (2, 3, layer.n_in))

            def read(vectors: Array, k: int = k) -> Array:
                return self._samples(lambda: chip.measure_layer(k, settings, vectors))

            added = read(some[0]) + read(some[1])
            assert_same_mean(read(some[0] + some[1]), added, f"layer {k}: a sum", self.rounding)

    def test_state_continues_to_the_bit(self) -> None:
        """Where it has a state: through JSON, on another chip that is made alike."""
        chip, other = self.make(), self.make()
        if not (isinstance(chip, Stateful) and isinstance(other, Stateful)):
            return
        settings, inputs = self.settings(chip, 2), self.inputs(3)
        chip.measure(settings, inputs)
        other.restore(json.loads(json.dumps(chip.state())))
        for _ in range(2):
            np.testing.assert_array_equal(chip.measure(settings, inputs), other.measure(settings, inputs))

    def test_the_meter_counts_it(self) -> None:
        """Behind a meter it answers the same, and every input vector is counted."""
        meter = metered(self.make())
        meter.measure(self.settings(meter, 2), self.inputs(5))
        assert (meter.inferences, meter.settings) == (10, 2)
        assert isinstance(meter, ReadoutOracle) == isinstance(self.make(), ReadoutOracle)

    @staticmethod
    def _on_grid(chip: ForwardOracle, settings: Array) -> Array:
        """What can be set of digital numbers."""
        grid = grid_steps(chip.control_groups, chip.n_controls)
        step = np.where(grid > 0, grid, 1.0)
        return np.where(grid > 0, step * np.round(settings / step), settings)

    def _samples(self, measure) -> Array:
        return np.stack([np.asarray(measure(), dtype=np.float64) for _ in range(self.repeats)])
