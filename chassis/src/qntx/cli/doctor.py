"""qntx doctor: what is here, what is missing, and how to get it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import click
import uv
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qntx.cli import client
from qntx.cli.options import json_option
from qntx.errors import ChassisError
from qntx.host import config as configuration
from qntx.host import distribution, variants
from qntx.host.access import exposure
from qntx.host.access.tokens import Tokens
from qntx.host.environments import Environments, State
from qntx.host.home import Home
from qntx.host.plugins.discovery import discover, search_paths
from qntx.host.serving import Tls
from qntx.wire import tracing
from qntx.worker.sandbox import landlock, seccomp

PYTHON_MIN = (3, 11)
GOOD, WARN, LACKING, WRONG = "ok", "warning", "missing", "wrong"
STYLES = {GOOD: "green", WARN: "yellow", LACKING: "red", WRONG: "red"}
USER_NAMESPACES_MAX = Path("/proc/sys/user/max_user_namespaces")
CGROUP = Path("/sys/fs/cgroup")
FREE_BYTES_MIN = 1 << 30
EXTRAS = {"frames": "pyarrow", "postgres": "psycopg", "otel": "opentelemetry.sdk"}
"""What each extra of the distribution brings."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` is what to do where it is not as it should be."""

    subject: str
    status: str
    found: str
    remedy: str = ""


@click.command("doctor")
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Say what is missing here and how to get it. Fails where something that is needed is missing or wrong."""
    home = Home.find()
    findings = [*_tools(), *_home(home), *_kept(home), *_access(home), *_plugins(home), _host(home), *_sandbox()]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    context.exit(int(any(finding.status in (LACKING, WRONG) for finding in findings)))


def _print(findings: list[Finding]) -> None:
    """What to do stands below what was found, so that neither a path nor a command is ever cut."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        table.add_row(finding.subject, Text(finding.status, STYLES[finding.status]), Text(finding.found))
        if finding.remedy:
            table.add_row("", "", Text(f"→ {finding.remedy}", "bold"))
    Console().print(table)


def _tools() -> Iterator[Finding]:
    python = f"{platform.python_version()} at {sys.executable}"
    enough = sys.version_info >= PYTHON_MIN
    yield Finding("Python", GOOD if enough else LACKING, python, "" if enough else "install Python 3.11 or newer")
    try:
        yield Finding("uv", GOOD, uv.find_uv_bin())
    except FileNotFoundError as error:
        yield Finding("uv", LACKING, str(error), "pip install uv")
    git = shutil.which("git")
    yield (
        Finding("git", GOOD, git) if git else Finding("git", WARN, "not found", "install git: `ix` reads repositories")
    )
    there = {extra: _installed(module) for extra, module in EXTRAS.items()}
    lacking = [extra for extra, is_there in there.items() if not is_there]
    if tracing.wanted(os.environ) and "otel" in lacking:
        yield Finding("extras", WARN, "traces are wanted, and cannot be sent", "pip install 'qntx-chassis[otel]'")
    else:
        here = ", ".join(extra for extra in there if extra not in lacking) or "none"
        yield Finding("extras", GOOD, here + (f"; not installed: {', '.join(lacking)}" if lacking else ""))


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _home(home: Home) -> Iterator[Finding]:
    nearest = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    if os.access(nearest, os.W_OK):
        yield Finding("home", GOOD, str(home.root) if nearest == home.root else f"{home.root}, made when first needed")
    else:
        yield Finding("home", WRONG, f"{nearest} is not writable", "set QNTX_HOME to a folder of yours")
    try:
        files = configuration.load(home).files
    except ChassisError as error:
        yield Finding("configuration", WRONG, str(error), "`qntx up --config-reference` lists every key")
    else:
        yield Finding("configuration", GOOD, ", ".join(map(str, files)) or "no am.toml: defaults")


def _kept(home: Home) -> Iterator[Finding]:
    """What only this machine has: its keys and its records."""
    if not home.root.exists():
        return
    free = shutil.disk_usage(home.root).free
    enough = free >= FREE_BYTES_MIN
    yield Finding(
        "disk", GOOD if enough else WARN, f"{free >> 20} MiB free", "" if enough else f"free some: {home.root}"
    )
    if home.keys.exists():
        private = not home.keys.stat().st_mode & 0o077
        remedy = "" if private else f"chmod 700 {home.keys}"
        yield Finding("keys", GOOD if private else WRONG, "yours alone" if private else "others can read them", remedy)
    for subject, file in (("attestations", home.attestations), ("audit trail", home.capsules)):
        found = f"{file.stat().st_size >> 10} KiB, {file}" if file.exists() else "none yet"
        yield Finding(subject, GOOD, found)
    for site in sorted((home.root / "sites").glob("*/py*/generations/*/packages")):
        count = len(list(site.glob("*.dist-info")))
        yield Finding(f"packages of {site.parents[3].name}", GOOD, f"{count} installed at run time")


