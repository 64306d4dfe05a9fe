"""qntx plugin packages, install and remove: a running plugin gets what a person asks for."""

from __future__ import annotations

import json

from tests.wheels import wheel


def test_packages_are_installed_listed_and_removed_from_the_command_line(
    start_host, bare_home, launcher, command_line, tmp_path, monkeypatch
):
    index, empty = tmp_path / "index", tmp_path / "empty"
    index.mkdir()
    empty.mkdir()
    wheel(index, "leaf", "1.0")
    wheel(index, "tree", "1.0", "import leaf\nheight = 7\n", ["leaf"])
    monkeypatch.setenv("UV_DEFAULT_INDEX", empty.as_uri())
    monkeypatch.setenv("UV_FIND_LINKS", str(index))
    (bare_home.plugins / "qntx-python-plugin").symlink_to(launcher("python"))
    host = start_host()
    host.until_state("python", "running")

    installed = command_line("plugin", "install", "python", "tree>=1")
    again = command_line("plugin", "install", "python", "tree")
    height = host.execute("import tree\ntree.height")["result"]
    listed = json.loads(command_line("plugin", "packages", "python", "--json").stdout)
    missing = command_line("plugin", "install", "python", "no-such-package-anywhere")
    removed = command_line("plugin", "remove", "python", "tree")

    assert (installed.returncode, installed.stdout) == (0, "leaf 1.0\ntree 1.0\n")
    assert again.stdout == "nothing to do: all of it is there\n"
    assert height == 7
    assert [(each["name"], each["requested"]) for each in listed] == [("leaf", False), ("tree", True)]
    assert missing.returncode != 0
    assert "no-such-package-anywhere was not found" in missing.stderr
    assert removed.stdout == "leaf\ntree\n"
    assert json.loads(command_line("plugin", "packages", "python", "--json").stdout) == []
