"""The `photonzero` command."""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import click

from photonzero.experiments.commands.bench import bench
from photonzero.experiments.commands.calibrate import calibrate
from photonzero.experiments.commands.check import check
from photonzero.experiments.commands.compare import compare
from photonzero.experiments.commands.cost import cost
from photonzero.experiments.commands.draw import draw
from photonzero.experiments.commands.evaluate import evaluate
from photonzero.experiments.commands.exit_codes import EXIT_BAD_INPUT, EXIT_FAULT, EXIT_INTERRUPTED
from photonzero.experiments.commands.list_names import list_names
from photonzero.experiments.commands.map_network import map_network
from photonzero.experiments.commands.report import report
from photonzero.experiments.commands.show import show
from photonzero.experiments.commands.sweep import sweep
from photonzero.experiments.commands.tables import tables
from photonzero.experiments.commands.train import train


def main() -> None:
    """Entry point: every failure is one line on stderr; exit code 2, or 1 for one that nobody expected.

    With --debug anywhere among the arguments the traceback comes before the line.
    """
    # A terminated job ends as an interrupted one: with its last step on disk.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The packages below take most of a second to load; --help and usage errors should not wait.
    from photonzero.devices.errors import DeviceError
    from photonzero.experiments.files.errors import UsageError
    from photonzero.photonics.errors import PhotonicsError
    from photonzero.training.errors import TrainingError

    arguments = [each for each in sys.argv[1:] if each != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        cli.main(arguments, prog_name="photonzero", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        _fail(error, error.format_message(), debug)
    except (DeviceError, PhotonicsError, TrainingError, UsageError) as error:
        place = _place_behind(error)
        _fail(error, f"{error} ({place})" if place else str(error), debug)
    except OSError as error:
        reason = "no space left on the disk" if error.errno == errno.ENOSPC else error.strerror
        said = f"{error.filename}: {reason}" if error.filename else f"{type(error).__name__}: {error}"
        _fail(error, said, debug)
    except MemoryError as error:
        said = f"out of memory ({error})" if str(error) else "out of memory"
        _fail(error, f"{said}; allowed: smaller batches, counts or chips", debug)
    except (Exception, SystemExit) as error:
        place = _place_behind(error)
        said = f"{type(error).__name__}: {error}"
        if place is not None:
            _fail(error, f"{place}: {said}", debug)
        if isinstance(error, SystemExit):
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        said += f" ({Path(where.filename).name}, line {where.lineno})"
        hint = "a fault of photonzero, or a value that it should refuse; --debug says where it came from"
        _fail(error, f"unexpected {said}: {hint}", debug, EXIT_FAULT)


def _place_behind(error: BaseException) -> str | None:
    """File and line of the user's that an error, or one behind it, came from; None if it says them itself."""
    from photonzero.registry import users_place

    found, each = None, error
    while each is not None:
        found, each = users_place(each) or found, each.__cause__
    return None if found is not None and found in str(error) else found


def _fail(error: BaseException, message: str, debug: bool, code: int = EXIT_BAD_INPUT) -> NoReturn:
    if debug:
        traceback.print_exception(error)
    click.echo(f"photonzero: error: {' '.join(message.split())}", err=True)
    sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="photonzero")
@click.option("--debug", is_flag=True, help="Of an error show the traceback too.")
def cli(debug: bool) -> None:
    """Simulate photonic chips and train them from forward measurements alone.

    \b
    Example:
      photonzero train hjb20
    """


for _command in (
    train,
    sweep,
    report,
    evaluate,
    compare,
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
