"""The command: ``photonzero``, or ``python -m photonzero`` where it is not on the path."""

from __future__ import annotations

import sys

from photonzero import _broken_part


def main() -> None:
    """Run the command; a checkout without its links is one line on stderr and exit code 2."""
    broken = _broken_part()
    if broken is not None:
        sys.stderr.write(f"photonzero: error: {broken}\n")
        sys.exit(2)
    from photonzero.experiments.cli import main as command

    command()


if __name__ == "__main__":
    main()
