"""Write requirements.txt: each wheel the stand-in may use, by name, version and sha256.

usage: python tests/nix/standin/lock.py [--upgrade]      needs uv; resolves through the index that uv is configured with

One file serves every interpreter from Python 3.11 on; where versions differ, markers say so. Run it after a change of
dependencies in chassis/pyproject.toml or of a manifest.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
OUT = HERE / "requirements.txt"

# The checks' own, beside what the project asks for.
TOOLS = ["pytest", "pytest-asyncio", "pytest-timeout"]


def asked() -> list[str]:
    """What the chassis, its build and the variants ask for."""
    document = tomllib.loads((ROOT / "chassis/pyproject.toml").read_text())
    project = document["project"]
    wanted = [*TOOLS, *document["build-system"]["requires"], *project["dependencies"]]
    # The other extras are no part of any package of the flake.
    wanted += project["optional-dependencies"]["host"]
    for manifest in sorted(ROOT.glob("variants/*/plugin.toml")):
        variant = tomllib.loads(manifest.read_text())
        wanted += variant.get("dependencies", []) + variant.get("optional", [])
    return wanted


def main() -> None:
    compile_ = [
        *("uv", "pip", "compile", "-", "--quiet", "--universal", "--python-version", "3.11"),
        *("--generate-hashes", "--only-binary", ":all:", "--no-emit-index-url", "--no-annotate", "--no-header"),
        # What is pinned there stays pinned as long as it will do.
        *("--output-file", str(OUT)),
        *sys.argv[1:],
    ]
    done = subprocess.run(compile_, input="\n".join(asked()), text=True, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    OUT.write_text(f"# By lock.py beside this file; not edited by hand.\n{OUT.read_text()}")


if __name__ == "__main__":
    main()
