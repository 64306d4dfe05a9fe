"""Wheels for tests: what a package index would offer, made here."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path


def wheel(
    index: Path,
    name: str,
    version: str,
    code: str = "",
    needs: Sequence[str] = (),
    extras: Sequence[str] = (),
    tag: str = "py3-none-any",
) -> Path:
    """A wheel with one module, as an index would offer it."""
    stem = f"{name}-{version}"
    head = [f"Name: {name}", f"Version: {version}", *(f"Provides-Extra: {extra}" for extra in extras)]
    head += [f"Requires-Dist: {need}" for need in needs]
    path = index / f"{stem}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", code or f"version = {version!r}\n")
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join(("Metadata-Version: 2.1", *head, "")))
        archive.writestr(f"{stem}.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    return path
