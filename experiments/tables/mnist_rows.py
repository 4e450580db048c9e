"""The rows of the MNIST table: a network, a way to train it, a budget and settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from photonzero.experiments.config.run_config import RunConfig, default_table, resolve
from photonzero.experiments.files.errors import UsageError
from photonzero.experiments.files.toml import apply_settings
from photonzero.experiments.tables.first_order import FirstOrderOptions


@dataclass(frozen=True)
class Row:
    """A way to train a network.

    Attributes:
        name: of its run folders, and on the command line.
        label: in table and figure.
        chip: design.
        optimizer: name of the method; None for exact gradients.
        max_inferences: budget; for exact gradients that of its options.
        noise: preset.
        settings: changes to the run's table, as for `photonzero train --set`.
        key: the setting that is tuned, None for a row that is used as it is.
        values: that it is tried with.
    """

    name: str
    label: str
    chip: str
    optimizer: str | None
    max_inferences: int = 0
    noise: str = "ideal"
    settings: tuple[str, ...] = ()
    key: str | None = None
    values: tuple[float, ...] = ()


_RATE = "optimizer.learning_rate"
_PATIENCE = ("optimizer.patience=15",)
"""Steps without progress after which the hybrid turns to coordinates: a run has about two hundred."""

_COSINE = ('optimizer.schedule="cosine"', "optimizer.schedule_steps=140")
"""Down to a tenth within the budget: with a constant step random directions lose again what they found."""

_DENSE, _TT, _LONG = 100_000, 1_000_000, 4_000_000

_FROZEN = 'frozen=["layer1/bias"]'
"""The hidden biases are 1,024 of 2,506 controls, and exact gradients do as well without them."""

_WHOLE_GRADIENTS = (
    _FROZEN,
    "optimizer.antithetic=false",
    "optimizer.n_coordinates=1482",
    "optimizer.beta2=0.99",
    'optimizer.schedule="cosine"',
    "optimizer.schedule_factor=0.01",
    f"{_RATE}=0.1",
)
"""After its stall the hybrid takes gradients of all trained controls on small batches."""

_UNIFORM = (*_WHOLE_GRADIENTS, "batch_size=64", "optimizer.schedule_steps=1300")

_CHOSEN = (
    *_WHOLE_GRADIENTS,
    "batch_size=8",
    "batches.pool=32",
    "batches.shift_px=1",
    "optimizer.fresh_update=true",
    "optimizer.schedule_steps=2400",
)
"""The few images of a batch are drawn from many, as in recursive Gauss-Newton, and shifted."""

_PHASES = ("optimizer.weight_power=inf", "optimizer.restored_controls=100", "optimizer.shrink=1.0")
"""Phases are less linear than cores: old batches must be forgotten, but not how far a step may go."""

ROWS = (
    Row("exact-dense", "exact gradients, dense", "dense-mnist", None),
    Row("exact-tt", "exact gradients, TT", "tt-mnist", None),
    Row("exact-dense-shifted", "exact gradients, dense, shifted images", "dense-mnist", None),
    Row("exact-tt-shifted", "exact gradients, TT, shifted images", "tt-mnist", None),
    Row("rge-dense", "random directions, dense", "dense-mnist", "rge-adam", _DENSE, key=_RATE,
        values=(0.01, 0.03, 0.1)),
    Row("coordinate-dense", "coordinate-wise, dense", "dense-mnist", "coordinate", _DENSE,
        settings=(f"{_RATE}=1.0",)),
    Row("hybrid-dense", "hybrid, dense", "dense-mnist", "hybrid", _DENSE,
        settings=(*_PATIENCE, f"{_RATE}=0.03")),
    Row("rge-tt", "random directions, TT", "tt-mnist", "rge-adam", _TT,
        settings=_COSINE, key=_RATE, values=(0.03, 0.1, 0.3)),
    Row("coordinate-tt", "coordinate-wise, TT", "tt-mnist", "coordinate", _TT,
        settings=_COSINE, key=_RATE, values=(0.3, 1.0, 3.0)),
    Row("hybrid-tt", "hybrid, TT", "tt-mnist", "hybrid", _TT,
        settings=(*_PATIENCE, *_COSINE), key=_RATE, values=(0.03, 0.1, 0.3)),
    Row("hybrid-tt-long", "hybrid, TT, longer", "tt-mnist", "hybrid", 100_000_000, settings=_UNIFORM),
    Row("hybrid-tt-chosen", "hybrid, TT, longer, chosen shifted images", "tt-mnist", "hybrid",
        30_000_000, settings=_CHOSEN),
    Row("gauss-newton-tt", "Gauss-Newton, TT", "tt-mnist", "gauss-newton", _TT),
    Row("gauss-newton-tt-long", "Gauss-Newton, TT, longer", "tt-mnist", "gauss-newton", _LONG),
    Row("recursive-tt", "recursive Gauss-Newton, TT, shifted images", "tt-mnist",
        "recursive-gauss-newton", 30_000_000),
    Row("gauss-newton-tonn", "Gauss-Newton, TONN with noise", "tonn-mnist", "gauss-newton", _TT, "published"),
    Row("gauss-newton-tonn-long", "Gauss-Newton, TONN with noise, longer", "tonn-mnist",
        "gauss-newton", _LONG, "published"),
    Row("recursive-tonn", "recursive Gauss-Newton, TONN with noise, shifted images", "tonn-mnist",
        "recursive-gauss-newton", 80_000_000, "published", settings=_PHASES),
    Row("gauss-newton-int8", "Gauss-Newton, int8 TT", "int8-mnist", "gauss-newton", _TT),
    Row("recursive-int8", "recursive Gauss-Newton, int8 TT, shifted images", "int8-mnist",
        "recursive-gauss-newton", 30_000_000),
    Row("rge-int8", "random directions, int8 TT", "int8-mnist", "rge-adam", _TT,
        settings=("optimizer.whole_codes=true", *_COSINE), key=_RATE, values=(0.03, 0.1, 0.3)),
)  # fmt: skip

TUNED: Mapping[str, float] = MappingProxyType(
    {"rge-dense": 0.03, "rge-tt": 0.1, "coordinate-tt": 1.0, "hybrid-tt": 0.1, "rge-int8": 0.1}
)
"""What `photonzero tables mnist --tune` chose.