def _access(home: Home) -> Iterator[Finding]:
    """Who may call the host, as it is configured."""
    try:
        section = configuration.load(home).host
        tokens = Tokens(Path(section.token_file).expanduser() if section.token_file else home.tokens).all()
        warnings = list(exposure.check(section, tokens=len(tokens)))
        if section.tls_certificate:
            Tls(Path(section.tls_certificate).expanduser(), Path(section.tls_key).expanduser()).check()
    except ChassisError as error:
        yield Finding("access", WRONG, str(error), "correct it in am.toml, or with `qntx token`")
        return
    for warning in warnings:
        yield Finding("access", WARN, warning, "set host.tls_certificate and host.tls_key")
    if not exposure.demands_tokens(section):
        yield Finding("access", GOOD, f"this machine alone, at {section.address}:{section.port}, without tokens")
        return
    over = "TLS" if section.tls_certificate else "a proxy" if section.proxies else "plain HTTP"
    yield Finding("access", GOOD, f"{section.address}:{section.port} over {over}, with one of {len(tokens)} tokens")


def _plugins(home: Home) -> Iterator[Finding]:
    try:
        section = configuration.load(home).plugin
        installed = discover(section, search_paths(section, home, Path.cwd()))
    except ChassisError as error:
        yield Finding("plugins", WRONG, str(error), "correct it in am.toml")
        return
    for one in installed:
        found = str(one.path) if one.path else "no launcher"
        remedy = "" if one.path else f"qntx variant sync {one.name}"
        yield Finding(f"plugin {one.name}", GOOD if one.path else LACKING, found, remedy)
    if not installed:
        yield Finding("plugins", LACKING, "none is installed", "qntx variant sync")
    yield from _environments(home)


def _environments(home: Home) -> Iterator[Finding]:
    try:
        folders = variants.load(variants.find()).values()
        built = Environments(home, distribution.installed_chassis())
        states = {folder.variant.name: built.state(folder) for folder in folders}
    except ChassisError as error:
        yield Finding("variants", WARN, str(error))
        return
    for name, state in states.items():
        remedy = "" if state is State.READY else f"qntx variant sync {name}"
        yield Finding(f"environment {name}", GOOD if state is State.READY else WARN, state.value, remedy)


def _host(home: Home) -> Finding:
    try:
        host = client.find_running(home)
        if host is None:
            return Finding("host", WARN, "not running", "qntx up")
        with host:
            health = host.get("/health")
    except ChassisError as error:
        return Finding("host", WRONG, str(error), "qntx up, or correct QNTX_URL")
    plugins = ", ".join(f"{name} {state}" for name, state in health["plugins"].items())
    status = GOOD if health["status"] == "ok" else WARN
    return Finding("host", status, f"{health['version']} at {host.url}: {plugins or 'no plugins'}")


def _sandbox() -> Iterator[Finding]:
    """What the kernel offers to hold scripts in. All of it is Linux's; without it they are held less tightly."""
    abi = landlock.abi() if sys.platform == "linux" else 0
    yield _offered("sandbox: Landlock", abi > 0, f"ABI {abi}", "Linux 5.13 or newer with landlock in lsm=")
    yield _offered("sandbox: seccomp", seccomp.supported(), "filters", "Linux with seccomp, x86-64 or AArch64")
    spaces = USER_NAMESPACES_MAX.read_text().strip() if USER_NAMESPACES_MAX.exists() else "0"
    yield _offered("sandbox: namespaces", spaces != "0", f"{spaces} allowed", "sysctl user.max_user_namespaces=10000")
    unified = (CGROUP / "cgroup.controllers").exists()
    yield _offered("sandbox: cgroups", unified, "version 2", "boot with systemd.unified_cgroup_hierarchy=1")


def _offered(subject: str, there: bool, found: str, remedy: str) -> Finding:
    return Finding(subject, GOOD, found) if there else Finding(subject, WARN, "not offered here", remedy)
