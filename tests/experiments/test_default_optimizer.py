"""The method that trains where none is asked for: by the problem, and by what the chip offers."""

import pytest

from photonzero.experiments.run.api import configured
from photonzero.photonics.designs import get_design
from photonzero.training.testing import LayeredLabChip, ReadoutLabChip
from tests.experiments.command import command


@pytest.mark.parametrize(
    ("problem", "given", "expected"),
    [
        ("digits", {}, "layered-adam"),
        ("mnist", {"chip": "tonn-mnist"}, "layered-adam"),
        ("mnist", {}, "gauss-newton"),
        ("mnist", {"chip": get_design("tonn-mnist")}, "layered-adam"),
        ("digits", {"optimizer": "gauss-newton"}, "gauss-newton"),
        ("digits", {"settings": {"optimizer.name": "gauss-newton"}}, "gauss-newton"),
        ("digits", {"n_chips": 2}, "gauss-newton"),
        ("digits", {"chip": LayeredLabChip}, "layered-adam"),
        ("digits", {"chip": LayeredLabChip(64)}, "layered-adam"),
        ("digits", {"chip": ReadoutLabChip}, "gauss-newton"),
        ("darcy", {}, "gauss-newton"),
        ("helmholtz", {}, "layered-gauss-newton"),
        ("helmholtz", {"chip": "tt-wave"}, "gauss-newton"),
        # A stencil that is asked for is measured.
        ("hjb20", {"derivatives": "sparse-grid"}, "gauss-newton"),
        ("hjb20", {"settings": {"derivatives.name": "sparse-grid"}}, "gauss-newton"),
    ],
)
def test_the_chip_and_the_problem_choose(problem, given, expected):
    config = configured(problem, **given)
    assert config.optimizer.name == expected
    assert type(config.optimizer.options) is config.optimizer.method.options


def test_a_design_in_a_file_says_what_it_offers(tmp_path):
    (tmp_path / "light.toml").write_text(
        "n_out = 10\n[[layers]]\nout_modes = [8]\nin_modes = [64]\nranks = [1, 1]\n"
    )
    assert configured("digits", chip=str(tmp_path / "light.toml")).optimizer.name == "layered-adam"


def test_the_command_says_once_why_it_takes_it(monkeypatch, capsys, tmp_path):
    command(monkeypatch, "train", "digits", "--steps", 1, "--out", tmp_path / "a")
    said = capsys.readouterr().err
    assert said.count("the layers of tonn-digits can be read: layered-adam trains it") == 1
    given = ("--optimizer", "rge-adam", "--steps", 1)
    command(monkeypatch, "train", "digits", *given, "--out", tmp_path / "b")
    assert "can be read" not in capsys.readouterr().err
