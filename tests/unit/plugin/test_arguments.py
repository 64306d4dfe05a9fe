"""The command line, and the name a plugin goes by."""

from __future__ import annotations

import pytest

from qntx.errors import InvalidManifest, InvalidRequest
from qntx.plugin.arguments import read, variant_of


@pytest.mark.parametrize(
    ("program", "argv", "name"),
    [
        ("/x/qntx-bio-plugin", [], "bio"),
        ("/x/libexec/qntx-data-plugin.py", [], "data"),
        ("/x/qntx-my-own-plugin", [], "my-own"),
        ("/x/qntx/plugin/__main__.py", [], "python"),
        ("/x/qntx-bio-plugin", ["--name", "other"], "other"),
    ],
)
def test_the_name_is_the_one_given_or_the_programs_or_python(program, argv, name):
    assert read(program, argv, {}).name == name


def test_the_defaults_are_loopback_and_port_9000():
    arguments = read("p", [], {})

    assert (arguments.host, arguments.port, arguments.log_level) == ("127.0.0.1", 9000, "info")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:38700", "127.0.0.1", 38700), ("localhost:9000", "localhost", 9000), ("[::1]:1", "::1", 1)],
)
def test_an_address_beats_a_port(text, host, port):
    arguments = read("p", ["--port", "1", "--address", text], {})

    assert (arguments.host, arguments.port, arguments.port_is_fixed) == (host, port, True)


def test_what_is_not_known_is_kept_aside():
    assert read("p", ["--mcp", "x", "--port", "5"], {}).unknown == ("--mcp", "x")


@pytest.mark.parametrize(
    ("argv", "field"),
    [
        (["--port", "70000"], "--port"),
        (["--port", "-1"], "--port"),
        (["--address", "9000"], "--address"),
        (["--address", "host:"], "--address"),
        (["--name", "No Good"], "--name"),
        (["--name", "-"], "--name"),
        (["--token-file", "/no/such/file"], "--token-file"),
        (["--tls-key", "k"], "--tls-certificate"),
        (["--tls-client-authority", "ca"], "--tls-client-authority"),
    ],
)
def test_what_cannot_be_is_refused_by_its_flag(argv, field):
    with pytest.raises(InvalidRequest) as caught:
        read("p", argv, {})

    assert caught.value.field == field


def test_a_token_comes_from_a_file_or_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text("from-file\n")

    assert read("p", [], {"QNTX_PLUGIN_TOKEN": "from-env"}).credentials.token == "from-env"
    assert read("p", ["--token-file", str(file)], {"QNTX_PLUGIN_TOKEN": "x"}).credentials.token == "from-file"


def test_an_empty_token_file_is_no_open_door(tmp_path):
    (tmp_path / "token").write_text("\n")

    with pytest.raises(InvalidRequest, match="empty"):
        read("p", ["--token-file", str(tmp_path / "token")], {})


def test_without_a_manifest_a_variant_is_plain():
    plain, python = variant_of("bio", None, "1.2.3"), variant_of("python", None, "1.2.3")

    assert (plain.glyph, plain.version, plain.preload) == ("py:bio", "1.2.3", ())
    assert python.glyph == "py"


def test_a_manifest_that_is_wrong_is_refused_with_its_file(tmp_path):
    manifest = tmp_path / "plugin.toml"
    manifest.write_text("glyhp = 'py'")

    with pytest.raises(InvalidManifest, match="unknown key 'glyhp'"):
        variant_of("bio", manifest, "1.0.0")
    with pytest.raises(InvalidRequest, match="--manifest"):
        variant_of("bio", tmp_path / "none.toml", "1.0.0")
