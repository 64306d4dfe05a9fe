"""What a plugin can be configured to do: the fields, how each is read, and the settings that come of them.

QNTX sends every value as text: floats with six decimals, lists as JSON. A value that cannot be read leaves the
variant's own in force and is said in the log and in Health; one wrong key must not keep a whole plugin from starting.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qntx.engine.api import Settings
from qntx.engine.overlay import Overlay
from qntx.model.attached import HOSTS_KEYS
from qntx.model.execution import Limits
from qntx.model.nearest import meant
from qntx.model.variant import PORT_MAX, Variant
from qntx.plugin.audit import DURABLE, Place
from qntx.script.compute import SCHEDULER_VARIABLE

DEFAULT_MODULES = ("numpy", "pandas", "requests", "json", "os", "sys")
SCHEDULER_PORT = 8786
CLUSTER_MODULE = "distributed"
SANDBOXES = ("full", "landlock", "limits")

IGNORED = frozenset({"args", *HOSTS_KEYS})
"""Sent along by QNTX because they are in the same table; meant for the command line, and for a host of ours."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the configuration, as the host's page shows it."""

    type: str
    description: str
    read: Callable[[str], Any]
    default: str = ""
    least: str = ""
    most: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: Settings
    audit: Place
    """Where runs are recorded."""
    default_modules: tuple[str, ...] = DEFAULT_MODULES
    default_provider: bool = False
    debug: bool = False
    site: Path = Path()
    """Where packages installed at run time are kept for this Python."""
    faults: tuple[str, ...] = field(default=())
    """What could not be read, each a sentence."""


def fields_of(variant: Variant) -> dict[str, Field]:
    limits = variant.limits
    return {
        "python_paths": Field("string", "Directories scripts import from too, separated by colons", _paths),
        "default_modules": Field(
            "string", "Modules that /modules looks for, separated by commas", _words, ",".join(DEFAULT_MODULES)
        ),
        "site_dir": Field(
            "string", "Directory of packages installed at run time (default: sites/NAME in QNTX_HOME)", _path
        ),
        "timeout_secs": Field(
            "number",
            "Seconds a script may take",
            _between(0.001, 86_400),
            f"{limits.timeout_seconds:g}",
            "0.001",
            "86400",
        ),
        "max_workers": Field(
            "integer", "Scripts that run at once; the rest wait", _whole(1, 256), str(os.cpu_count() or 1), "1", "256"
        ),
        "max_queued": Field(
            "integer", "Scripts that may wait; past it, calls are refused", _whole(0, 100_000), "256", "0"
        ),
        "default_provider": Field(
            "boolean", "Handlers published for `python`, whoever that is, are this plugin's too", _switch, "false"
        ),
        "enable_debug": Field("boolean", "Log more", _switch, "false"),
        "memory_mib": Field(
            "integer", "Memory a script may use, in MiB", _whole(16, 1 << 24), str(limits.memory_mib), "16"
        ),
        "network": Field("boolean", "Scripts may use the network", _switch, str(limits.network).lower()),
        "network_ports": Field(
            "string",
            "TCP ports that scripts may connect to where they may use the network, separated by commas",
            _ports,
            ",".join(map(str, limits.network_ports)),
        ),
        "subprocess": Field("boolean", "Scripts may start programs", _switch, str(limits.subprocess).lower()),
        "require_sandbox": Field(
            "string",
            "The weakest sandbox to run scripts in; where the machine offers less, they are refused",
            _one_of(*SANDBOXES),
            "limits",
            pattern="^(full|landlock|limits)$",
        ),
    } | _from_host()


def _from_host() -> dict[str, Field]:
    """What a host of ours sets itself."""
    return {
        "dask_scheduler": Field(
            "string",
            "A Dask scheduler, such as tcp://10.0.0.9:8786, that scripts reach by dask_client() where there is "
            "dask.distributed: its port is added to those they may connect to",
            _scheduler,
            pattern="^(tcp|tls)://.+$",
        ),
        "capsules": Field(
            "string",
            "The audit trail's SQLite file; its key is in `keys` beside it. A host sets it itself",
            _path,
            str(Place.default().file),
        ),
        "sealed_by": Field(
            "string",
            "Who seals records: this plugin, or the host, where hosts share one audit trail. A host sets it itself",
            _one_of("plugin", "host"),
            "plugin",
            pattern="^(plugin|host)$",
        ),
        "audit_durable": Field(
            "string",
            "What the note of a run that is under way outlasts: `process`, the death of any process; `power`, a power "
            "cut too: each run then waits for the disk, once before it and once after",
            _one_of(*DURABLE),
            DURABLE[0],
            pattern=f"^({'|'.join(DURABLE)})$",
        ),
        "node": Field("string", "What records call this machine; by default its name. A host sets it itself", str),
    }


