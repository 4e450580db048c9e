"""Normal matrices and slopes against derivatives written down reading by reading."""

from dataclasses import replace

import numpy as np
import pytest

from photonzero.photonics.calibration import LayerModel, PhaseErrors, wire_layer
from photonzero.photonics.calibration.fit import Readings, fitted
from photonzero.photonics.cores import Meshes
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer

LAYERS = {
    # Blocks beside each other, cut ones, a bond of two ranks, and rows of one block in several ranks.
    "blocks": dense_layer(6, 7, "identity", Meshes(size=4)),
    "train": TTLayer((4, 2, 3), (3, 2, 2), (1, 2, 2, 1), "identity", Meshes(size=4)),
}


def layer_with_errors(layer, parts, seed=0):
    """A model of a layer with errors of the named parts."""
    design = NetworkDesign("small", "", (layer,), n_out=layer.n_out, readout=False)
    wiring = wire_layer(design, 0)
    n, rng = wiring.n_phases, np.random.default_rng(seed)
    errors = PhaseErrors(rng.uniform(-1, 1, n), rng.normal(1, 0.01, n), 0.02)
    drawn = {
        "couplers_rad": rng.normal(0, 0.1, (2, n)),
        "log_amplitude": rng.normal(0, 0.1, n),
        "uneven": rng.normal(0, 0.01, wiring.receiver.size),
    }
    return LayerModel(wiring, replace(errors, **{name: drawn[name] for name in parts}))


@pytest.mark.parametrize(
    "parts", [(), ("log_amplitude", "uneven"), ("couplers_rad", "log_amplitude", "uneven")]
)
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_fit_has_the_normal_matrix_of_its_readings(layer, parts):
    model = layer_with_errors(layer, parts)
    wiring, vector, rng = model.wiring, model.errors.vector, np.random.default_rng(1)
    phases = rng.uniform(0, 6, (2, wiring.n_phases))
    vectors = rng.choice([-1.0, 1.0], (2, 3, layer.n_in))

    def readings(errors):
        return LayerModel(wiring, errors).readings(phases, vectors).ravel()

    jacobian = []
    for i in range(len(vector)):
        step = 1e-6 * (np.arange(len(vector)) == i)
        ends = [readings(model.errors.with_vector(vector + sign * step)) for sign in (1, -1)]
        jacobian.append((ends[0] - ends[1]) / 2e-6)
    jacobian = np.stack(jacobian)
    data = Readings(phases, vectors, model.readings(phases, vectors))
    fit = fitted(wiring, model.errors, [data], 1.0, max_steps=0)
    # Differences are good to some 1e-9 of entries of size 1.
    np.testing.assert_allclose(
        fit.information, jacobian @ jacobian.T, atol=1e-6 * np.abs(fit.information).max()
    )


def test_vectors_are_passed_as_the_whole_matrix_does():
    model = layer_with_errors(LAYERS["train"], ("couplers_rad",))
    rng = np.random.default_rng(1)
    phases = rng.uniform(0, 6, (2, model.wiring.n_phases))
    vectors = rng.standard_normal((5, 12))
    expected = vectors @ model.matrices(phases).swapaxes(-1, -2)
    np.testing.assert_allclose(model.readings(phases, vectors), expected, atol=1e-12)
    each = np.stack([vectors, 2.0 * vectors])
    np.testing.assert_allclose(model.readings(phases, each)[1], 2.0 * expected[1], atol=1e-12)


def test_the_metric_is_that_of_changes_in_readings():
    model = layer_with_errors(LAYERS["train"], ("log_amplitude", "uneven"))
    n, rng = model.wiring.n_phases, np.random.default_rng(1)
    phases, vectors = rng.uniform(0, 6, n), rng.standard_normal((5, 12))
    changes = []
    for i in range(n):
        step = 1e-6 * (np.arange(n) == i)
        ends = model.readings(np.stack([phases + step, phases - step]), vectors)
        changes.append((ends[0] - ends[1]).ravel() / 2e-6)
    expected = np.stack(changes) @ np.stack(changes).T / len(vectors)
    np.testing.assert_allclose(model.metric(phases, vectors), expected, atol=1e-7 * np.abs(expected).max())
