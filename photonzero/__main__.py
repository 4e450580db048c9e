"""``python -m photonzero``: the command, wherever it is not on the path."""

from photonzero.experiments.cli import main

main()
