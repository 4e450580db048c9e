"""The command in this process, for tests of what it says."""

import sys

import pytest

from photonzero.experiments import cli


def command(monkeypatch, *arguments):
    """Run it with these arguments."""
    monkeypatch.setattr(sys, "argv", ["photonzero", *map(str, arguments)])
    cli.main()


def refused(monkeypatch, capsys, *arguments):
    """The one line that it says of bad input."""
    with pytest.raises(SystemExit) as stopped:
        command(monkeypatch, *arguments)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("photonzero: error: ")
    assert message.count("\n") == 1
    return message
