"""The configuration: `am.toml` files and `QNTX_…` variables, checked key by key.

Read in this order, later ones over earlier ones: `am.toml` in QNTX_HOME, the nearest `am.toml` from the working folder
upward, the environment (`QNTX_HOST_PORT=9000` sets `port` of `[host]`). A file that is named replaces the first two.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from qntx.errors import InvalidConfig
from qntx.host.home import Home
from qntx.model.nearest import meant

FILE_NAME = "am.toml"
DATABASE_VARIABLE = "QNTX_DATABASE"
"""The short name of QNTX_HOST_DATABASE."""


class PluginSection(msgspec.Struct, frozen=True, kw_only=True):
    """`[plugin]`: which plugins are started, and where they are looked for."""

    enabled: Annotated[
        list[str] | None, Meta(description="Names of the plugins to start. Not set: every qntx-NAME-plugin found.")
    ] = None
    paths: Annotated[
        list[str],
        Meta(description="Folders searched for launchers. Empty: plugins in QNTX_HOME, then ./qntx-plugins."),
    ] = msgspec.field(default_factory=list)
    start_timeout_seconds: Annotated[
        float, Meta(gt=0, description="How long a plugin may take to answer its first call.")
    ] = 10.0
    health_interval_seconds: Annotated[
        float,
        Meta(gt=0, description="How often a plugin's health is asked for; unwell twice in a row, it is restarted."),
    ] = 10.0


class HostSection(msgspec.Struct, frozen=True, kw_only=True):
    """`[host]`: where the host listens, and how it behaves."""

    address: Annotated[
        str, Meta(description="The address to listen on. Off loopback, tokens are demanded, and TLS.")
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="The port to listen on; 0 takes a free one.")] = 8777
    default_provider: Annotated[
        str, Meta(description="The plugin that runs plain `py` glyphs. Empty: python, else the only one.")
    ] = ""
    database: Annotated[
        str,
        Meta(
            description="The PostgreSQL that hosts share, as postgresql://USER@MACHINE/DATABASE; also QNTX_DATABASE. "
            "Empty: files in QNTX_HOME, for this host alone."
        ),
    ] = ""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least severe of the host's log lines kept.")
    ] = "info"
    allowed_hosts: Annotated[
        list[str], Meta(description="Host names a request may be addressed to, besides this machine's loopback names.")
    ] = msgspec.field(default_factory=list)
    allowed_origins: Annotated[
        list[str], Meta(description="Other web origins whose pages may call the API, such as http://localhost:5173.")
    ] = msgspec.field(default_factory=list)
    require_token: Annotated[bool, Meta(description="Whether callers on loopback must show a token too.")] = False
    token_file: Annotated[
        str, Meta(description="Where the tokens' digests are. Empty: keys/tokens.json in QNTX_HOME.")
    ] = ""
    tls_certificate: Annotated[
        str, Meta(description="A PEM file: the certificate that the host shows, and those up to its authority.")
    ] = ""
    tls_key: Annotated[str, Meta(description="A PEM file: the private key of that certificate.")] = ""
    proxies: Annotated[
        list[str],
        Meta(
            description="Addresses or networks of reverse proxies that end TLS; their X-Forwarded-For and "
            "X-Forwarded-Proto are believed. Tokens are then demanded on loopback too."
        ),
    ] = msgspec.field(default_factory=list)
    insecure_http: Annotated[
        bool, Meta(description="Whether to answer off loopback without TLS. Tokens can then be read on the way.")
    ] = False
    body_bytes_max: Annotated[int, Meta(ge=1, description="The largest request body that is read.")] = 16 * 1024 * 1024
    fetch_private: Annotated[
        bool, Meta(description="Whether scripts may fetch() from this machine and private networks.")
    ] = False
    services_address: Annotated[
        str,
        Meta(
            description="HOST:PORT where plugins of other machines reach this host's services. Empty: only those of "
            "this machine do. A token guards them; over TLS where tls_certificate is set."
        ),
    ] = ""
    services_advertised: Annotated[
        str,
        Meta(description="HOST:PORT that such plugins are told, where it is another: a name, or a forwarded port."),
    ] = ""
    audit_durable: Annotated[
        Literal["process", "power"],
        Meta(
            description="What the notes of runs under way outlast: the death of any process, or a power cut too; for "
            "that each run waits for the disk, once before it and once after. A plugin's own section may differ."
        ),
    ] = "process"
    dask_scheduler: Annotated[
        str,
        Meta(description="A Dask scheduler, such as tcp://10.0.0.9:8786, that scripts reach by dask_client()."),
    ] = ""


class PulseSection(msgspec.Struct, frozen=True, kw_only=True):
    """`[pulse]`: jobs."""

    running_max: Annotated[int, Meta(ge=1, le=1000, description="Jobs that run at once.")] = 8
    keep_days: Annotated[float, Meta(ge=0, description="How long jobs that ended are kept.")] = 30.0
    drain_seconds: Annotated[
        float,
        Meta(ge=0, description="How long running jobs may go on when the host stops. What still runs then runs again."),
    ] = 0.0


SECTIONS: Mapping[str, type[msgspec.Struct]] = {"plugin": PluginSection, "host": HostSection, "pulse": PulseSection}


@dataclass(frozen=True, slots=True)
class Config:
    """What the host is told. `of_plugins` holds the sections that are named after plugins."""

    plugin: PluginSection = field(default_factory=PluginSection)
    host: HostSection = field(default_factory=HostSection)
    pulse: PulseSection = field(default_factory=PulseSection)
    of_plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def load(home: Home, *, named: Path | None = None, folder: Path | None = None) -> Config:
    """Read what applies to a host of that home, started in that folder. Raises InvalidConfig."""
    files = (named,) if named else tuple(_found(home, folder or Path.cwd()))
    tables: dict[str, dict[str, Any]] = {}
    for file in files:
        for name, section in _read(file).items():
            tables[name] = tables.get(name, {}) | section
    for name, section in _from_environment(os.environ).items():
        tables[name] = tables.get(name, {}) | section
    sections = {name: _checked(type_, tables.pop(name, {}), name, "configuration") for name, type_ in SECTIONS.items()}
    return Config(**sections, of_plugins=tables, files=files)


def reference() -> str:
    """Every key with its meaning and its default, as a file to start from."""
    lines = []
    for name, section in SECTIONS.items():
        lines.append(f"[{name}]")
        for key in msgspec.inspect.type_info(section).fields:  # type: ignore[attr-defined]
            lines.append(f"# {key.type.extra_json_schema['description']}")
            lines.append(f"#{key.name} = {_default(key)}")
        lines.append("")
    lines += ["# A plugin's own keys stand under its name, as in [bio]; `qntx plugin list` names the plugins.", ""]
    return "\n".join(lines)


def _default(key: msgspec.inspect.Field) -> str:
    if isinstance(key.default, (str, bool, int, float)):
        return msgspec.json.encode(key.default).decode()
    return "[]"


def _found(home: Home, folder: Path) -> Iterable[Path]:
    if home.config.is_file():
        yield home.config
    for place in (folder, *folder.parents):
        if (project := place / FILE_NAME).is_file():
            if project != home.config:
                yield project
            return


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InvalidConfig(str(file), str(error)) from error
    for name, section in document.items():
        if not isinstance(section, dict):
            raise InvalidConfig(f"{file}: {name}", "keys stand in sections, such as [host]")
        if name in SECTIONS:
            _checked(SECTIONS[name], section, name, str(file))
        elif (hint := meant(name, SECTIONS)).startswith("did"):
            raise InvalidConfig(f"{file}: [{name}]", f"no such section; {hint}")
    return document


def _checked(type_: type[msgspec.Struct], section: Mapping[str, Any], name: str, where: str) -> Any:
    for key in section:
        if key not in type_.__struct_fields__:
            raise InvalidConfig(f"{where}: {name}.{key}", f"no such key; {meant(key, type_.__struct_fields__)}")
    try:
        return msgspec.convert(section, type_)
    except msgspec.ValidationError as error:
        fault, _, path = str(error).partition(" - at `$")
        raise InvalidConfig(f"{where}: {name}{path.rstrip('`')}", fault) from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    if DATABASE_VARIABLE in environment:
        tables["host"] = {"database": environment[DATABASE_VARIABLE]}
    for variable, text in environment.items():
        for name, type_ in SECTIONS.items():
            if variable.startswith(prefix := f"QNTX_{name.upper()}_"):
                key = variable.removeprefix(prefix).lower()
                value = _checked(type_, {key: _value(type_, key, text)}, name, f"environment: {variable}")
                tables.setdefault(name, {})[key] = getattr(value, key)
    return tables


def _value(type_: type[msgspec.Struct], key: str, text: str) -> Any:
    """The text as the key's type has it: lists are separated by commas."""
    known = get_type_hints(type_)
    if key not in known:
        return text
    if "list[" in str(known[key]):
        return [item.strip() for item in text.split(",") if item.strip()]
    try:
        return msgspec.convert(text, known[key], strict=False)
    except msgspec.ValidationError:
        return text