On the dense network the coordinate-wise method takes its rate on the tensor train, and the hybrid that of
random directions: a run there has a dozen steps.
"""

FIRST_ORDER: Mapping[str, FirstOrderOptions] = MappingProxyType(
    {
        "exact-dense": FirstOrderOptions(epochs=20, learning_rate=0.03),
        "exact-tt": FirstOrderOptions(epochs=20, learning_rate=0.1),
        "exact-dense-shifted": FirstOrderOptions(epochs=20, learning_rate=0.03, shift_px=1),
        "exact-tt-shifted": FirstOrderOptions(epochs=20, learning_rate=0.1, shift_px=1),
    }
)
"""Exact gradients: step sizes and epochs."""


def rows_named(names: tuple[str, ...]) -> tuple[Row, ...]:
    """The rows of these names; none for all.

    Raises:
        UsageError: an unknown name.
    """
    known = {row.name: row for row in ROWS}
    for name in names:
        if name not in known:
            raise UsageError(f"row: {name!r}; allowed: {', '.join(known)}")
    return tuple(known[name] for name in names) or ROWS


def row_config(row: Row, seed: int, data: str | None, value: float | None, budget: int) -> RunConfig:
    """The configuration of one forward-only run of a row.

    Args:
        row: not one of exact gradients.
        seed: of chip and training.
        data: folder of the files; None takes the environment's.
        value: of the row's key, None where it has none.
        budget: inferences.
    """
    assert row.optimizer is not None
    table = default_table("mnist", row.optimizer, None, row.noise)
    settings = [f'chip="{row.chip}"', f"seed={seed}", f"limits.max_inferences={budget}", *row.settings]
    if data is not None:
        settings.append(f"data={json.dumps(data)}")
    if row.key is not None and value is not None:
        settings.append(f"{row.key}={value}")
    return resolve(apply_settings(table, settings))
