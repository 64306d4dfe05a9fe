"""The qntx command: finds the subcommand by name, and says what went wrong in one line.

A subcommand's module is imported when it is asked for, so `qntx --help` loads click and nothing else. Shell completion
is click's: `eval "$(_QNTX_COMPLETE=bash_source qntx)"`, or zsh_source, or fish_source.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from qntx import __version__
from qntx.errors import ChassisError, Refused
from qntx.model.nearest import meant

COMMANDS = {
    "up": ("qntx.cli.up", "Start the host and its plugins."),
    "run": ("qntx.cli.run", "Run a Python file, or standard input, under a glyph."),
    "eval": ("qntx.cli.eval", "Print the value of a Python expression."),
    "attest": ("qntx.cli.attest", "Attest something."),
    "query": ("qntx.cli.query", "Show attestations, and follow them as they arrive."),
    "export": ("qntx.cli.export", "Write attestations to a Parquet file."),
    "handler": ("qntx.cli.handler", "Create handlers, see how they fare and run them by hand."),
    "ix": ("qntx.cli.ix", "Ingest a file, a repository or an address with the script of its type."),
    "script": ("qntx.cli.script", "Publish ingest scripts, list and show them."),
    "job": ("qntx.cli.job", "List, follow, cancel, pause, resume and retry jobs."),
    "schedule": ("qntx.cli.schedule", "List, make, pause, resume, delete and trigger schedules."),
    "watcher": ("qntx.cli.watcher", "List, make, change and delete watchers."),
    "plugin": ("qntx.cli.plugin", "List plugins, read their logs, restart one, install packages into it."),
    "capsule": ("qntx.cli.capsule", "Show, verify, export and prove what ran."),
    "token": ("qntx.cli.token", "Make, list and revoke the tokens that let callers in."),
    "migrate": ("qntx.cli.migrate", "Move from this machine's files to PostgreSQL."),
    "doctor": ("qntx.cli.doctor", "Say what is missing here and how to get it."),
    "variant": ("qntx.cli.variant", "List, build and add variants: the members of the plugin family."),
    "worker": ("qntx.cli.worker", "Run a Dask worker with the packages of a variant."),
}
"""Each subcommand's module, whose `command` it is, and the line that `qntx --help` shows for it."""

EXTRAS = {"pyarrow": "frames", "psycopg": "postgres"}
"""What brings a package that the command line itself does without."""

INTERRUPTED = 130
"""What a shell reports of a program that Ctrl-C ended."""


class Commands(click.Group):
    """A group whose commands are imported one at a time, by the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            module = importlib.import_module(COMMANDS[cmd_name][0])
        except ModuleNotFoundError as missing:
            if (missing.name or "").split(".")[0] == "qntx":
                raise
            raise Refused(
                f"qntx {cmd_name} needs the Python package {missing.name}, which is not installed here: "
                f"pip install 'qntx-chassis[{EXTRAS.get(missing.name or '', 'host')}]'"
            ) from missing
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and args[0] not in COMMANDS:
            ctx.fail(f"No such command {args[0]!r}; {meant(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(n, help=line) for n, (_, line) in COMMANDS.items() if n.startswith(incomplete)]
        return names or click.Command.shell_complete(self, ctx, incomplete)


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="qntx")
def cli() -> None:
    """Python plugins for QNTX, and a host to run them in."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 it could not be done, 2 the command line is wrong, 130 interrupted."""
    # gRPC's own notes on connections that close are not for a person at a terminal.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        code = cli.main(args=arguments, prog_name="qntx", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as stopped:
        return INTERRUPTED if isinstance(stopped.__cause__, KeyboardInterrupt) else 1
    except ChassisError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except OSError as refusal:
        # A full disk, a folder of somebody else: the machine's refusal, in its words.
        click.echo(f"Error: {str(refusal) or type(refusal).__name__}", err=True)
        return 1
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
