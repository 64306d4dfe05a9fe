"""What the variant has, as wheels without contents: uv reads from them what each needs, and no index has to have it."""

from __future__ import annotations

import zipfile
from importlib import metadata
from pathlib import Path

from qntx.engine.requirements import normalised


def write_stub(folder: Path, name: str) -> None:
    """A wheel of the name, version and needs of that installed package."""
    known = metadata.distribution(name)
    stem = f"{normalised(name).replace('-', '_')}-{known.version}"
    needs = [f"Requires-Dist: {text}" for text in known.requires or ()]
    extras = [f"Provides-Extra: {text}" for text in known.metadata.get_all("Provides-Extra") or ()]
    head = ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {known.version}", *extras, *needs)
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", "\n".join(head) + "\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")
