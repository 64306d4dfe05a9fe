"""Hold a plugin's bill of materials against the environment it describes.

usage: python bill.py BILL ENVIRONMENT
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

INSTALLED = "from importlib import metadata\nfor one in metadata.distributions(): print(one.name, one.version)"


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(bill: Path, environment: Path) -> None:
    components = json.loads(bill.read_text())["components"]
    told = {normalised(one["name"]): one["version"] for one in components}
    listing = subprocess.run(
        [environment / "bin/python3", "-IBc", INSTALLED], text=True, stdout=subprocess.PIPE, check=True
    )
    there = {normalised(name): version for name, version in map(str.split, listing.stdout.splitlines())}
    if missing := sorted(there.keys() - told.keys()):
        sys.exit(f"not in the bill: {', '.join(missing)}")
    if other := sorted(name for name in there if there[name] != told[name]):
        sys.exit(f"of another version in the bill: {', '.join(other)}")
    if unlicensed := sorted(one["name"] for one in components if not one["licenses"]):
        sys.exit(f"no licence told: {', '.join(unlicensed)}")
    print(f"{len(there)} packages, each with its version and licence")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
