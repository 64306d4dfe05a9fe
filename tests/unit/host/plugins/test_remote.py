"""What a section says of a plugin that runs elsewhere, and where its replicas are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from qntx.errors import InvalidConfig, InvalidRequest, PluginUnavailable
from qntx.host.plugins.remote import remotes, target
from qntx.host.plugins.settings import flattened
from qntx.model.attached import Address, parse_address

RECORDS = {
    "bio.lab": ["10.0.0.6", "10.0.0.5", "10.0.0.5"],
    "both.lab": ["fd00::5", "10.0.0.7"],
    "six.lab": ["fd00::5"],
}


async def look_up(name: str) -> Sequence[str]:
    if name not in RECORDS:
        raise OSError("Name or service not known")
    return RECORDS[name]


def remote(**section: Any) -> Any:
    return remotes({"bio": section}, {"TOKEN": "s3cret"})["bio"]


def test_only_a_section_with_an_address_is_of_a_plugin_elsewhere() -> None:
    assert list(remotes({"bio": {"address": "a:1"}, "data": {"email": "x"}}, {})) == ["bio"]


@pytest.mark.parametrize(
    ("section", "where", "fault"),
    [
        ({"address": "10.0.0.5"}, "bio.address", "'10.0.0.5' is not HOST:PORT"),
        ({"address": "fd00::5:1"}, "bio.address", "is not HOST:PORT"),
        ({"address": "a:99999"}, "bio.address", "99999 is not a port"),
        ({"address": []}, "bio.address", "is HOST:PORT, or a list of them"),
        ({"address": 5}, "bio.address", "is HOST:PORT, or a list of them"),
        ({"address": "database"}, "bio.address", "hosts share none: set host.database"),
        ({"address": ["database"]}, "bio.address", "'database' is not HOST:PORT"),
        ({"address": "a:1", "tls": "yes"}, "bio.tls", "is true or false"),
        ({"address": "a:1", "tls_key": "k.pem"}, "bio.tls_certificate", "goes with tls_key"),
        ({"address": "a:1", "token": "t", "token_file": "f"}, "bio.token", "goes without token_file"),
        ({"address": "a:1", "token": "env:NONE"}, "bio.token", "the variable NONE is not set"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(section: dict[str, Any], where: str, fault: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        remote(**section)

    assert refused.value.where == where
    assert fault in str(refused.value)


def test_a_token_is_shown_as_a_bearer(tmp_path: Any) -> None:
    (tmp_path / "token").write_text("filed\n")

    assert remote(address="a:1").metadata() == ()
    assert remote(address="a:1", token="env:TOKEN").metadata() == (("authorization", "Bearer s3cret"),)
    assert remote(address="a:1", token_file=str(tmp_path / "token")).metadata() == (("authorization", "Bearer filed"),)
    with pytest.raises(PluginUnavailable, match="cannot be read"):
        remote(address="a:1", token_file=str(tmp_path / "none")).metadata()


async def test_each_address_and_each_record_of_a_name_is_a_replica() -> None:
    wanted = remote(address=["bio.lab:1", "127.0.0.1:2", "[fd00::9]:3", "both.lab:4", "unknown.lab:5"])

    found = await wanted.replicas(look_up)

    assert list(map(str, found)) == ["10.0.0.5:1", "10.0.0.6:1", "10.0.0.7:4", "127.0.0.1:2", "[fd00::9]:3"]


async def test_where_no_name_is_known_it_is_said() -> None:
    with pytest.raises(PluginUnavailable, match=r"nothing is known of unknown\.lab:1: Name or service not known"):
        await remote(address="unknown.lab:1").replicas(look_up)


async def test_what_joined_in_the_database_is_a_replica_and_nobody_is_no_fault() -> None:
    database = "postgresql://db/qntx"
    wanted = remotes({"bio": {"address": "database"}}, {}, database=database)["bio"]

    assert str(wanted) == "database"
    assert await wanted.replicas(look_up) == []
    found = await wanted.replicas(look_up, joined=[Address("127.0.0.1", 2), Address("six.lab", 1)])
    assert list(map(str, found)) == ["127.0.0.1:2", "[fd00::5]:1"]
    with pytest.raises(PluginUnavailable, match=r"nothing is known of unknown\.lab:5"):
        await wanted.replicas(look_up, joined=[Address("unknown.lab", 5)])


def test_certificates_of_replicas_that_join_need_one_name() -> None:
    section = {"address": "database", "tls": True}

    with pytest.raises(InvalidConfig, match=r"bio\.tls_name: is needed"):
        remotes({"bio": section}, {}, database="postgresql://db/qntx")
    assert remotes({"bio": section | {"tls_name": "bio.lab"}}, {}, database="postgresql://db/qntx")["bio"].tls


async def test_a_name_without_records_of_ipv4_has_those_of_ipv6() -> None:
    assert await remote(address="six.lab:1").replicas(look_up) == [Address("fd00::5", 1)]


def test_one_target_holds_addresses_of_both_kinds() -> None:
    four, six = Address("10.0.0.5", 1), Address("fd00::5", 2)

    assert target([four, Address("10.0.0.6", 1)]) == "ipv4:10.0.0.5:1,10.0.0.6:1"
    assert target([four, six]) == "ipv6:[::ffff:10.0.0.5]:1,[fd00::5]:2"


@pytest.mark.parametrize(
    ("text", "loopback", "unspecified"),
    [
        ("127.0.0.1:1", True, False),
        ("localhost:1", True, False),
        ("[::1]:1", True, False),
        ("0.0.0.0:1", False, True),
        ("[::]:1", False, True),
        ("10.0.0.5:1", False, False),
        ("bio.lab:1", False, False),
    ],
)
def test_an_address_knows_who_can_reach_it(text: str, loopback: bool, unspecified: bool) -> None:
    address = parse_address("address", text)

    assert (str(address), address.loopback, address.unspecified) == (text, loopback, unspecified)


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="not HOST:PORT"):
        parse_address("address", "bio.lab")


def test_the_plugin_is_not_told_what_is_meant_for_the_host() -> None:
    assert flattened("bio", {"address": "a:1", "token": "t", "tls": True, "email": "x"}, {}) == {"email": "x"}
