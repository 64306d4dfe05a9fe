"""The command line of a plugin, and the name it goes by.

QNTX starts a plugin with `--port N` and whatever its configuration adds, so what is not known here is noted, never
refused.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qntx.errors import InvalidRequest
from qntx.model.variant import NAME, Variant, parse

DEFAULT_NAME = "python"
DEFAULT_PORT = 9000
LOOPBACK = "127.0.0.1"
TOKEN_VARIABLE = "QNTX_PLUGIN_TOKEN"

_PROGRAM = re.compile(r"qntx-(.+)-plugin(\.py)?")
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Credentials:
    """What keeps strangers out where a stranger could knock."""

    token: str = ""
    certificate: Path | None = None
    key: Path | None = None
    client_authority: Path | None = None
    host_authority: Path | None = None
    """Who signed the certificate of the host's services, which are called over TLS where the host says so."""


@dataclass(frozen=True, slots=True)
class Arguments:
    name: str
    host: str
    port: int
    port_is_fixed: bool
    """An address was named: a port in use is an error then, where it would otherwise be the next one's turn."""
    log_level: str
    manifest: Path | None
    show_version: bool
    outlive_parent: bool
    drain_seconds: float
    """How long what is under way may take to end after SIGTERM."""
    credentials: Credentials
    unknown: tuple[str, ...]


def read(program: str, argv: Sequence[str], environment: Mapping[str, str]) -> Arguments:
    """What was asked for. `program` is the file that was started."""
    known, unknown = _parser().parse_known_args(argv)
    host, port = _address(known.address) if known.address else (LOOPBACK, known.port)
    if not 0 <= port <= _PORT_MAX:
        raise InvalidRequest("--port", f"{port} is not between 0 and {_PORT_MAX}")
    return Arguments(
        name=_name(known.name, program),
        host=host,
        port=port,
        port_is_fixed=bool(known.address),
        log_level=known.log_level,
        manifest=known.manifest,
        show_version=known.version,
        outlive_parent=known.outlive_parent,
        drain_seconds=_at_least_zero("--drain", known.drain),
        credentials=_credentials(known, environment),
        unknown=tuple(unknown),
    )


def variant_of(name: str, manifest: Path | None, version: str) -> Variant:
    """The variant of that name: its manifest's, or a plain one where there is none."""
    if manifest is not None:
        try:
            text = manifest.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise InvalidRequest("--manifest", f"{manifest} cannot be read: {fault}") from fault
        return parse(name, text, str(manifest))
    glyph = 'glyph = "py"\n' if name == DEFAULT_NAME else ""
    return parse(name, f'version = "{version}"\n{glyph}', "(no manifest)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qntx-NAME-plugin", description="Serves one variant of QNTX's Python plugin over gRPC.", allow_abbrev=False
    )
    parser.add_argument("-p", "--port", type=int, default=DEFAULT_PORT, help="port on 127.0.0.1; 0: any (default 9000)")
    parser.add_argument("-a", "--address", metavar="HOST:PORT", help="listen there instead; off loopback needs a token")
    parser.add_argument("--log-level", default="info", metavar="LEVEL", help="debug, info, warn or error")
    parser.add_argument("--name", help="the plugin's name (default: from qntx-NAME-plugin, else python)")
    parser.add_argument("--manifest", type=Path, metavar="FILE", help="the variant's plugin.toml")
    parser.add_argument("-V", "--version", action="store_true", help="print the version and exit")
    parser.add_argument("--outlive-parent", action="store_true", help="stay when the process that started this is gone")
    parser.add_argument(
        "--drain",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="on SIGTERM take nothing new, and give what runs so long to end; a second SIGTERM ends it (default 0)",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"calls must carry its content (or {TOKEN_VARIABLE}) as a bearer token",
    )
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="serve TLS with this certificate (PEM)")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's private key (PEM)")
    parser.add_argument(
        "--tls-client-authority",
        type=Path,
        metavar="FILE",
        help="callers must show a certificate this one signed (PEM)",
    )
    parser.add_argument(
        "--host-authority",
        type=Path,
        metavar="FILE",
        help="who signed the certificate of the host's services, where they use TLS (PEM; default: the system's)",
    )
    return parser


def _name(given: str | None, program: str) -> str:
    match = _PROGRAM.fullmatch(Path(program).name)
    name = given or (match.group(1) if match else DEFAULT_NAME)
    if not re.fullmatch(NAME, name):
        raise InvalidRequest("--name", f"{name!r} is not lower-case letters, digits and single hyphens, a letter first")
    return name


def _address(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not separator or not host or not port.isdecimal():
        raise InvalidRequest("--address", f"{text!r} is not HOST:PORT, such as 127.0.0.1:9000")
    return host, int(port)


def _credentials(known: argparse.Namespace, environment: Mapping[str, str]) -> Credentials:
    if bool(known.tls_certificate) != bool(known.tls_key):
        raise InvalidRequest("--tls-certificate", "goes with --tls-key; name both or neither")
    if known.tls_client_authority and not known.tls_certificate:
        raise InvalidRequest("--tls-client-authority", "needs --tls-certificate and --tls-key")
    return Credentials(
        token=_token(known.token_file, environment),
        certificate=known.tls_certificate,
        key=known.tls_key,
        client_authority=known.tls_client_authority,
        host_authority=known.host_authority,
    )


def _at_least_zero(option: str, value: float) -> float:
    if not 0 <= value < math.inf:
        raise InvalidRequest(option, f"{value:g} is not a number of seconds, 0 or more")
    return value


def _token(file: Path | None, environment: Mapping[str, str]) -> str:
    if file is None:
        return environment.get(TOKEN_VARIABLE, "").strip()
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise InvalidRequest("--token-file", f"{file} cannot be read: {fault}") from fault
    if not token:
        raise InvalidRequest("--token-file", f"{file} is empty")
    return token
