"""Generates the protobuf stubs when the package is built, and puts the variants' manifests into the wheel.

The stubs are never committed: protobuf refuses stubs newer than its runtime, so they must come from the tools of the
environment that builds. They are written beside the sources, where an editable install imports them from; a stub that
would not change is left alone, so that builds side by side cannot hand a running program half a file.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import grpc_tools
from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "qntx/protocol"


class StubsHook(BuildHookInterface):  # type: ignore[type-arg]
    """hatchling calls initialize() before every build, an editable one included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        generate(beside(root, "proto", "QNTX_PROTO_DIR"), root / "src" / PACKAGE)
        build_data["artifacts"].append(f"/src/{PACKAGE}/*_pb2.py*")
        if version != "editable":
            for manifest in beside(root, "variants", "QNTX_VARIANTS_DIR").glob("*/plugin.toml"):
                build_data["force_include"][str(manifest.parent)] = f"qntx/variants/{manifest.parent.name}"


def beside(root: Path, name: str, variable: str) -> Path:
    """The folder of that name: where the variable says, in an unpacked sdist, or in a checkout."""
    if told := os.environ.get(variable):
        return Path(told)
    inside = root / name
    return inside if inside.is_dir() else root.parent / name


def generate(protos: Path, destination: Path) -> None:
    """Every proto file's stub, in the destination."""
    files = sorted(protos.glob("*.proto"))
    if not files:
        raise FileNotFoundError(f"no .proto files in {protos}")
    with tempfile.TemporaryDirectory() as scratch:
        arguments = [
            "protoc",
            f"-I{PACKAGE}={protos}",
            f"-I{Path(grpc_tools.__file__).parent / '_proto'}",
            f"--python_out={scratch}",
            f"--pyi_out={scratch}",
            *(f"{PACKAGE}/{file.name}" for file in files),
        ]
        if protoc.main(arguments) != 0:
            raise RuntimeError(f"protoc failed on {protos}")
        for stub in (Path(scratch) / PACKAGE).iterdir():
            place(destination / stub.name, stub.read_bytes())


def place(path: Path, content: bytes) -> None:
    """Puts the content there, at once, and only where it differs."""
    if path.exists() and path.read_bytes() == content:
        return
    unfinished = path.with_name(f".{os.getpid()}.tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)