def configure(variant: Variant, given: Mapping[str, str]) -> Configuration:
    """The configuration that these texts ask for."""
    fields = fields_of(variant)
    values: dict[str, Any] = {}
    faults: list[str] = []
    for key, text in sorted(given.items()):
        if key in IGNORED or not text.strip():
            continue
        if key not in fields:
            faults.append(f"{key}: no such key; {meant(key, fields)}")
            continue
        try:
            values[key] = fields[key].read(text.strip())
        except ValueError as fault:
            faults.append(f"{key}: {text!r} is {fault}; the variant's own value holds")
    site = _site(variant, values)
    return Configuration(
        settings=_settings(variant, values, Overlay(site)),
        audit=_audit(values),
        default_modules=values.get("default_modules") or DEFAULT_MODULES,
        default_provider=values.get("default_provider", False),
        debug=values.get("enable_debug", False),
        site=site,
        faults=tuple(faults),
    )


def _site(variant: Variant, values: Mapping[str, Any]) -> Path:
    """Of this plugin and this Python: what another version compiled does not import here."""
    home = Path(os.environ.get("QNTX_HOME") or os.path.expanduser("~/.qntx")).absolute()
    given = values.get("site_dir") or home / "sites" / variant.name
    return Path(os.path.realpath(given)) / f"py{sys.version_info.major}.{sys.version_info.minor}"


def _settings(variant: Variant, values: Mapping[str, Any], overlay: Overlay) -> Settings:
    paths = values.get("python_paths", ())
    scheduler = values.get("dask_scheduler", "")
    return Settings(
        name=variant.name,
        preload=variant.preload,
        limits=_with_cluster(_limits(variant.limits, values, (*paths, str(overlay.site))), values, overlay),
        running_max=values.get("max_workers", 0),
        queued_max=values.get("max_queued", 256),
        environment={**variant.environment, **({SCHEDULER_VARIABLE: scheduler} if scheduler else {})},
        paths=(*paths, str(overlay.current.ahead)),
        paths_after=(str(overlay.current.packages),),
        require_sandbox=values.get("require_sandbox", "limits"),
    )


def _audit(values: Mapping[str, Any]) -> Place:
    file = Path(values["capsules"]) if "capsules" in values else Place.default().file
    return Place(
        file, values.get("node", ""), values.get("sealed_by") == "host", values.get("audit_durable", DURABLE[0])
    )


def _limits(limits: Limits, values: Mapping[str, Any], paths: tuple[str, ...]) -> Limits:
    return replace(
        limits,
        timeout_seconds=values.get("timeout_secs", limits.timeout_seconds),
        memory_mib=values.get("memory_mib", limits.memory_mib),
        network=values.get("network", limits.network),
        network_ports=values.get("network_ports", limits.network_ports),
        subprocess=values.get("subprocess", limits.subprocess),
        readable_paths=tuple(dict.fromkeys((*limits.readable_paths, *paths))),
    )


def _with_cluster(limits: Limits, values: Mapping[str, Any], overlay: Overlay) -> Limits:
    """Scripts that can call the scheduler may: that port, and no other that they could not reach before."""
    where = [*values.get("python_paths", ()), str(overlay.current.packages), *sys.path]
    if "dask_scheduler" not in values or PathFinder.find_spec(CLUSTER_MODULE, where) is None:
        return limits
    port = urlsplit(values["dask_scheduler"]).port or SCHEDULER_PORT
    ports = limits.network_ports if limits.network else ()
    return replace(limits, network=True, network_ports=tuple(dict.fromkeys((*ports, port))))


def _between(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("not a number") from None
        if not least <= value <= most:
            raise ValueError(f"not between {least:g} and {most:g}")
        return value

    return read


def _whole(least: int, most: int) -> Callable[[str], int]:
    number = _between(least, most)

    def read(text: str) -> int:
        value = number(text)
        if not value.is_integer():
            raise ValueError("not a whole number")
        return int(value)

    return read


def _switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("neither true nor false")
    return text.lower() == "true"


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"none of {', '.join(words)}")
        return text

    return read


def _scheduler(text: str) -> str:
    try:
        parts = urlsplit(text)
        named = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise ValueError("not such as tcp://10.0.0.9:8786")
    return text


def _path(text: str) -> str:
    if not os.path.isabs(text):
        raise ValueError("not an absolute path")
    return text


def _paths(text: str) -> tuple[str, ...]:
    return tuple(_path(part) for part in _list(text, ":"))


def _ports(text: str) -> tuple[int, ...]:
    """Also of the JSON list of numbers that it is where the configuration held a list."""
    port = _whole(1, PORT_MAX)
    return tuple(port(part) for part in text.strip("[]").split(",") if part.strip())


def _words(text: str) -> tuple[str, ...]:
    return tuple(_list(text, ","))


def _list(text: str, separator: str) -> list[str]:
    """The parts of the text, or of the JSON list it is where the configuration held a list."""
    if not text.startswith("["):
        return [part.strip() for part in text.split(separator) if part.strip()]
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"not a list: {fault}") from None
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError("a list that holds more than texts")
    return list(parts)
