"""Generates the protobuf stubs when the package is built, and puts the variants' manifests into the wheel.

The stubs are never committed: protobuf refuses stubs newer than its runtime, so they must come from the tools of the
environment that builds.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import grpc_tools
from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "qntx/protocol"


class StubsHook(BuildHookInterface):  # type: ignore[type-arg]
    """hatchling calls initialize() before every build, an editable one included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if self.target_name == "wheel":
            generate(beside(root, "proto", "QNTX_PROTO_DIR"), root / "src")
            build_data["artifacts"].append(f"/src/{PACKAGE}/*_pb2.py*")
            if version != "editable":
                variants = beside(root, "variants", "QNTX_VARIANTS_DIR")
                build_data["force_include"][str(variants)] = "qntx/variants"


def beside(root: Path, name: str, variable: str) -> Path:
    """The folder of that name: where the variable says, in an unpacked sdist, or in a checkout."""
    if told := os.environ.get(variable):
        return Path(told)
    inside = root / name
    return inside if inside.is_dir() else root.parent / name


def generate(protos: Path, source: Path) -> None:
    files = sorted(protos.glob("*.proto"))
    if not files:
        raise FileNotFoundError(f"no .proto files in {protos}")
    wellknown = Path(grpc_tools.__file__).parent / "_proto"
    arguments = [
        "protoc",
        f"-I{PACKAGE}={protos}",
        f"-I{wellknown}",
        f"--python_out={source}",
        f"--pyi_out={source}",
        *(f"{PACKAGE}/{file.name}" for file in files),
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc failed on {protos}")
