"""The group of all commands."""

from __future__ import annotations

import click

from .. import __version__
from ._base import Group, common
from ._claims import claims
from ._doctor import doctor
from ._methods import list_methods, show
from ._new_plugin import new_plugin
from ._report import report

HELP = """What matters, by how much, and how sure are we?

Exit codes: 0 done, 1 the analysis failed, 2 wrong usage or input."""


@click.group(
    cls=Group, help=HELP, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="pondera", message="%(prog)s %(version)s")
@common
@click.pass_context
def app(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for command in (report, list_methods, show, doctor, claims, new_plugin):
    app.add_command(command)
