"""The variants there are: a folder of manifests, found and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import qntx
from qntx.errors import NotFound, Refused
from qntx.model import variant
from qntx.model.variant import Variant

MANIFEST = "plugin.toml"

PACKAGE = Path(qntx.__file__).parent


@dataclass(frozen=True, slots=True)
class Folder:
    """One variant's folder: its manifest, and whatever it brings along."""

    variant: Variant
    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / MANIFEST

    @property
    def ingest(self) -> Path:
        """Its own ingest scripts, one a file."""
        return self.path / "ingest"


def find(told: Path | None = None, start: Path | None = None) -> Path:
    """The folder of the variants: as told, else of the checkout around us, else as shipped with us."""
    if told is not None:
        if not told.is_dir():
            raise NotFound(f"no such folder of variants: {told}")
        return told.absolute()
    here = start or Path.cwd()
    checkout = [above / "variants" for above in (here, *here.parents)]
    for folder in (*checkout, PACKAGE / "variants", PACKAGE.parents[2] / "variants"):
        if any(folder.glob(f"*/{MANIFEST}")):
            return folder
    raise NotFound("no folder of variants here or above: say which with --variants DIR")


def load(folder: Path) -> dict[str, Folder]:
    """Every variant of the folder by name, each manifest held against the rules."""
    variant.refuse_shadowed([path.parent.name for path in folder.glob(f"*/{MANIFEST}")], str(folder))
    return {path.parent.name: Folder(read(path), path.parent) for path in sorted(folder.glob(f"*/{MANIFEST}"))}


def read(manifest: Path, name: str = "") -> Variant:
    """One manifest's variant, named as told, else as its folder is."""
    try:
        text = manifest.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"cannot read the manifest {manifest}: {error}") from error
    return variant.parse(name or manifest.absolute().parent.name, text, str(manifest))


def choose(folders: dict[str, Folder], names: Sequence[str]) -> list[Folder]:
    """Those of the names, or all where none is given."""
    for name in names:
        if name not in folders:
            raise NotFound(f"no variant '{name}' (nearest: {variant.nearest(name, folders)})")
    return [folders[name] for name in names or folders]
