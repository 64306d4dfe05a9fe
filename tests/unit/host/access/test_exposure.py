"""How the host may listen."""

from __future__ import annotations

import pytest

from qntx.errors import InvalidConfig
from qntx.host.access import exposure
from qntx.host.config import HostSection

TLS = {"tls_certificate": "c.pem", "tls_key": "k.pem"}


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_loopback_nothing_is_demanded(address: str) -> None:
    section = HostSection(address=address)

    assert not exposure.demands_tokens(section)
    assert list(exposure.check(section, tokens=0)) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.5", "host.example", "127.0.0.1.example"])
def test_off_loopback_tokens_are_demanded_and_there_must_be_one(address: str) -> None:
    section = HostSection(address=address, **TLS)

    assert exposure.demands_tokens(section)
    with pytest.raises(InvalidConfig, match="qntx token create"):
        list(exposure.check(section, tokens=0))
    assert list(exposure.check(section, tokens=1)) == []


def test_off_loopback_without_tls_is_refused_unless_it_is_meant_and_then_warned_of() -> None:
    with pytest.raises(InvalidConfig, match=r"host\.tls_certificate"):
        list(exposure.check(HostSection(address="0.0.0.0"), tokens=1))

    (warning,) = exposure.check(HostSection(address="0.0.0.0", insecure_http=True), tokens=1)
    assert "without TLS" in warning


def test_a_proxy_that_ends_tls_is_enough() -> None:
    assert list(exposure.check(HostSection(address="0.0.0.0", proxies=["10.0.0.1"]), tokens=1)) == []


@pytest.mark.parametrize("fields", [{"require_token": True}, {"proxies": ["127.0.0.1"]}])
def test_behind_a_proxy_or_where_asked_for_tokens_are_demanded_on_loopback_too(fields: dict) -> None:  # type: ignore[type-arg]
    assert exposure.demands_tokens(HostSection(**fields))


@pytest.mark.parametrize("one", ["tls_certificate", "tls_key"])
def test_half_of_what_tls_takes_is_refused(one: str) -> None:
    with pytest.raises(InvalidConfig, match="go together"):
        list(exposure.check(HostSection(**{one: "x.pem"}), tokens=0))
