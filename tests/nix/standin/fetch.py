"""Bring the pinned wheels here and describe them, and the interpreter, for the stand-in.

usage: PYTHON fetch.py WHEELS OUT          WHEELS keeps the files; OUT gets wheels.json and host.json

Run with the interpreter that the stand-in is to use. pip takes the files that fit it from wherever it is configured
to look, and refuses each whose sha256 is not in requirements.txt.
"""

from __future__ import annotations

import email.message
import email.parser
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from pip._vendor.packaging.requirements import Requirement

PINS = Path(__file__).resolve().parent / "requirements.txt"


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def download(wheels: Path) -> None:
    """Fetch what fits this interpreter, once for each state of the pins."""
    stamp = wheels / "complete"
    state = hashlib.sha256(PINS.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == state:
        return
    wheels.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    subprocess.run(
        [*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", PINS, "--dest", wheels], check=True
    )
    stamp.write_text(state)


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", n))
        return email.parser.Parser().parsestr(archive.read(name).decode())


def licence(about: email.message.Message) -> str:
    """As the package says it: its SPDX expression, else its classifiers, else its own short words."""
    if told := about.get("License-Expression"):
        return told
    classified = [c.split(" :: ")[-1] for c in about.get_all("Classifier", []) if c.startswith("License :: ")]
    return " and ".join(classified) or (about.get("License") or "not told").splitlines()[0]


def described(wheel: Path) -> dict[str, Any]:
    """One wheel. What it needs is told as NAME, or as NAME[EXTRA] for a package's extra."""
    about = metadata(wheel)
    requirements = [Requirement(text) for text in about.get_all("Requires-Dist", [])]

    def needed(extra: str) -> set[str]:
        wanted = [r for r in requirements if not r.marker or r.marker.evaluate({"extra": extra})]
        named = {normalised(r.name) for r in wanted}
        return named | {f"{normalised(r.name)}[{normalised(one)}]" for r in wanted for one in r.extras}

    extras = {normalised(one): sorted(needed(one) - needed("")) for one in about.get_all("Provides-Extra", [])}
    return {
        "version": about["Version"],
        "file": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "license": licence(about),
        "requires": sorted(needed("")),
        "extras": extras,
    }


def pinned() -> set[str]:
    """The names and versions that requirements.txt has for this interpreter."""
    lines = [line.removesuffix(" \\") for line in PINS.read_text().splitlines() if "==" in line.split(";")[0]]
    wanted = [Requirement(line) for line in lines]
    return {f"{normalised(r.name)}{r.specifier}" for r in wanted if not r.marker or r.marker.evaluate()}


def main(wheels: Path, out: Path) -> None:
    download(wheels)
    current = pinned()
    table = {}
    for wheel in sorted(wheels.glob("*.whl")):
        about = described(wheel)
        name = normalised(metadata(wheel)["Name"])
        # What an older state of the pins brought stays in the folder and is left out here.
        if f"{name}=={about['version']}" in current:
            table[name] = about
    python = os.path.realpath(sys.executable)
    host = {"python": python, "version": platform.python_version(), "path": "/usr/bin:/bin"}
    out.mkdir(parents=True, exist_ok=True)
    (out / "wheels.json").write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    (out / "host.json").write_text(json.dumps(host, indent=1) + "\n")
    print(f"{len(table)} wheels for Python {host['version']}", file=sys.stderr)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
