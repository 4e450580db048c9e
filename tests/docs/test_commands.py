"""Every command that a page shows is understood: its name, its options and the values that they allow."""

import re
import shlex

import click
import pytest

from photonzero.experiments.cli import cli
from tests.docs.test_pages import PAGES, ROOT

BLOCK = re.compile(r"^```(?:sh|console)?\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def commands_of(text):
    """Arguments of each `photonzero ...` in a page's blocks of commands."""
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.search(r"(?:^|&& |bin/)photonzero (.*)", line)
            if found and not found[1].startswith("="):
                yield shlex.split(found[1], comments=True)


def understand(arguments):
    """Parse as the command line does, and do nothing."""
    command, rest = cli, list(arguments)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name, *rest = rest
        if name not in command.commands:
            raise click.UsageError(f"no command {name}")
        command = command.commands[name]
    if "--help" not in rest:
        command.make_context(command.name, rest).close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_are_understood(page):
    for arguments in commands_of(page.read_text(encoding="utf-8")):
        try:
            understand(arguments)
        except click.ClickException as error:
            pytest.fail(f"photonzero {shlex.join(arguments)}: {error.format_message()}")


def test_there_are_many_and_a_wrong_one_is_refused():
    assert sum(len(list(commands_of(page.read_text(encoding="utf-8")))) for page in PAGES) > 40
    with pytest.raises(click.ClickException, match="no-such-option"):
        understand(["train", "heat", "--no-such-option"])
