"""The `photonzero` command."""

from __future__ import annotations

import errno
import signal
import sys

import click

from photonzero.experiments.commands.bench import bench
from photonzero.experiments.commands.calibrate import calibrate
from photonzero.experiments.commands.check import check
from photonzero.experiments.commands.cost import cost
from photonzero.experiments.commands.draw import draw
from photonzero.experiments.commands.exit_codes import EXIT_BAD_INPUT, EXIT_INTERRUPTED
from photonzero.experiments.commands.list_names import list_names
from photonzero.experiments.commands.map_network import map_network
from photonzero.experiments.commands.report import report
from photonzero.experiments.commands.show import show
from photonzero.experiments.commands.sweep import sweep
from photonzero.experiments.commands.tables import tables
from photonzero.experiments.commands.train import train


def main() -> None:
    """Entry point: every expected failure is one line on stderr and exit code 2."""
    # A terminated job ends as an interrupted one: with its last step on disk.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The packages below take most of a second to load; --help and usage errors should not wait.
    from photonzero.devices.errors import DeviceError
    from photonzero.experiments.files.errors import UsageError
    from photonzero.photonics.errors import PhotonicsError
    from photonzero.training.errors import TrainingError

    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        _fail(error.format_message())
    except (DeviceError, PhotonicsError, TrainingError, UsageError) as error:
        _fail(str(error))
    except OSError as error:
        reason = "no space left on the disk" if error.errno == errno.ENOSPC else error.strerror
        _fail(f"{error.filename or 'file'}: {reason}")
    except MemoryError as error:
        _fail(f"out of memory ({error}); allowed: smaller batches or chips")
    except Exception as error:
        from photonzero.registry import users_place

        place = users_place(error)
        if place is None:
            raise
        _fail(f"{place}: {type(error).__name__}: {error}")


def _fail(message: str) -> None:
    click.echo(f"photonzero: error: {' '.join(message.split())}", err=True)
    sys.exit(EXIT_BAD_INPUT)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="photonzero")
def cli() -> None:
    """Simulate photonic chips and train them from forward measurements alone.

    \b
    Example:
      photonzero train hjb20
    """


for _command in (
    train,
    sweep,
    report,
    map_network,
    calibrate,
    check,
    bench,
    cost,
    draw,
    tables,
    list_names,
    show,
):
    cli.add_command(_command)
