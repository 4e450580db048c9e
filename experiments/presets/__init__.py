"""What a run of each problem starts from: PROBLEM.toml over common.toml.

Keys are those of a run's configuration. Besides them ``layered`` names the method for chips whose layers can
be read, where no other is asked for, ``derivatives`` names the default rule,
``derivative_options.RULE`` has options of one rule, and ``method.OPTIMIZER`` changes for one optimizer.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from photonzero.experiments.files.toml import merge


def read_preset(*names: str) -> dict[str, Any]:
    """The keys of common.toml, changed by those of the presets named, one after the other.

    A problem without a preset, such as a package's, starts from common.toml.
    """
    table: dict[str, Any] = {}
    for name in ("common", *names):
        path = files(__name__) / f"{name}.toml"
        if path.is_file():
            table = merge(table, tomllib.loads(path.read_text(encoding="utf-8")))
    return table
