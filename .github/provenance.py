"""Say where built packages come from: an in-toto statement with SLSA provenance, on standard output.

usage: python .github/provenance.py --source URI --revision COMMIT --builder URI NAME=sha256:DIGEST…

Subjects are store paths by the hash of their content (`nix hash path --format base16`), and images by their digest.
What they were made of is the commit and the revision of nixpkgs in flake.lock; there is nothing else.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parents[1] / "flake.lock"


def sha256(hash_: str) -> dict[str, str]:
    """Nix writes sha256-BASE64, in-toto hexadecimal."""
    return {"sha256": base64.b64decode(hash_.removeprefix("sha256-")).hex()}


def subject(text: str) -> dict[str, Any]:
    name, separator, digest = text.rpartition("=sha256:")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=sha256:DIGEST")
    return {"name": name, "digest": {"sha256": digest}}


def statement(arguments: argparse.Namespace, lock: Mapping[str, Any]) -> dict[str, Any]:
    nixpkgs = lock["nodes"]["nixpkgs"]["locked"]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": arguments.subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://nixos.org/manual/nix/stable/command-ref/new-cli/nix3-build",
                "externalParameters": {"flake": f"{arguments.source}?rev={arguments.revision}"},
                "resolvedDependencies": [
                    {"uri": arguments.source, "digest": {"gitCommit": arguments.revision}},
                    {
                        "uri": f"git+https://github.com/{nixpkgs['owner']}/{nixpkgs['repo']}",
                        "digest": {"gitCommit": nixpkgs["rev"], **sha256(nixpkgs["narHash"])},
                    },
                ],
            },
            "runDetails": {"builder": {"id": arguments.builder}},
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the provenance of built packages.")
    parser.add_argument("--source", required=True, help="where the repository is")
    parser.add_argument("--revision", required=True, help="its commit")
    parser.add_argument("--builder", required=True, help="who built")
    parser.add_argument("subjects", nargs="+", type=subject, metavar="NAME=sha256:DIGEST", help="what was built")
    arguments = parser.parse_args()
    print(json.dumps(statement(arguments, json.loads(LOCK.read_text())), indent=2))


if __name__ == "__main__":
    main()
