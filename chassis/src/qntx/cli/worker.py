"""qntx worker: a Dask worker in the environment of a variant, with the packages that its scripts have."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import click

from qntx.errors import NotFound, Refused
from qntx.host import config as configuration
from qntx.host import variants
from qntx.host.home import Home

WORKER = "distributed.cli.dask_worker"


@click.command("worker", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("more", nargs=-1, type=click.UNPROCESSED)
@click.option("--scheduler", default="", help="Where it is. [default: dask_scheduler of [host] in am.toml]")
@click.option("--threads", type=click.IntRange(min=1), default=os.cpu_count() or 1, help="Tasks at once.")
@click.option("--memory", default="auto", help="Memory it may use, such as 8GiB.")
def command(name: str, more: tuple[str, ...], scheduler: str, threads: int, memory: str) -> None:
    """Run a Dask worker with the packages of variant NAME, until it is ended.

    Its tasks run with your rights, in no sandbox: whoever reaches the scheduler runs code as you. What else follows is
    for `dask worker`: --host 10.0.0.7, --tls-ca-file, --local-directory …
    """
    home = Home.find()
    scheduler = scheduler or configuration.load(home).host.dask_scheduler
    if not scheduler:
        raise Refused("no scheduler: say --scheduler tcp://HOST:8786, or set dask_scheduler of [host] in am.toml")
    environment = home.environments / name
    python = environment / "bin" / "python3"
    if not python.exists():
        raise NotFound(f"variant {name!r} is not built in {home.root}: qntx variant sync {name}")
    _require(python, name)
    manifest = environment / "libexec" / variants.MANIFEST
    started = [str(python), "-IB", "-m", WORKER, scheduler, "--nworkers", "1", "--nthreads", str(threads)]
    # No nanny: it would start workers that do not see this environment's flags, and the orchestrator starts us anew.
    arguments = [*started, "--memory-limit", memory, "--no-nanny", *more]
    os.execve(python, arguments, {**os.environ, **variants.read(manifest, name).environment})


def _require(python: Path, name: str) -> None:
    """Raise Refused where the variant has no Dask."""
    asked = "import importlib.util, sys; sys.exit(importlib.util.find_spec('distributed') is None)"
    if subprocess.run([python, "-IBc", asked], check=False).returncode:
        raise Refused(
            f"variant {name!r} has no dask.distributed: add 'distributed' to the dependencies in its plugin.toml, then "
            f"qntx variant sync {name}"
        )
