"""What holds for every noise part in a file or a package of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from photonzero.devices.noise_model import NoiseModel
from photonzero.devices.noise_part import fabricate_parts
from photonzero.devices.quantizer import modulo_turn
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.design import NetworkDesign, dense_layer
from photonzero.photonics.mesh import MeshPhases, fabricate_mesh, rectangular

_ROUNDING = 1e-12


class NoisePartContract:
    """A test class inherits it, and says in a fixture which part it is run for, and with which numbers.

    Such as::

        class TestRipple(NoisePartContract):
            @pytest.fixture
            def own_parts(self):
                return {"my.py:Ripple": {"std_rad": 0.01}}
    """

    def test_a_noise_model_holds_it_as_plain_data(self, own_parts: Mapping[str, Any]) -> None:
        """What it holds makes an equal model, which is not ideal and says in a line what it does."""
        model = NoiseModel(own_parts=own_parts)
        assert model.own_parts is not None
        assert NoiseModel(own_parts=model.own_parts) == model
        assert model != NoiseModel()
        assert not model.phases_are_ideal
        assert model.describe() not in ("", NoiseModel().describe())
        assert "\n" not in model.describe()

    def test_equal_seeds_make_equal_errors_of_every_setting(self, own_parts: Mapping[str, Any]) -> None:
        """What is fabricated has no memory, and a row of phases knows nothing of the others."""
        column, mode = np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4)
        phases = np.random.default_rng(0).uniform(-1.0, 8.0, (5, 12))
        parts = NoiseModel(own_parts=own_parts).own_parts or {}
        first, again = (fabricate_parts(parts, column, mode, np.random.default_rng(3)) for _ in range(2))
        for one, other in zip(first, again, strict=True):
            met = one(phases.copy())
            np.testing.assert_array_equal(other(phases.copy()), met)
            np.testing.assert_array_equal(one(phases.copy()), met)
            rows = np.vstack([one(row[None].copy()) for row in phases])
            np.testing.assert_allclose(rows, met, rtol=0, atol=_ROUNDING)

    def test_a_mesh_meets_what_it_makes_of_phases(self, own_parts: Mapping[str, Any]) -> None:
        """Of phases modulo a turn, where nothing else errs; a second mesh of a seed is the same."""
        model, topology = NoiseModel(own_parts=own_parts), rectangular(4)
        phases = MeshPhases.uniform(topology, np.random.default_rng(0))
        column, mode = topology.shifter_places()
        own = np.random.default_rng(5).spawn(4)[3]
        met = modulo_turn(phases.joined())[None]
        for part in fabricate_parts(model.own_parts or {}, column - column.min(), mode, own):
            met = part(met)
        for _ in range(2):
            realised = fabricate_mesh(topology, model, 5).realised(phases)
            np.testing.assert_array_equal(realised.joined(), met[0])

    def test_a_chip_meets_it_and_goes_on_as_it_began(self, own_parts: Mapping[str, Any]) -> None:
        """Two chips of a seed answer alike, one that was restored too, and so does one setting of several."""
        design = NetworkDesign("own", "", (dense_layer(4, 4, "identity"),))
        model = NoiseModel(own_parts=own_parts, programming_std_rad=0.01)
        chip, other = (fabricate(design, model, 1, dtype=np.float64) for _ in range(2))
        controls = np.stack([chip.initial_controls(np.random.default_rng(k)) for k in range(3)])
        assert np.isfinite(chip.measure(controls, np.eye(4))).all()
        other.restore(chip.state())
        later = chip.measure(controls, np.eye(4))
        np.testing.assert_array_equal(other.measure(controls, np.eye(4)), later)
