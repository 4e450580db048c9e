"""Costs of every design with meshes, and of a design in a file."""

import math

import pytest
import tomli_w

from photonzero.experiments.commands.cost import cost_table
from photonzero.experiments.files.errors import UsageError
from photonzero.photonics.designs import design_names, get_design


def without_none(value):
    if isinstance(value, dict):
        return {key: without_none(v) for key, v in value.items() if v is not None}
    return [without_none(v) for v in value] if isinstance(value, list | tuple) else value


def test_every_optical_design_has_the_mzis_of_its_meshes():
    for name in design_names():
        design = get_design(name)
        if any(layer.core.kind != "meshes" for layer in design.layers):
            with pytest.raises(UsageError, match=f"chip {name}: its cores are numbers or rings"):
                cost_table(name, None)
        else:
            # Lanes beyond 32 wavelengths need copies of the meshes.
            assert cost_table(name, None)["n_mzi"] == sum(
                layer.n_mesh_mzi * -(-lanes(layer) // 32) for layer in design.layers
            )


def lanes(layer):
    """Inputs of one core that pass at a time, at most over the cores: all modes that are not its own."""
    return max(math.prod(layer.in_modes[:k] + layer.out_modes[k + 1 :]) for k in range(len(layer.in_modes)))


def test_a_design_in_a_file_costs_as_the_same_design_by_name(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(tomli_w.dumps(without_none(get_design("tonn-digits").to_table())).encode())
    assert cost_table(str(path), 1000) == {**cost_table("tonn-digits", 1000), "name": "mine"}


def test_a_file_that_is_no_design_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("wings = 2\n")
    with pytest.raises(UsageError, match=r"design\.wings"):
        cost_table(str(path), None)
    with pytest.raises(UsageError, match=r"absent\.toml: No such file"):
        cost_table("absent.toml", None)
