"""Build steps of the stand-in: unpack a wheel, make one, put packages together into an environment, write TOML.

usage: build.py STEP ARGUMENT…          the steps are the functions below
"""

from __future__ import annotations

import configparser
import importlib
import json
import os
import re
import stat
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

SITE = "lib/python3/site-packages"


def wheel(source: str, out: str) -> None:
    """Unpack a wheel: libraries to site-packages, programs to bin."""
    with zipfile.ZipFile(source) as archive:
        for entry in archive.infolist():
            place = _place(entry.filename)
            if entry.is_dir() or place is None:
                continue
            target = Path(out, place)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(entry))
            runs = place.startswith("bin/") or (entry.external_attr >> 16) & stat.S_IXUSR
            target.chmod(0o755 if runs else 0o644)


def _place(name: str) -> str | None:
    """Where a wheel's file goes; None for what nothing here needs."""
    in_data = re.fullmatch(r"[^/]+\.data/(\w+)/(.+)", name)
    if not in_data:
        return f"{SITE}/{name}"
    kind, rest = in_data.groups()
    prefix = {"purelib": f"{SITE}/", "platlib": f"{SITE}/", "scripts": "bin/", "data": ""}.get(kind)
    return None if prefix is None else prefix + rest


def env(out: str, python: str, *paths: str) -> None:
    """A virtual environment of links. The interpreter's own site-packages are not seen from it."""
    root = Path(out)
    version = "{}.{}".format(*sys.version_info)
    site = root / f"lib/python{version}/site-packages"
    site.mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "pyvenv.cfg").write_text(f"home = {os.path.dirname(python)}\ninclude-system-site-packages = false\n")
    for name in ("python3", "python", f"python{version}"):
        (root / "bin" / name).symlink_to(python)
    for path in map(Path, paths):
        _link_all(path / SITE, site)
        _link_all(path / "bin", root / "bin")
        _scripts(path / SITE, root)


def _link_all(source: Path, target: Path) -> None:
    for file in sorted(source.rglob("*")):
        if file.is_dir():
            continue
        link = target / file.relative_to(source)
        if link.exists():
            if link.read_bytes() != file.read_bytes():
                sys.exit(f"collision: {link.relative_to(target)} in {link.readlink()} and {file}")
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)


def _scripts(source: Path, root: Path) -> None:
    """The console scripts a package declares."""
    for table in source.glob("*.dist-info/entry_points.txt"):
        points = configparser.ConfigParser(delimiters=("=",))
        points.optionxform = str  # type: ignore[assignment, method-assign]
        points.read(table)
        if not points.has_section("console_scripts"):
            continue
        for name, target in points["console_scripts"].items():
            module, _, attribute = target.split("[")[0].strip().partition(":")
            first = attribute.split(".")[0]
            script = root / "bin" / name
            script.write_text(
                f"#!{root}/bin/python3\nimport sys\nfrom {module} import {first}\nsys.exit({attribute}())\n"
            )
            script.chmod(0o755)


def pep517(out: str) -> None:
    """Have the project's build backend make a wheel of the current folder."""
    sys.path.insert(0, os.getcwd())
    with open("pyproject.toml", "rb") as file:
        backend = tomllib.load(file)["build-system"]["build-backend"]
    os.makedirs(out)
    importlib.import_module(backend).build_wheel(out)


def check(out: str, *modules: str) -> None:
    """What the package asks for against what is there, then its imports: as nixpkgs' hooks do."""
    # Part of the build environment only, so not for the other steps.
    requirement = importlib.import_module("packaging.requirements").Requirement
    site = os.path.join(out, SITE)
    sys.path.insert(0, site)
    for distribution in metadata.distributions(path=[site]):
        for wanted in map(requirement, distribution.requires or []):
            if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
                continue
            have = metadata.version(wanted.name)
            if not wanted.specifier.contains(have, prereleases=True):
                sys.exit(f"{distribution.name}: wants {wanted}, has {have}")
    for module in modules:
        importlib.import_module(module)


def toml(source: str, out: str) -> None:
    """A table of tables of plain values, as TOML. JSON's values are TOML's, but for null, which has none."""
    document = json.loads(Path(source).read_text())
    lines = []
    for section, values in document.items():
        lines.append(f"[{json.dumps(section)}]")
        lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items()]
        lines.append("")
    Path(out).write_text("\n".join(lines))


if __name__ == "__main__":
    {step.__name__: step for step in (wheel, env, pep517, check, toml)}[sys.argv[1]](*sys.argv[2:])
