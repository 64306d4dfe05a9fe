"""am.toml and the environment: what is read, and how what is wrong is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from qntx.errors import InvalidConfig
from qntx.host import config
from qntx.host.config import HostSection, PluginSection
from qntx.host.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (root := tmp_path / "home").mkdir()
    return Home(root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (deep := tmp_path / "project" / "src").mkdir(parents=True)
    return deep


def test_without_a_file_everything_has_its_default(home: Home, folder: Path) -> None:
    read = config.load(home, folder=folder)

    assert (read.plugin, read.host, read.files) == (PluginSection(), HostSection(), ())


def test_the_projects_file_goes_over_the_homes_key_by_key(home: Home, folder: Path) -> None:
    home.config.write_text('[host]\nport = 1\nlog_level = "debug"\n[bio]\na = 1\nb = 1')
    (folder.parent / "am.toml").write_text("[host]\nport = 2\n[bio]\nb = 2")

    read = config.load(home, folder=folder)

    assert (read.host.port, read.host.log_level) == (2, "debug")
    assert read.of_plugins == {"bio": {"a": 1, "b": 2}}
    assert read.files == (home.config, folder.parent / "am.toml")


def test_the_environment_goes_over_the_files(home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.config.write_text("[host]\nport = 1")
    monkeypatch.setenv("QNTX_HOST_PORT", "2")
    monkeypatch.setenv("QNTX_PLUGIN_ENABLED", "bio, data")
    monkeypatch.setenv("QNTX_HOST_FETCH_PRIVATE", "true")

    read = config.load(home, folder=folder)

    assert (read.host.port, read.host.fetch_private, read.plugin.enabled) == (2, True, ["bio", "data"])


def test_a_named_file_replaces_the_others(home: Home, folder: Path, tmp_path: Path) -> None:
    home.config.write_text("[host]\nport = 1")
    (named := tmp_path / "named.toml").write_text('[plugin]\nenabled = ["bio"]')

    read = config.load(home, named=named, folder=folder)

    assert (read.host.port, read.plugin.enabled) == (8777, ["bio"])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[host]\nprot = 1", r"host\.prot: no such key; did you mean 'port'\?"),
        ("[hsot]\nport = 1", r"\[hsot\]: no such section; did you mean 'host'\?"),
        ('[host]\nport = "x"', r"host\.port: Expected `int`"),
        ("[host]\nport = 70000", r"host\.port: Expected `int` <= 65535"),
        ('[host]\nlog_level = "loud"', r"host\.log_level: "),
        ("[plugin]\nenabled = [1]", r"plugin\.enabled\[0\]: Expected `str`"),
        ("port = 1", "keys stand in sections"),
        ("[host", "am.toml: "),
    ],
)
def test_what_is_wrong_is_named_with_its_file(home: Home, folder: Path, text: str, fault: str) -> None:
    home.config.write_text(text)

    with pytest.raises(InvalidConfig, match=fault) as refused:
        config.load(home, folder=folder)

    assert str(home.config) in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "text", "fault"),
    [("QNTX_HOST_PRT", "1", "did you mean 'port'"), ("QNTX_HOST_PORT", "many", "Expected `int`")],
)
def test_a_wrong_variable_is_named(
    home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, text: str, fault: str
) -> None:
    monkeypatch.setenv(variable, text)

    with pytest.raises(InvalidConfig, match=fault) as refused:
        config.load(home, folder=folder)

    assert variable in str(refused.value)


def test_the_reference_has_every_key_and_is_a_valid_file(home: Home, tmp_path: Path) -> None:
    text = config.reference()
    (file := tmp_path / "reference.toml").write_text(
        "\n".join(
            line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()
        )
    )

    read = config.load(home, named=file)

    assert read.host == HostSection()
    for section in config.SECTIONS.values():
        for key in msgspec.structs.fields(section):
            assert f"#{key.name} = " in text
