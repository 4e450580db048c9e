"""What holds for every kind of core: the project's tests inherit this, and so can those of a user's own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photonzero.devices.loss import InsertionLoss
from photonzero.devices.noise_model import PRESETS, NoiseModel
from photonzero.photonics.chip.chip import fabricate
from photonzero.photonics.cores import Core, Light
from photonzero.photonics.design import NetworkDesign, TTLayer, dense_layer
from photonzero.photonics.errors import PhotonicsError

_SHAPES = ((4, 4), (3, 5), (9, 2), (1, 1))
_STD = 0.3
_ROUNDING = 1e-12


class CoreContract:
    """A test class inherits it, and says in a fixture which core it is run for.

    Such as::

        class TestMine(CoreContract):
            @pytest.fixture
            def core(self):
                return Mine(size=4)
    """

    def made(self, core: Core, settings: list[npt.NDArray[np.float64]], shape: tuple[int, int]) -> np.ndarray:
        """The ideal matrix of one setting of all parts."""
        light = Light(core.gain(_STD, InsertionLoss()))
        return core.matrices([setting[None] for setting in settings], *shape, light)[0]

    def test_its_controls_have_a_place_and_a_start(self, core: Core) -> None:
        """Every part has a name of its own, and starts from numbers that drivers can set."""
        for shape in _SHAPES:
            parts = core.parts(*shape)
            assert len({part.name for part in parts}) == len(parts) > 0
            for part in parts:
                places = (0,) if part.element == "number" else (part.shape[1],)
                assert part.column.shape == part.row.shape == places
                assert part.element in ("rotation", "attenuator", "drive", "number")
            start = core.initial(*shape, _STD, np.random.default_rng(0))
            again = core.initial(*shape, _STD, np.random.default_rng(0))
            assert [setting.shape for setting in start] == [part.shape for part in parts]
            for a, b in zip(start, again, strict=True):
                np.testing.assert_array_equal(a, b)
            low, high = core.reach(_STD)
            assert low < high

    def test_it_makes_real_matrices_setting_by_setting(self, core: Core) -> None:
        """Of the shape asked for, of entries that keep a signal alive, and within the limit of its blocks."""
        for shape in _SHAPES:
            starts = [core.initial(*shape, _STD, np.random.default_rng(seed)) for seed in range(3)]
            together = [np.stack(part) for part in zip(*starts, strict=True)]
            made = core.matrices(together, *shape, Light(core.gain(_STD, InsertionLoss())))
            assert made.shape == (3, *shape)
            assert not np.iscomplexobj(made)
            assert np.isfinite(made).all()
            for one, start in zip(made, starts, strict=True):
                np.testing.assert_allclose(self.made(core, start, shape), one, rtol=0, atol=_ROUNDING)
            if not core.is_optical:
                assert core.gain(_STD, InsertionLoss(cell_db=1.0)) == 1.0

    def test_a_wanted_matrix_is_made_or_refused(self, core: Core) -> None:
        """To rounding, or up to crosstalk where elements disturb each other."""
        for shape in _SHAPES:
            wanted = 0.1 * _STD * np.random.default_rng(1).standard_normal(shape)
            try:
                fitted = core.fitted([wanted], _STD)
                settings = fitted.load(wanted, _STD)
            except PhotonicsError:
                continue
            assert type(fitted) is type(core)
            assert [setting.shape for setting in settings] == [part.shape for part in core.parts(*shape)]
            made = self.made(fitted, settings, shape)
            atol = _ROUNDING if core.carries_fields or not core.is_optical else 0.1 * core.limit(_STD)
            np.testing.assert_allclose(made, wanted, rtol=0, atol=atol)

    def test_a_table_gives_it_back(self, core: Core) -> None:
        """The choices of a design in a file are those of the kind that the file names."""
        table = core.to_table()
        assert core.kinds().get(table.pop("kind")) is type(core)
        flat = {key: value for key, value in table.items() if not isinstance(value, dict)}
        rebuilt = type(core)(**flat)
        assert {key: rebuilt.to_table()[key] for key in flat} == flat

    def test_a_chip_of_it_measures_under_every_noise(self, core: Core) -> None:
        """A layer of several cores too, where the kind allows them, with settings that share work."""
        layers = [dense_layer(5, 6, "tanh", core)]
        if core.cascades:
            layers.append(TTLayer((2, 2), (5, 1), (1, 2, 1), "sin", core))
        design = NetworkDesign("contract", "", tuple(layers))
        for noise in (NoiseModel(), *PRESETS.values()):
            chip = fabricate(design, noise, 0, dtype=np.float64)
            start = chip.initial_controls(np.random.default_rng(0))
            settings = np.repeat(start[None], 6, axis=0)
            settings[np.arange(6), np.arange(6)] += 0.01
            x = np.random.default_rng(1).uniform(-1, 1, (7, 6))
            answers = chip.measure(settings, x)
            assert np.isfinite(answers).all()
            for layer, shape in enumerate(chip.layers):
                assert chip.measure_layer(layer, start, np.zeros((2, shape.n_in))).shape == (2, shape.n_out)
