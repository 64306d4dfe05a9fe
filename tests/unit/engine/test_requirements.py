"""What may be asked for by the name of a package, and what is refused before uv sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qntx.engine.requirements import Requirement, names, read
from qntx.errors import InvalidRequest

HASH = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("requests", ["requests"]),
        ("requests==2.31.0", ["requests==2.31.0"]),
        ("Requests [socks, use_chardet] >= 2, < 3", ["Requests[socks,use_chardet]>=2,<3"]),
        ("a b==1.*\nc~=1.4", ["a", "b==1.*", "c~=1.4"]),
        ("a[x] b", ["a[x]", "b"]),
        ("torch==2.1.0+cpu", ["torch==2.1.0+cpu"]),
    ],
)
def test_names_extras_and_versions_are_understood_one_or_several(text, found):
    assert [requirement.text for requirement in read([text])] == found


def test_names_are_compared_as_indexes_do():
    assert read(["Ruamel.YAML_clib"])[0].name == "ruamel-yaml-clib"


def test_hashes_belong_to_the_package_before_them():
    assert read([f"a==1 --hash={HASH} b"]) == [Requirement("a", "a==1", (HASH,)), Requirement("b", "b")]


@pytest.mark.parametrize(
    "text",
    [
        "--index-url=http://127.0.0.1/",
        "-r /etc/passwd",
        "-e .",
        "../../x",
        "/etc/passwd",
        "a @ file:///etc/passwd",
        "a@http://127.0.0.1/a.whl",
        "git+https://example.org/a",
        "https://example.org/a-1.0-py3-none-any.whl",
        "a; python_version > '3'",
        "a==1; import os",
        "a # b",
        "a==1 --hash=md5:0",
        "--hash=" + HASH,
        "a\\",
        "a==",
        "a[",
        "$(id)",
        "ä",
        "a a",
        "",
        " \n",
        " ".join(f"p{n}" for n in range(101)),
    ],
)
def test_what_is_more_than_a_requirement_is_refused(text):
    with pytest.raises(InvalidRequest, match=r"^package: "):
        read([text])


@given(st.text())
def test_whatever_is_asked_for_what_reaches_uv_is_one_plain_word(text):
    try:
        found = read([text])
    except InvalidRequest:
        return
    for requirement in found:
        assert requirement.text.isascii()
        assert not set(requirement.text) & set(" \t\n\r;@#/\\'\"$&|`:()")
        assert not requirement.text.startswith("-")


def test_to_remove_only_a_name_will_do():
    assert names(["A b"]) == ["a", "b"]
    with pytest.raises(InvalidRequest, match="only the name"):
        names(["a==1"])
