"""What a run could import is looked up once, and again when something was installed."""

from __future__ import annotations

from pathlib import Path

from qntx.model.variant import parse
from qntx.plugin.inventory import Inventory


def install(folder: Path, name: str) -> None:
    described = folder / f"{name}-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")


async def test_runs_one_after_another_have_the_very_same_inventory(tmp_path: Path) -> None:
    inventory = Inventory(parse("bio", "", "plugin.toml"))

    taken = [await inventory.now((str(tmp_path),)) for _ in range(3)]

    assert taken[0] is taken[1] is taken[2]


async def test_what_was_installed_is_in_the_next_runs_inventory(tmp_path: Path) -> None:
    inventory = Inventory(parse("bio", "", "plugin.toml"))
    before = await inventory.now((str(tmp_path),))

    install(tmp_path, "something")
    inventory.changed()
    after = await inventory.now((str(tmp_path),))

    assert before["packages_sha256"] != after["packages_sha256"]
