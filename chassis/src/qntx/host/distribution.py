"""How the chassis that runs was installed, so that a variant's environment gets the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

NAME = "qntx-chassis"


@dataclass(frozen=True, slots=True)
class Chassis:
    """What to install as the chassis, and what tells one such from another."""

    arguments: tuple[str, ...]
    digest: str


def installed_chassis(*, editable: bool = True) -> Chassis:
    """The chassis that is running, to be installed the way it was itself: from its checkout, or by its version.

    From a checkout it is installed editable, so that an edit is seen at the plugin's next start, unless told otherwise.
    """
    distribution = metadata.distribution(NAME)
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return chassis_of(distribution.version, origin, editable=editable)


def chassis_of(version: str, origin: Mapping[str, Any], *, editable: bool) -> Chassis:
    """The same, of what an installer wrote down (PEP 610); an empty origin is a package index."""
    if not origin:
        pinned = f"{NAME}=={version}"
        return Chassis((pinned,), pinned)
    url = origin["url"]
    if vcs := origin.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    if "dir_info" not in origin:
        return Chassis((f"{NAME} @ {url}",), f"{url} {version}")
    checkout = Path(url2pathname(urlsplit(url).path))
    if editable and origin["dir_info"].get("editable"):
        files = [checkout / "pyproject.toml", *sorted((checkout.parent / "proto").glob("*.proto"))]
        return Chassis(("--editable", str(checkout)), f"editable {checkout} {digest_of(files)}")
    sources = sorted(
        path for path in (checkout / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    return Chassis((str(checkout),), f"{checkout} {digest_of([checkout / 'pyproject.toml', *sources])}")


def digest_of(files: Sequence[Path]) -> str:
    """Changes with any of the files, their names or their order."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()
